"""Whether a store could be opened, without opening it: nothing is made or migrated, no Tocsin that runs on it is disturbed."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bot.store.engine import sqlite_path
from bot.store.postgres import Postgres


async def probe(url: str) -> str:
    """The one thing to do about the store at `url`; empty when it is well."""
    path = sqlite_path(url)
    return _file(path) if path else await _server(url.partition("://")[2])


def _file(path: Path) -> str:
    folder = path.resolve().parent
    if not folder.is_dir():
        return f"Make the folder {folder}, or correct `store`: there is none."
    writable = [folder, *([path] if path.exists() else [])]
    for place in writable:
        if not os.access(place, os.W_OK):
            return f"Let this user write {place}: SQLite needs both the file and its folder."
    try:
        if path.exists():
            with closing(sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)) as conn:
                conn.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as problem:
        return f"Look at {path}, which SQLite cannot read ({problem}): move it away to begin anew, or restore a copy."
    return ""


async def _server(address: str) -> str:
    server = address.rpartition("@")[2]
    database = Postgres(address)
    try:
        await database.read(lambda conn: conn.execute(text("SELECT 1")).scalar())
    except (SQLAlchemyError, OSError) as problem:
        return f"Look at PostgreSQL at {server}, and at user and password in `store`: {type(problem).__name__}."
    finally:
        await database.close()
    return ""
