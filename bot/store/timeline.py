"""What happened to incidents, as rows: only ever appended to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, func, insert, select

from bot.store.counters import take
from bot.store.sql import Bulk, Query, clean
from bot.store.tables import timeline
from rules.change import Change, Kind


def tell(conn: Connection, entries: Sequence[tuple[int, Change]]) -> dict[int, int]:
    """Appends to the timelines: (incident number, change). Returns the id of the last new entry of each incident."""
    if not entries:
        return {}
    first = take(conn, "timeline", len(entries))
    rows = [(first + i, n, c.at, c.kind.value, clean(c.by), clean(c.text)) for i, (n, c) in enumerate(entries)]
    _insert(conn, rows)
    return {row[1]: row[0] for row in rows}


def last(conn: Connection, numbers: Iterable[int]) -> dict[int, int]:
    """The id of the last timeline entry of each incident."""
    return {row.incident: row.last for row in _LAST(conn, values=list(numbers))}


def told(conn: Connection, number: int, after: int = 0, limit: int = 1000) -> list[tuple[int, Change]]:
    """Timeline entries with an id above `after`, oldest first."""
    found = _TOLD(conn, number=number, after=after, most=limit)
    return [(row.id, Change(Kind(row.kind), row.at, row.by, row.text)) for row in found]


def latest(conn: Connection, number: int, limit: int) -> list[Change]:
    """The newest entries, oldest of them first."""
    found = _LATEST(conn, number=number, most=limit)
    return [Change(Kind(row.kind), row.at, row.by, row.text) for row in reversed(found)]


_LATEST = Query(
    lambda _: select(timeline)
    .where(timeline.c.incident == bindparam("number"))
    .order_by(timeline.c.id.desc())
    .limit(bindparam("most"))
)
_LAST = Query(
    lambda among: select(timeline.c.incident, func.max(timeline.c.id).label("last"))
    .where(among(timeline.c.incident))
    .group_by(timeline.c.incident)
)
_TOLD = Query(
    lambda _: select(timeline)
    .where(timeline.c.incident == bindparam("number"), timeline.c.id > bindparam("after"))
    .order_by(timeline.c.id)
    .limit(bindparam("most"))
)
_insert = Bulk(insert(timeline), ("id", "incident", "at", "kind", "by", "text"))
