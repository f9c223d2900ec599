"""PostgreSQL behind the store: a server that several replicas share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, event, make_url
from sqlalchemy.ext.asyncio import create_async_engine

R = TypeVar("R")

WRITER_LOCK = 0x70C51
"""The advisory lock that a writing transaction holds, so that replicas write one at a time, as SQLite does by itself."""

READERS = 8

CONNECT_SECONDS = 10.0

ANSWER_SECONDS = 30.0
"""A statement that takes longer is given up: the server is away, whatever the network says."""


class Postgres:
    """`address`: what follows `postgresql://`. Raises SQLAlchemy's errors and OSError, ValueError for an address that is none."""

    def __init__(self, address: str) -> None:
        url = make_url(f"postgresql+asyncpg://{address}")
        if "sslmode" in url.query:  # as the rest of the PostgreSQL world writes it
            url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": url.query["sslmode"]})
        common = partial(
            create_async_engine,
            url,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,  # errors go to logs
            connect_args={"timeout": CONNECT_SECONDS, "command_timeout": ANSWER_SECONDS},
        )
        self._writing = common(pool_size=1)
        self._reading = common(pool_size=READERS, isolation_level="REPEATABLE READ")
        lock = f"SELECT pg_advisory_xact_lock({WRITER_LOCK})"
        event.listen(self._writing.sync_engine, "begin", lambda conn: conn.exec_driver_sql(lock))

    async def transact(self, work: Callable[[Connection], R]) -> R:
        """Runs `work` in a transaction and returns what it returned, after the commit."""
        async with self._writing.begin() as conn:
            return await conn.run_sync(work)

    async def read(self, query: Callable[[Connection], R]) -> R:
        """Runs `query` on one state of what is committed."""
        async with self._reading.connect() as conn:
            return await conn.run_sync(query)

    async def close(self) -> None:
        await self._writing.dispose()
        await self._reading.dispose()
