"""Requests under way, so that a stop can let them end: aiohttp alone would drop the bodies that are still arriving."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web


class Drain:
    """Its `count` is the outermost middleware."""

    def __init__(self) -> None:
        self._under_way = 0
        self._ending = False
        self._quiet = asyncio.Event()

    @web.middleware
    async def count(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        self._under_way += 1
        try:
            response: web.StreamResponse = await handler(request)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._quiet.set()
        if self._ending:
            response.force_close()  # or busy senders would go on for ever
        return response

    async def wait(self, seconds: float) -> None:
        """Returns when nothing is under way any more, after `seconds` at the latest."""
        self._ending = True
        try:
            async with asyncio.timeout(seconds):
                while self._under_way:
                    self._quiet.clear()
                    await self._quiet.wait()
        except TimeoutError:
            pass  # who dawdles is hung up on, and sends again
