"""Silences as rows."""

from __future__ import annotations

import secrets
from functools import lru_cache

from sqlalchemy import Connection, bindparam, insert, select, update

from bot.store.sql import Query, clean
from bot.store.tables import silences
from rules.matcher import Matcher, parse_matchers
from rules.mute import Silence


def new_id() -> str:
    """Short enough to type on a phone."""
    return secrets.token_hex(3)


def current(conn: Connection, now: float) -> list[Silence]:
    """Silences that have not ended, the one that ends first first."""
    found = _CURRENT(conn, now=now)
    return [Silence(row.id, _matchers(row.matchers), row.starts_at, row.ends_at, row.by, row.reason, row.level) for row in found]


def add(conn: Connection, silence: Silence) -> None:
    text = ",".join(str(matcher) for matcher in silence.matchers)
    times = {"starts_at": silence.starts_at, "ends_at": silence.ends_at}
    said = {"matchers": clean(text), "by": silence.by, "reason": clean(silence.reason), "level": silence.level}
    conn.execute(insert(silences).values(id=silence.id, **said, **times))


def end(conn: Connection, silence_id: str, now: float) -> None:
    conn.execute(update(silences).where(silences.c.id == silence_id).values(ends_at=now))


_CURRENT = Query(lambda _: select(silences).where(silences.c.ends_at > bindparam("now")).order_by(silences.c.ends_at))


@lru_cache(maxsize=1024)
def _matchers(text: str) -> tuple[Matcher, ...]:
    return parse_matchers(text)
