"""Wakes up when something is due: rows with a due time, so that all of it survives a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Connection

from bot import recheck
from bot.absorb import Told
from bot.intake import Intake
from bot.leap import Leap, bring_back, bring_back_incidents
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

    `lag`: how many seconds later than its row says an alert expires. `ticks`: seconds that do not jump, as the clock may.
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
        ticks: Callable[[], float] | None = None,
    ) -> None:
        self._store, self._policy, self._clock, self._told, self._intake = store, policy, clock, told, intake
        self._grace, self._lag = grace, lag
        self._ticks = ticks or clock
        self._leap, self._jump, self._looks_back = Leap(clock, self._ticks), 0.0, True
        self._expire_from = self._ticks() + grace
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    def begin(self) -> None:
        """From now on it is this process that expires alerts: rows lag behind what another one heard, by a clock of its own."""
        self._expire_from, self._looks_back = self._ticks() + self._grace, True

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
        await self._mind_the_clock()
        now = self._clock()
        next_due = await self._store.read(incidents.next_due)
        if next_due <= now:
            self._told(await self._store.write(self._tick, None))
            return 0.0
        if self._ticks() >= self._expire_from and await self._store.read(_anything_expiring, now - self._lag):
            told, keys = await self._store.write(self._expire, None)
            for key in keys:
                self._intake.forget(*key)
            self._told(told)
            return 0.0
        return max(0.0, min(next_due - self._clock(), LONGEST_SLEEP))

    async def _mind_the_clock(self) -> None:
        """After a jump, and at first: what waits in rows waits no longer by it, nothing expires before it can be sent again."""
        if jump := self._leap.taken():
            log.warning("clock_jumped", seconds=round(jump, 1))
            self._jump += jump
            self.begin()
        if not self._looks_back:
            return
        await self._store.write(self._bring_back, self._jump)
        (jump, self._jump), after = (self._jump, 0.0), -1
        while after:
            after = await self._store.write(self._bring_back_incidents, (max(after, 0), jump))
        self._looks_back = False

    def _bring_back(self, conn: Connection, jumps: Sequence[float]) -> list[None]:
        for jump in jumps:
            bring_back(conn, self._policy(), jump, self._clock())
        return [None for _ in jumps]

    def _bring_back_incidents(self, conn: Connection, pages: Sequence[tuple[int, float]]) -> list[int]:
        return [bring_back_incidents(conn, self._policy(), after, jump, self._clock()) for after, jump in pages]

    def _tick(self, conn: Connection, items: Sequence[None]) -> list[Told]:
        return [recheck.tick_due(conn, self._policy(), self._store.run, self._clock()) for _ in items]

    def _expire(self, conn: Connection, items: Sequence[None]) -> list[tuple[Told, list[Key]]]:
        policy, expiry = self._policy(), self._intake.expiry
        return [recheck.expire_due(conn, policy, self._store.run, self._clock(), expiry, self._lag) for _ in items]


def _anything_expiring(conn: Connection, now: float) -> bool:
    return bool(alerts.expiring(conn, now, 1))
