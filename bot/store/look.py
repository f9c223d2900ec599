"""Reads a store without opening it: nothing is made or migrated, and no Tocsin that runs on it is disturbed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, event, inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from bot.store.engine import sqlite_path
from bot.store.postgres import Postgres
from bot.store.tables import audit
from bot.store.writer import StoreUnavailable, reason_of

R = TypeVar("R")


async def look(url: str, query: Callable[[Connection], R]) -> R:
    """Runs `query` on one state of the store at `url`. Raises StoreUnavailable with what to do.

    Texts that are no UTF-8 come with half surrogates in them: somebody who looks for damage must not stumble over it.
    """

    def ask(conn: Connection) -> R:
        if not inspect(conn).has_table(audit.name):
            raise StoreUnavailable("the store is older than this Tocsin, or empty: start Tocsin on it once")
        return query(conn)

    path = sqlite_path(url)
    try:
        return _file(path, ask) if path else await _server(url.partition("://")[2], ask)
    except (SQLAlchemyError, OSError) as problem:
        raise StoreUnavailable(f"the store cannot be read: {reason_of(problem)}") from problem


def _file(path: Path, ask: Callable[[Connection], R]) -> R:
    if not path.exists():
        raise StoreUnavailable(f"there is no store at {path.resolve()}: is this the right folder, and the right configuration?")
    engine = create_engine("sqlite://", creator=lambda: _connect(path), poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "begin", lambda conn: conn.exec_driver_sql("BEGIN"))
    with engine.begin() as conn:
        return ask(conn)


def _connect(path: Path) -> sqlite3.Connection:
    raw = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True, isolation_level=None)
    raw.text_factory = lambda text: text.decode(errors="surrogateescape")
    return raw


async def _server(address: str, ask: Callable[[Connection], R]) -> R:
    database = Postgres(address)
    try:
        return await database.read(ask)
    finally:
        await database.close()
