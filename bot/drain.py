"""Requests under way, so that a stop can let them end: aiohttp alone would drop the bodies that are still arriving."""

from __future__ import annotations

import asyncio


class Drain:
    """`ending`: Tocsin stops, so connections are closed after the answer."""

    def __init__(self) -> None:
        self.ending = False
        self.under_way = 0
        self._quiet = asyncio.Event()

    def enter(self) -> None:
        self.under_way += 1

    def leave(self) -> None:
        self.under_way -= 1
        if not self.under_way:
            self._quiet.set()

    async def wait(self, seconds: float) -> None:
        """Returns when nothing is under way any more, after `seconds` at the latest."""
        self.ending = True
        try:
            async with asyncio.timeout(seconds):
                while self.under_way:
                    self._quiet.clear()
                    await self._quiet.wait()
        except TimeoutError:
            pass  # who dawdles is hung up on, and sends again
