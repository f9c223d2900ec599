"""Numbers given out inside the writing transaction, so that none is given twice, even after rows are gone."""

from __future__ import annotations

from sqlalchemy import Connection, text

from bot.store.sql import Query
from bot.store.tables import facts


def take(conn: Connection, name: str, count: int) -> int:
    """Reserves `count` numbers of a kind and returns the first. Numbers start at 1."""
    return int(_TAKE(conn, name=name, count=str(count))[0].value) - count + 1


_TAKE = Query(
    lambda _: text(
        "INSERT INTO facts (name, value) VALUES (:name, :count) ON CONFLICT (name) DO UPDATE "
        "SET value = CAST(CAST(facts.value AS BIGINT) + CAST(excluded.value AS BIGINT) AS TEXT) RETURNING value"
    ).columns(facts.c.value)
)
