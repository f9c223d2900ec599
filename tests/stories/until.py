"""Waiting for what must happen, and no longer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds after which something that did not happen is a failure. Generous: the machine may be busy with other things."""


async def until(look: Callable[[], Awaitable[T]], within: float = PATIENCE, what: str = "") -> T:
    """The first true value that `look` gives. An AssertionError it raises counts as false; the last one is told at the end."""
    end, last = time.monotonic() + within, "it stayed false"
    while True:
        try:
            found = await look()
        except AssertionError as problem:
            found, last = None, str(problem)
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what or 'it'} did not happen within {within:g} s: {last}")
        await asyncio.sleep(0.01)
