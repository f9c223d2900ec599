"""Numbers given out inside the writing transaction, so that none is given twice, even after rows are gone."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from bot.store.tables import facts


def take(conn: Connection, name: str, count: int) -> int:
    """Reserves `count` numbers of a kind and returns the first. Numbers start at 1."""
    last = conn.scalar(select(facts.c.value).where(facts.c.name == name))
    first = int(last or 0) + 1
    if last is None:
        conn.execute(insert(facts).values(name=name, value=str(first + count - 1)))
    else:
        conn.execute(update(facts).where(facts.c.name == name).values(value=str(first + count - 1)))
    return first
