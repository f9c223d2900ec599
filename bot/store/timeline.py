"""What happened to incidents, as rows: only ever appended to."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, insert, select

from bot.store.alerts import CHUNK
from bot.store.tables import timeline
from rules.change import Change, Kind


def tell(conn: Connection, entries: Sequence[tuple[int, Change]]) -> None:
    """Appends to the timelines: (incident number, change)."""
    if entries:
        rows = [{"incident": n, "at": c.at, "kind": c.kind.value, "by": c.by, "text": c.text} for n, c in entries]
        conn.execute(insert(timeline), rows)


def last(conn: Connection, numbers: Sequence[int]) -> dict[int, int]:
    """The id of the last timeline entry of each incident."""
    found: dict[int, int] = {}
    for start in range(0, len(numbers), CHUNK):
        query = (
            select(timeline.c.incident, func.max(timeline.c.id))
            .where(timeline.c.incident.in_(numbers[start : start + CHUNK]))
            .group_by(timeline.c.incident)
        )
        found |= {number: last for number, last in conn.execute(query)}
    return found


def told(conn: Connection, number: int, after: int = 0, limit: int = 1000) -> list[tuple[int, Change]]:
    """Timeline entries with an id above `after`, oldest first."""
    query = select(timeline).where(timeline.c.incident == number, timeline.c.id > after).order_by(timeline.c.id).limit(limit)
    return [(row.id, Change(Kind(row.kind), row.at, row.by, row.text)) for row in conn.execute(query)]
