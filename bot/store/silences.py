"""Silences as rows."""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, case, insert, select, update

from bot.store.sql import Query, clean
from bot.store.tables import silences
from rules.matcher import Matcher, parse_matchers
from rules.mute import Silence


def new_id() -> str:
    """Short enough to type on a phone."""
    return secrets.token_hex(3)


def current(conn: Connection, now: float) -> list[Silence]:
    """Silences that have not ended, the one that ends first first; those that are yet to begin among them."""
    return [_from_row(row) for row in _ENDING_AFTER(conn, at=now)]


def ended_after(conn: Connection, at: float) -> list[Silence]:
    """The same with those that ended since that time, in seconds since the epoch."""
    return [_from_row(row) for row in _ENDING_AFTER(conn, at=at)]


def load(conn: Connection, silence_id: str) -> Silence | None:
    """One silence, also one that is over."""
    return next((_from_row(row) for row in _LOAD(conn, id=silence_id)), None)


def add(conn: Connection, silence: Silence) -> None:
    text = ",".join(str(matcher) for matcher in silence.matchers)
    conn.execute(insert(silences).values(id=silence.id, matchers=clean(text), by=silence.by, **_said(silence)))


def change(conn: Connection, silence: Silence) -> None:
    """Writes anew what may change in a silence, by its id: all but its matchers and who made it."""
    conn.execute(update(silences).where(silences.c.id == silence.id).values(**_said(silence)))


def end(conn: Connection, silence_id: str, now: float) -> None:
    """Ends it; one that is yet to begin never does."""
    started = case((silences.c.starts_at > now, now), else_=silences.c.starts_at)
    conn.execute(update(silences).where(silences.c.id == silence_id).values(starts_at=started, ends_at=now, updated_at=now))


_ENDING_AFTER = Query(lambda _: select(silences).where(silences.c.ends_at > bindparam("at")).order_by(silences.c.ends_at))
_LOAD = Query(lambda _: select(silences).where(silences.c.id == bindparam("id")))


def _said(silence: Silence) -> dict[str, Any]:
    times = {"starts_at": silence.starts_at, "ends_at": silence.ends_at, "updated_at": silence.updated_at}
    return {**times, "reason": clean(silence.reason), "level": silence.level, "author": clean(silence.author)}


def _from_row(row: Any) -> Silence:
    times = (row.starts_at, row.ends_at)
    return Silence(row.id, _matchers(row.matchers), *times, row.by, row.reason, row.level, row.author, row.updated_at)


@lru_cache(maxsize=1024)
def _matchers(text: str) -> tuple[Matcher, ...]:
    return parse_matchers(text)
