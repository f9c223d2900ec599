"""PostgreSQL behind the store. One Tocsin at a time writes to a database: a second one would deliver every card twice."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, event, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from bot.store.writer import StoreUnavailable

R = TypeVar("R")

WRITER_LOCK = 0x70C51
"""The advisory lock that the one writing connection holds for as long as it lives. Lost with the connection, it must be won again
before anything is written: a process that was cut off and replaced meanwhile cannot write any more."""

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
        event.listen(self._writing.sync_engine, "connect", _claim)

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


def _claim(raw: Any, _record: Any) -> None:
    """Raises StoreUnavailable while another Tocsin writes to this database."""
    cursor = raw.cursor()
    cursor.execute(f"SELECT pg_try_advisory_lock({WRITER_LOCK})")
    (mine,) = cursor.fetchone()
    cursor.close()
    raw.commit()
    if not mine:
        raise StoreUnavailable(
            "the database is in use by another Tocsin. Stop that one first, or give this one a database of its own."
        )
