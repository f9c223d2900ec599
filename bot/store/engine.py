"""The only shared state: opened, migrated, read and written here. SQLite or PostgreSQL behind one set of queries."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import URL, Connection, delete, insert, make_url, select
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from bot.store.migrate import migrate
from bot.store.sqlite import Sqlite
from bot.store.tables import facts
from bot.store.writer import Handler, StoreUnavailable, Writer, reason_of

if TYPE_CHECKING:
    from bot.store.line import Line

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

BUSY_SECONDS = 5.0
"""How long a write waits for another program that holds the SQLite file before senders are told to try again."""


class Database(Protocol):
    """What SQLite and PostgreSQL do differently. `line`: to other replicas, where there may be some."""

    @property
    def line(self) -> Line | None: ...

    async def transact(self, work: Callable[[Connection], R]) -> R: ...

    async def read(self, query: Callable[[Connection], R]) -> R: ...

    async def close(self) -> None: ...


class Store:
    """Opened by `Store.open`. `name` tells this store from any other, for keys that outlive it in chats; `process`: this process.

    `run`: the term of the process that delivers, as far as this one knows: only that one may post what nobody has tried yet
    without a question whether it arrived. Without other replicas it is this process. `line`: to the other replicas.
    """

    def __init__(self, database: Database, name: str, process: str) -> None:
        self._database = database
        self.name, self.process, self.line = name, process, database.line
        self.run = process
        self._writer = Writer(database.transact)

    @classmethod
    async def open(cls, url: str, busy_seconds: float = BUSY_SECONDS) -> Store:
        """Opens `sqlite:///path` or `postgresql://…`, brings the schema up to date and starts the writer.

        Raises StoreUnavailable with what to do when a SQLite file is in use, or the server does not answer.
        """
        try:
            path = sqlite_path(url)
            process = secrets.token_hex(4)
            database = Sqlite(path, busy_seconds) if path else _postgres(url, process)
            try:
                store = cls(database, await database.transact(_prepare), process)
            except BaseException:
                await database.close()
                raise
        except (SQLAlchemyError, OSError) as problem:
            raise StoreUnavailable(f"cannot open the store {_public(url)}: {reason_of(problem)}") from problem
        except (ValueError, TypeError):  # their texts may quote a part of the password
            raise StoreUnavailable(
                f"cannot open the store {_public(url)}: the address cannot be read. Write it as "
                "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, special characters in user and password as %XX."
            ) from None
        store._writer.start()
        if store.line:
            await store.line.start()
        return store

    async def read(self, query: Callable[Concatenate[Connection, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs `query(connection, …)` on what is committed, on one state of it. Raises StoreUnavailable."""
        try:
            return await self._database.read(lambda conn: query(conn, *args, **kwargs))
        except (SQLAlchemyError, OSError) as problem:
            raise StoreUnavailable(f"the store does not answer: {reason_of(problem)}") from problem

    async def write(self, handler: Handler[T, R], item: T, weight: int = 1) -> R:
        """Runs `handler(connection, [item, …])` in the next transaction, shared with others; returns this item's result.

        `weight`: how much work the item is, about one row each. Returns after the commit. Raises StoreUnavailable, or what the
        handler gave as this item's result if that is an exception.
        """
        return await self._writer.do(handler, item, weight)

    @property
    def lost(self) -> bool:
        """Whether this process led and does no more, so that another one may deliver."""
        return self.line is not None and self.line.stood and not self.line.leads

    @property
    def backlog(self) -> int:
        """Writes that wait for a transaction."""
        return self._writer.backlog

    async def check(self) -> None:
        """Raises StoreUnavailable if nothing can be read now, or if writing failed last time and fails again."""
        await self.read(lambda conn: conn.scalar(select(facts.c.value).where(facts.c.name == "store")))
        if self._writer.trouble:
            await self.write(_touch, self.run)

    async def close(self) -> None:
        """Finishes what was submitted, then closes."""
        await self._writer.stop()
        if self.line:
            await self.line.stop()
        await self._database.close()


def _postgres(url: str, process: str) -> Database:
    from bot.store.postgres import Postgres  # only who uses it pays for SQLAlchemy's asyncio half, a sixth of a start

    return Postgres(url.partition("://")[2], process)


def _touch(conn: Connection, runs: Sequence[str]) -> Sequence[None]:
    """Writes something, to see whether that works."""
    conn.execute(delete(facts).where(facts.c.name == "checked by"))
    conn.execute(insert(facts).values(name="checked by", value=runs[-1]))
    return [None for _ in runs]


def _prepare(conn: Connection) -> str:
    """Migrates, and returns the store's own name, made up at its first start."""
    migrate(conn)
    name = conn.scalar(select(facts.c.value).where(facts.c.name == "store"))
    if name is None:
        name = secrets.token_hex(4)
        conn.execute(insert(facts).values(name="store", value=name))
    return str(name)


def sqlite_path(url: str) -> Path | None:
    """The file of a `sqlite:///…` URL (four slashes: absolute); None for another store."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _public(url: str) -> str:
    """The URL without user, password and options; only its scheme if it cannot be told apart."""
    if sqlite_path(url):
        return url
    try:
        parsed = make_url(url)
        return URL.create(parsed.drivername, host=parsed.host, port=parsed.port, database=parsed.database).render_as_string()
    except (ValueError, ArgumentError):
        return url.partition("://")[0] + "://…"
