"""When the gateway may be tried again: soon after a link that worked, later and later while that leads nowhere."""

from __future__ import annotations

import asyncio
import random
from typing import NamedTuple

FEW = 0.25
"""The part of the day's sessions from which on they are spread over what is left of the day. One too many, and Discord resets the
token."""


class Waits(NamedTuple):
    """How long it waits for what, in seconds. With these it is back within 10 s of the end of any outage."""

    opening: float = 5.0  # for Discord's word on whether one may connect, then for the login, then for the session
    heartbeat: float = 4.0  # without a word from the gateway until it is asked for one, and then until that is missed
    longest_pause: float = 4.0  # between two tries
    settled: float = 5.0  # until a link counts as one that works
    identify: float = 5.0  # between two new sessions, as Discord asks
    refused: float = 60.0  # between two tries where only a person can help
    closing: float = 1.0  # for saying goodbye


WAITS = Waits()


class Pace:
    """`turn` before each try; then what became of it."""

    def __init__(self, waits: Waits = WAITS) -> None:
        self._waits, self._failures = waits, 0
        self._next = self._spread = 0.0

    async def turn(self) -> None:
        """Returns when the next try is due."""
        loop = asyncio.get_running_loop()
        while (left := self._next - loop.time()) > 0:  # noqa: ASYNC110  # it may be put off meanwhile
            await asyncio.sleep(left)

    def identified(self) -> None:
        """A new session was asked for."""
        self._not_before(self._waits.identify)

    def budget(self, total: int, remaining: int, reset_after: float) -> None:
        """How many sessions Discord still allows until, in seconds, it allows `total` again."""
        self._spread = reset_after / max(remaining, 1) if remaining < total * FEW else 0.0

    def worked(self) -> None:
        self._failures = 0

    def failed(self, wait: float | None = None) -> float:
        """The pause until the next try, in seconds. `wait`: what Discord asks for."""
        self._failures += 1
        grown = 0.25 * 2.0 ** min(self._failures, 10)
        pause = min(self._waits.longest_pause, grown) * random.uniform(0.7, 1.0)
        return self._not_before(max(pause, wait or 0.0, self._spread))

    def _not_before(self, pause: float) -> float:
        self._next = max(self._next, asyncio.get_running_loop().time() + pause)
        return pause
