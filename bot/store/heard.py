"""For how long what must be heard was silent, as rows: so that a restart or another replica goes on counting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from bot.store.sql import among
from bot.store.tables import heard


class Silence(NamedTuple):
    """`seconds`: for how long nothing was heard when it was written. `by`: the process that wrote it."""

    seconds: float
    by: str


def known(conn: Connection) -> dict[str, Silence]:
    """By the name of what must be heard."""
    return {row.name: Silence(row.silent_for, row.by) for row in conn.execute(select(heard))}


def keep(conn: Connection, silences: Mapping[str, Silence], gone: Sequence[str]) -> None:
    """Writes them down, and forgets those that are expected no more."""
    conn.execute(delete(heard).where(among(conn, heard.c.name, [*silences, *gone])))
    rows = [{"name": name, "silent_for": one.seconds, "by": one.by} for name, one in silences.items()]
    if rows:
        conn.execute(insert(heard), rows)
