"""The only shared state: opened, migrated, read and written here. SQLite or PostgreSQL behind one set of queries."""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, event, insert, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.store.migrate import migrate
from bot.store.tables import facts
from bot.store.writer import Handler, StoreUnavailable, Writer

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

WRITER_LOCK = 0x70C51
"""PostgreSQL's advisory lock that a writing transaction holds, so that replicas write one at a time, as SQLite does by itself."""

BUSY_SECONDS = 5
"""How long a write waits for another program that holds the SQLite file before senders are told to try again."""


class Store:
    """Opened by `Store.open`. `name` tells this store from any other, for keys that outlive it in chats. `run` names this process."""

    def __init__(self, reader: AsyncEngine, writing: AsyncEngine, name: str, lock: Any) -> None:
        self._reader, self._writing, self._lock = reader, writing, lock
        self.name = name
        self.run = secrets.token_hex(4)
        self._writer = Writer(self._begin)

    @classmethod
    async def open(cls, url: str) -> Store:
        """Opens `sqlite:///path` or `postgresql://…`, brings the schema up to date and starts the writer.

        Raises StoreUnavailable with what to do when the file is in use, or the server does not answer.
        """
        lock = _lock_file(url)
        reader, writing = _engines(url)
        try:
            async with writing.begin() as conn:
                name = await conn.run_sync(_prepare)
        except (SQLAlchemyError, OSError) as problem:
            raise StoreUnavailable(f"cannot open the store {_public(url)}: {problem.__cause__ or problem}") from problem
        store = cls(reader, writing, name, lock)
        store._writer.start()
        return store

    async def read(self, query: Callable[Concatenate[Connection, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs `query(connection, …)` on what is committed. Raises StoreUnavailable."""
        try:
            async with self._reader.connect() as conn:
                return await conn.run_sync(query, *args, **kwargs)
        except (DBAPIError, OSError) as problem:
            raise StoreUnavailable(f"the store does not answer: {problem.__cause__ or problem}") from problem

    async def write(self, handler: Handler[T, R], item: T) -> R:
        """Runs `handler(connection, [item, …])` in the next transaction, shared with others; returns this item's result.

        Returns after the commit. Raises StoreUnavailable, or what the handler gave as this item's result if that is an exception.
        """
        return await self._writer.do(handler, item)

    @property
    def backlog(self) -> int:
        """Writes that wait for a transaction."""
        return self._writer.backlog

    async def close(self) -> None:
        """Finishes what was submitted, then closes."""
        await self._writer.stop()
        await self._reader.dispose()
        await self._writing.dispose()
        if self._lock:
            self._lock.close()

    def _begin(self) -> Any:
        return self._writing.begin()


def _engines(url: str) -> tuple[AsyncEngine, AsyncEngine]:
    scheme, rest = url.split("://", 1)
    if scheme.startswith("postgres"):
        reader = create_async_engine(f"postgresql+asyncpg://{rest}", pool_size=8, max_overflow=0, pool_pre_ping=True)
        writing = create_async_engine(f"postgresql+asyncpg://{rest}", pool_size=1, max_overflow=0, pool_pre_ping=True)
        event.listen(
            writing.sync_engine, "begin", lambda conn: conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
        )
        return reader, writing
    reader = create_async_engine(f"sqlite+aiosqlite://{rest}", pool_size=4, max_overflow=0)
    writing = create_async_engine(f"sqlite+aiosqlite://{rest}", pool_size=1, max_overflow=0)
    for engine in (reader, writing):
        event.listen(engine.sync_engine, "connect", _sqlite_settings)
    event.listen(writing.sync_engine, "begin", lambda conn: conn.exec_driver_sql("BEGIN IMMEDIATE"))
    return reader, writing


def _sqlite_settings(dbapi: Any, _record: Any) -> None:
    dbapi.isolation_level = None  # transactions begin where we say so
    cursor = dbapi.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_SECONDS * 1000}", "cache_size=-16000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare(conn: Connection) -> str:
    """Migrates, and returns the store's own name, made up at its first start."""
    migrate(conn)
    name = conn.scalar(select(facts.c.value).where(facts.c.name == "store"))
    if name is None:
        name = secrets.token_hex(4)
        conn.execute(insert(facts).values(name="store", value=name))
    return str(name)


def _lock_file(url: str) -> Any:
    """One process per SQLite file: a second one would deliver every card twice."""
    path = sqlite_path(url)
    if path is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = open(f"{path}.lock", "w")  # noqa: SIM115 - held open for the life of the process
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        lock.close()
        raise StoreUnavailable(
            f"{path} is in use by another Tocsin. Stop that one first, or use store: postgresql://… to run several."
        ) from problem
    return lock


def sqlite_path(url: str) -> Path | None:
    """The file of a `sqlite:///…` URL (four slashes: absolute); None for another store."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _public(url: str) -> str:
    """The URL without the password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rsplit('@', 1)[-1]}"
