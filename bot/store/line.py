"""The line between replicas on one PostgreSQL: who leads, and what the others did. One connection of its own.

Leading is an advisory lock of the session: whoever dies, is cut off or hangs loses it with the connection, which the server ends
by itself. Whoever leads knows at any moment for how long it surely still does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it brings no types
import structlog

from bot.store.news import CHANNEL, SEQUENCE, News, read, written

log = structlog.get_logger()

LEADER_LOCK = 0x70C52
BEAT = 0.5
"""Seconds between two looks: whether the place of the leader is free, or whether it is still ours."""

ANSWER_SECONDS = 2.5
"""A look that takes longer counts as a lost line. The server gives a silent one up after SERVER_SECONDS, so always later."""
SERVER_SECONDS = 4
SETTINGS = {
    "idle_session_timeout": f"{SERVER_SECONDS}s",  # who hangs leads no more
    "tcp_keepalives_idle": "1", "tcp_keepalives_interval": "1", "tcp_keepalives_count": "3",  # nor whose machine is gone
}  # fmt: skip
AGAIN_SECONDS = 0.2
CATCH_UP_SECONDS = 1.0
MOST_UNSENT = 1000

_FACT = "SELECT value FROM facts WHERE name = $1"
LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Line:
    """`heard` is called with what other replicas tell, `missed` when some of it may have been missed."""

    def __init__(self, connect: Callable[[], Awaitable[Any]], process: str) -> None:
        self._connect, self._process = connect, process
        self.heard: Callable[[News], None] = lambda _: None
        self.missed: Callable[[], None] = lambda: None
        self.leader = ""
        self.stood = False  # for the place of the leader, ever
        self._raw: Any = None  # asyncpg's connection, once all is set up
        self._number = 0
        self._stands, self._sure_until = False, 0.0
        self._holds, self._free = asyncio.Event(), asyncio.Event()
        self._woken, self._moved = asyncio.Event(), asyncio.Event()
        self._busy = asyncio.Lock()
        self._look: asyncio.Task[bool] | None = None
        self._task: asyncio.Task[None] | None = None
        self._unsent: list[News] = []

    @property
    def leads(self) -> bool:
        """Whether nobody else can lead at this moment."""
        return self._holds.is_set() and time.monotonic() < self._sure_until

    @property
    def up(self) -> bool:
        return self._raw is not None

    async def won(self) -> None:
        """Stands for the place of the leader, and returns when it is ours."""
        self._stands = self.stood = True
        self._woken.set()
        await self._holds.wait()

    async def lost(self) -> None:
        """Returns when it is ours no more. From then on others may have it; call `won` when all that leading means has ended."""
        await self._free.wait()

    def tell(self, news: News) -> None:
        """Tells all replicas, as soon as the line is up."""
        self._unsent = [*self._unsent[-MOST_UNSENT:], news]
        self._woken.set()

    async def leave(self) -> None:
        """Gives the place up, if it is ours, and has the others know at once."""
        self._stands, raw = False, self._raw
        if raw is None or not self._holds.is_set():
            return
        self._give_up()
        try:
            async with self._busy, asyncio.timeout(ANSWER_SECONDS):
                await raw.fetchval("SELECT pg_advisory_unlock_all()")
                await self._notify(raw, News(self._process, vacant=True))
        except LOST as problem:
            log.info("line_left", reason=_reason(problem))

    async def current(self) -> bool:
        """Whether all is known here that any replica had committed when this was called."""
        if self._look is None:
            self._look = asyncio.create_task(self._ask(), name="line-current")
        return await asyncio.shield(self._look)

    async def _ask(self) -> bool:
        """One question for all who waited meanwhile."""
        try:
            async with self._busy:
                self._look = None  # whoever comes from now on may mean a later moment
                if self._raw is None:
                    return False
                number = int(await self._raw.fetchval(_FACT, SEQUENCE, timeout=ANSWER_SECONDS) or 0)
            async with asyncio.timeout(CATCH_UP_SECONDS):
                while self._number < number:
                    self._moved.clear()
                    await self._moved.wait()
        except LOST:
            return False
        return self._raw is not None

    async def start(self) -> asyncio.Task[None]:
        """Connects, or has tried to and goes on trying. The task never ends by itself."""
        tried = asyncio.Event()
        self._task = asyncio.create_task(self._run(tried), name="line")
        await tried.wait()
        return self._task

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, tried: asyncio.Event) -> None:
        while True:
            raw = None
            try:
                raw = await self._connect()
                await self._live(raw, tried)
                log.warning("line_lost", reason="the connection was closed")
            except LOST as problem:
                log.warning("line_lost", reason=_reason(problem))
            finally:
                self._raw = None
                self._give_up()
                if raw is not None:
                    raw.terminate()
            tried.set()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _live(self, raw: Any, tried: asyncio.Event) -> None:
        raw.add_termination_listener(lambda _: self._woken.set())
        await raw.add_listener(CHANNEL, self._hears)
        self.leader = await raw.fetchval(_FACT, "leader") or ""
        self._number = int(await raw.fetchval(_FACT, SEQUENCE) or 0)
        self._raw = raw
        tried.set()
        self.missed()
        while not raw.is_closed():
            self._woken.clear()
            await self._beat(raw)
            try:
                async with asyncio.timeout(BEAT):
                    await self._woken.wait()
            except TimeoutError:
                pass  # nothing happened meanwhile: time itself is what was waited for

    async def _beat(self, raw: Any) -> None:
        """Sees that the line is up, takes the place of the leader if it is free, tells what waits."""
        began, mine = time.monotonic(), self._holds.is_set()
        if mine and not self.leads:  # whatever was dropped meanwhile is for the next term to ask about
            raise TimeoutError("no beat in time")
        async with asyncio.timeout(ANSWER_SECONDS), self._busy:
            if mine or not self._stands:
                await raw.fetchval("SELECT 1")
            else:
                mine = await raw.fetchval("SELECT pg_try_advisory_lock($1)", LEADER_LOCK)
            while self._unsent:
                await self._notify(raw, self._unsent[0])
                del self._unsent[0]
        self._sure_until = began + SERVER_SECONDS
        if mine and self._stands:
            self._free.clear()
            self._holds.set()

    async def _notify(self, raw: Any, news: News) -> None:
        await raw.execute("SELECT pg_notify($1, $2)", CHANNEL, written(0, news))

    def _give_up(self) -> None:
        """Whoever held the place has to end its work before it stands again; who only waits for it waits on, however often a
        new connection fails."""
        if self._holds.is_set():
            self._stands = False
        self._holds.clear()
        self._free.set()

    def _hears(self, _raw: Any, _pid: int, _channel: str, told: str) -> None:
        number, news = read(told)
        if news.leader:
            self.leader = news.leader
        if news.vacant:
            self._woken.set()
        if news.by != self._process:
            self.heard(news)
        if number:
            self._number = max(self._number, number)
            self._moved.set()


def _reason(problem: BaseException) -> str:
    return str(problem) or type(problem).__name__
