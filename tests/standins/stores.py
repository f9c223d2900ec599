"""An empty store on each database, for tests that ask for `store_url` or `store`. Import the fixtures where they are used."""

from __future__ import annotations

import atexit
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from sqlalchemy import Connection, Engine, event

from bot.store import sql
from bot.store.engine import Store
from tests.standins.postgres import NoPostgres, PostgresServer

R = TypeVar("R")

DATABASES = [pytest.param("sqlite"), pytest.param("postgres", marks=pytest.mark.real)]


@cache
def postgres_server() -> PostgresServer:
    """One server for the whole session; skips where there are no binaries."""
    try:
        server = PostgresServer()
    except NoPostgres as problem:
        pytest.skip(str(problem))
    atexit.register(server.remove)
    server.start()
    return server


@pytest.fixture(params=DATABASES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new empty database, once for SQLite and once for PostgreSQL."""
    return f"sqlite:///{tmp_path}/tocsin.db" if request.param == "sqlite" else postgres_server().create_database()


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    store = await Store.open(store_url)
    yield store
    await store.close()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Store]:
    """For what only SQLite does."""
    store = await Store.open(f"sqlite:///{tmp_path}/tocsin.db", busy_seconds=0.2)
    yield store
    await store.close()


async def write(store: Store, query: Callable[..., R], *args: Any) -> R:
    """Runs `query(connection, …)` in a transaction of the store."""
    return await store.write(lambda conn, items: [query(conn, *args) for _ in items], None)


class Round(NamedTuple):
    """One round trip to a database. `values`: of one statement, or a list of rows."""

    statement: str
    values: Any
    rows: int


@contextmanager
def rounds() -> Iterator[list[Round]]:
    """Gathers what is asked meanwhile, also past SQLAlchemy."""
    seen: list[Round] = []

    def gather(_conn: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        seen.append(Round(statement, values, len(values) if many else 1))

    def spy(conn: Connection, text: str, values: Any, many: bool = False) -> list[tuple[Any, ...]]:
        seen.append(Round(text, list(values) if many else tuple(values), len(values) if many else 1))
        return plainly(conn, text, values, many)

    plainly, sql.plainly = sql.plainly, spy
    event.listen(Engine, "before_cursor_execute", gather)
    try:
        yield seen
    finally:
        sql.plainly = plainly
        event.remove(Engine, "before_cursor_execute", gather)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Gathers the SQL that is run, one entry per round trip, without what each write costs because of replicas.

    It is in the list once the block has ended.
    """
    found: list[str] = []
    with rounds() as seen:
        yield found
    apart = ("SELECT pg_advisory_xact_lock", "SELECT pg_notify")
    found += [one.statement for one in seen if not one.statement.startswith(apart)]


@contextmanager
def commits() -> Iterator[list[None]]:
    """Gathers one entry per commit meanwhile."""
    seen: list[None] = []

    def gather(conn: Connection) -> None:
        seen.append(None)

    event.listen(Engine, "commit", gather)
    try:
        yield seen
    finally:
        event.remove(Engine, "commit", gather)
