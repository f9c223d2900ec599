"""What happened to incidents, as rows: only ever appended to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, func, insert, select

from bot.store.counters import take
from bot.store.sql import Bulk, among, clean
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
    query = select(timeline.c.incident, func.max(timeline.c.id)).where(among(conn, timeline.c.incident, numbers))
    return {row[0]: row[1] for row in conn.execute(query.group_by(timeline.c.incident)).all()}


def told(conn: Connection, number: int, after: int = 0, limit: int = 1000) -> list[tuple[int, Change]]:
    """Timeline entries with an id above `after`, oldest first."""
    query = select(timeline).where(timeline.c.incident == number, timeline.c.id > after).order_by(timeline.c.id).limit(limit)
    return [(row.id, Change(Kind(row.kind), row.at, row.by, row.text)) for row in conn.execute(query).all()]


_insert = Bulk(insert(timeline), ("id", "incident", "at", "kind", "by", "text"))
