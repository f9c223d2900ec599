"""Signed requests that were taken once, on each database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from bot.store import seen, tables
from bot.store.engine import Store

NOW = 1_772_452_800.0


async def first(store: Store, *stamps: tuple[str, float], now: float = NOW) -> list[bool]:
    def take(conn: Connection, items: Sequence[Sequence[tuple[str, float]]]) -> list[list[bool]]:
        return [seen.first_time(conn, one, now) for one in items]

    return await store.write(take, stamps)


async def test_each_is_new_once_until_it_is_over(store: Store) -> None:
    assert await first(store, ("a", NOW + 10), ("b", NOW + 10), ("a", NOW + 10)) == [True, True, False]
    assert await first(store, ("b", NOW + 10), ("c", NOW + 20), now=NOW + 10) == [False, True]
    assert await first(store, ("a", NOW + 40), now=NOW + 11) == [True]  # refused as too old before it comes here
    kept = await store.read(lambda conn: conn.scalar(select(func.count()).select_from(tables.seen_requests)))
    assert kept == 2  # what is over takes no room
