"""Wakes up when something is due: rows with a due time, so that all of it survives a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Connection

from bot import recheck
from bot.absorb import Told
from bot.intake import Intake
from bot.policy import Policy
from bot.store import alerts, incidents
from bot.store.alerts import Key
from bot.store.engine import Store
from bot.store.writer import StoreUnavailable

log = structlog.get_logger()

AFTER_COMMIT = 0.05
"""Seconds that a commit is left to those who show it, before it is looked at for what is due next."""

LONGEST_SLEEP = 5.0
"""Seconds between two looks at the clock at most: it may jump."""

GRACE = 300.0
"""Seconds after the start in which no alert expires: rows lag behind what was re-sent, and senders repeat within minutes."""


class Jobs:
    """Ticks incidents and expires alerts. `wake()` after each commit: something may be due sooner now.

    `lag`: how many seconds later than its row says an alert expires.
    """

    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        clock: Callable[[], float],
        told: Callable[[Told], None],
        intake: Intake,
        grace: float = GRACE,
        lag: float = 0.0,
    ) -> None:
        self._store, self._policy, self._clock, self._told, self._intake = store, policy, clock, told, intake
        self._grace, self._lag = grace, lag
        self._expire_from = clock() + grace
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    def begin(self) -> None:
        """From now on it is this process that expires alerts: rows lag behind what another one heard."""
        self._expire_from = self._clock() + self._grace

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                pause = await self._once()
            except StoreUnavailable as problem:
                log.warning("jobs_wait_for_store", reason=str(problem))
                pause = 1.0
            if pause > 0:
                await self._sleep(pause)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
            await asyncio.sleep(AFTER_COMMIT)
        except TimeoutError:
            pass  # nothing happened meanwhile: time itself is what was waited for
        self._woken.clear()

    async def _once(self) -> float:
        """Does what is due; returns how long to sleep, in seconds (0.0: there may be more to do)."""
        now = self._clock()
        next_due = await self._store.read(incidents.next_due)
        if next_due <= now:
            self._told(await self._store.write(self._tick, None))
            return 0.0
        if now >= self._expire_from and await self._store.read(_anything_expiring, now - self._lag):
            told, keys = await self._store.write(self._expire, None)
            for key in keys:
                self._intake.forget(*key)
            self._told(told)
            return 0.0
        return max(0.0, min(next_due - self._clock(), LONGEST_SLEEP))

    def _tick(self, conn: Connection, items: Sequence[None]) -> list[Told]:
        return [recheck.tick_due(conn, self._policy(), self._store.run, self._clock()) for _ in items]

    def _expire(self, conn: Connection, items: Sequence[None]) -> list[tuple[Told, list[Key]]]:
        policy, expiry = self._policy(), self._intake.expiry
        return [recheck.expire_due(conn, policy, self._store.run, self._clock(), expiry, self._lag) for _ in items]


def _anything_expiring(conn: Connection, now: float) -> bool:
    return bool(alerts.expiring(conn, now, 1))
