"""Numbers given out inside the writing transaction, so that none is given twice, even after rows are gone."""

from __future__ import annotations

from sqlalchemy import Connection, text


def take(conn: Connection, name: str, count: int) -> int:
    """Reserves `count` numbers of a kind and returns the first. Numbers start at 1."""
    return int(conn.execute(_TAKE, {"name": name, "count": str(count)}).scalar_one()) - count + 1


_TAKE = text(
    "INSERT INTO facts (name, value) VALUES (:name, :count) ON CONFLICT (name) DO UPDATE "
    "SET value = CAST(CAST(facts.value AS BIGINT) + CAST(excluded.value AS BIGINT) AS TEXT) RETURNING value"
)
