"""PostgreSQL behind the store, for any number of replicas: each writes, one transaction of all of them at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]  # it brings no types
from sqlalchemy import Connection, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from bot.store import news
from bot.store.line import SETTINGS, Line

R = TypeVar("R")

LOCKED = "55P03"
"""PostgreSQL's code for a lock that could not be had in time."""

WRITER_LOCK = 0x70C51
"""The advisory lock that each writing transaction holds to its end. What it read stays true until it commits, so that numbers,
the audit chain and every decision on what an alert means are those of one writer."""

READERS = 8

CONNECT_SECONDS = 10.0

ANSWER_SECONDS = 30.0
"""A statement that takes longer is given up: the server is away, whatever the network says."""

LOCKED_SECONDS, SHORTLY = 5.0, 0.5
"""How long a lock of somebody else is waited for, as bot/store/sqlite.py does; the second, when the one before has given up."""

HANGING = {
    "idle_in_transaction_session_timeout": "10s",  # a replica that hangs must not keep the others from writing
    "tcp_keepalives_idle": "1", "tcp_keepalives_interval": "1", "tcp_keepalives_count": "3",  # nor one whose machine is gone
}  # fmt: skip


class Postgres:
    """`address`: what follows `postgresql://`; `process`: what names this one to the other replicas.

    Raises SQLAlchemy's errors and OSError, ValueError for an address that is none.
    """

    def __init__(self, address: str, process: str = "") -> None:
        url = make_url(f"postgresql+asyncpg://{address}")
        if "sslmode" in url.query:  # as the rest of the PostgreSQL world writes it
            url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": url.query["sslmode"]})
        common = partial(
            create_async_engine,
            url,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,  # errors go to logs
        )
        arguments = {"timeout": CONNECT_SECONDS, "command_timeout": ANSWER_SECONDS}
        reading = HANGING | {"lock_timeout": f"{LOCKED_SECONDS:.0f}s"}
        self._process = process
        self._writing = common(pool_size=1, connect_args=arguments | {"server_settings": HANGING})
        self._reading = common(
            pool_size=READERS, isolation_level="REPEATABLE READ", connect_args=arguments | {"server_settings": reading}
        )
        self._patience = 0.0  # none is too long at first: another replica may be bringing the tables up to date
        self._asked: set[asyncio.Task[Any]] = set()  # reads under way
        self.line = Line(self._call, process)

    async def transact(self, work: Callable[[Connection], R]) -> R:
        """Runs `work` in a transaction and returns what it returned, after the commit."""
        try:
            async with self._writing.begin() as conn:
                result = await conn.run_sync(self._alone, work)
        except DBAPIError as problem:
            if getattr(problem.orig, "sqlstate", None) == LOCKED:
                self._patience = SHORTLY
            raise
        self._patience = LOCKED_SECONDS
        return result

    def _alone(self, conn: Connection, work: Callable[[Connection], R]) -> R:
        """While no other replica writes. What it did is told to all of them with the commit."""
        patience = f"set_config('lock_timeout', '{self._patience * 1000:.0f}ms', true)"
        conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK}) FROM {patience}")
        news.begin(conn, self._process)
        result = work(conn)
        news.send(conn)
        return result

    async def _call(self) -> Any:
        """A connection for the line."""
        _, options = self._writing.dialect.create_connect_args(self._writing.url)
        return await asyncpg.connect(**options, timeout=CONNECT_SECONDS, server_settings=SETTINGS)

    async def read(self, query: Callable[[Connection], R]) -> R:
        """Runs `query` on one state of what is committed.

        Whoever is cancelled meanwhile goes at once, but the query runs to its end: to break one off costs its connection, and the
        time of a goodbye to the server.
        """
        task = asyncio.create_task(self._read(query))
        self._asked.add(task)
        task.add_done_callback(self._answered)
        return await asyncio.shield(task)

    def _answered(self, task: asyncio.Task[Any]) -> None:
        self._asked.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone: then it is nobody's

    async def _read(self, query: Callable[[Connection], R]) -> R:
        async with self._reading.connect() as conn:
            return await conn.run_sync(query)

    async def close(self) -> None:
        await asyncio.gather(*self._asked, return_exceptions=True)
        await self._writing.dispose()
        await self._reading.dispose()
