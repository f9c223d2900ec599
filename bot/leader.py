"""What only one of all replicas does: it begins with each term of office, and has ended before anybody else may begin."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, delete, insert

from bot import metrics
from bot.store import news
from bot.store.engine import Store
from bot.store.tables import facts
from bot.store.writer import StoreUnavailable

log = structlog.get_logger()

Work = Callable[[], Coroutine[Any, Any, None]]

PAUSE = 1.0
"""Seconds after a term that ended by itself, for somebody else may have more luck; and until what failed is tried again."""


class Leader:
    """`work`: by name, what is to be done while leading. `ended` hears of what ended by itself. `gained`: before it begins.

    `digest` names the config in force here. Without other replicas (SQLite) it leads all the time.
    """

    def __init__(
        self,
        store: Store,
        work: Callable[[], Mapping[str, Work]],
        digest: Callable[[], str],
        gained: Callable[[], None],
        ended: Callable[[asyncio.Task[None]], None],
    ) -> None:
        self._store, self._work, self._digest, self._gained, self._ended = store, work, digest, gained, ended
        self.leads = store.line is None

    async def run(self) -> None:
        """Until cancelled; then nothing of the work is left, and somebody else may lead."""
        line = self._store.line
        if line is None:
            await self._rule(asyncio.Event().wait)
            return
        try:
            while True:
                await line.won()
                await self._rule(line.lost)
                await asyncio.sleep(PAUSE)
        finally:
            await line.leave()

    async def announce(self) -> None:
        """Tells the other replicas who leads, with which config. Raises StoreUnavailable."""
        if self._store.line:
            await self._store.write(self._enter, f"{self._store.run} {self._digest()}")

    async def _introduce(self) -> None:
        """The first announcement of a term. Nothing waits for it: cards that others add until then are asked about before."""
        while True:
            try:
                await self.announce()
                return
            except StoreUnavailable as problem:
                log.warning("leading_waits_for_store", reason=str(problem))
                await asyncio.sleep(PAUSE)

    async def _rule(self, over: Callable[[], Awaitable[object]]) -> None:
        tasks: list[asyncio.Task[None]] = []
        try:
            if self._store.line:
                self._store.run = secrets.token_hex(4)  # whoever led meanwhile, this process too, may have tried to post
                log.info("leading", term=self._store.run)
            self.leads = True
            metrics.LEADS.set(1)
            self._gained()
            for name, work in {"introduction": self._introduce, **self._work()}.items():
                tasks.append(asyncio.create_task(work(), name=name))
                tasks[-1].add_done_callback(self._ended)
            await over()
            log.warning("leading_no_more", term=self._store.run)
        finally:
            self.leads = False
            metrics.LEADS.set(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _enter(self, conn: Connection, leaders: Sequence[str]) -> list[None]:
        if not self._store.lost:  # else somebody else may have said so of themselves already
            conn.execute(delete(facts).where(facts.c.name == "leader"))
            conn.execute(insert(facts).values(name="leader", value=leaders[-1]))
            news.leads(conn, leaders[-1])
        return [None for _ in leaders]
