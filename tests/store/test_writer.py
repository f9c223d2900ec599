"""One writer: what waits shares a commit, keeps its order, and answers for itself alone."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing

import pytest
from sqlalchemy import Connection, func, insert, select

from bot.store import writer
from bot.store.engine import Store, sqlite_path
from bot.store.tables import facts
from bot.store.writer import StoreUnavailable
from tests.standins.stores import commits


class Poison(Exception):
    pass


def put(conn: Connection, names: Sequence[str]) -> list[str]:
    """Stores each name; chokes on poison after having written."""
    for name in names:
        conn.execute(insert(facts).values(name=name, value="x"))
        if name.startswith("poison"):
            raise Poison(name)
    return [f"{name} done" for name in names]


async def stored(store: Store) -> list[str]:
    query = select(facts.c.name).where(facts.c.value == "x")
    return await store.read(lambda conn: [row.name for row in conn.execute(query)])


async def test_what_waits_together_is_committed_together(store: Store) -> None:
    with commits() as seen:
        answers = await asyncio.gather(*(store.write(put, f"n{i}") for i in range(300)))
    assert answers == [f"n{i} done" for i in range(300)]
    assert 1 <= len(seen) <= 2
    assert len(await stored(store)) == 300


async def test_heavy_items_do_not_all_share_one_transaction(store: Store) -> None:
    with commits() as seen:
        await asyncio.gather(*(store.write(put, f"n{i}", weight=writer.MOST_TOGETHER) for i in range(3)))
    assert len(seen) == 3


async def test_poison_fails_alone(store: Store) -> None:
    names = ["a", "poison", "b", "c"]
    answers = await asyncio.gather(*(store.write(put, name) for name in names), return_exceptions=True)
    assert [type(answer) for answer in answers] == [str, Poison, str, str]
    assert sorted(await stored(store)) == ["a", "b", "c"]


async def test_a_broken_constraint_fails_alone(store: Store) -> None:
    answers = await asyncio.gather(*(store.write(put, name) for name in ("a", "b", "a", "c")), return_exceptions=True)
    assert [isinstance(answer, Exception) for answer in answers] == [False, False, True, False]
    assert sorted(await stored(store)) == ["a", "b", "c"]


async def test_a_result_that_is_an_exception_reaches_its_submitter(store: Store) -> None:
    def refuse(conn: Connection, names: Sequence[str]) -> list[str | ValueError]:
        put(conn, names)
        return [ValueError(name) if name == "bad" else name for name in names]

    answers = await asyncio.gather(store.write(refuse, "good"), store.write(refuse, "bad"), return_exceptions=True)
    assert answers[0] == "good"
    assert isinstance(answers[1], ValueError)
    assert sorted(await stored(store)) == ["bad", "good"]  # a refusal is an answer: the transaction stands


async def test_the_order_is_kept(store: Store) -> None:
    done: list[str] = []

    def first(conn: Connection, names: Sequence[str]) -> list[None]:
        done.extend(names)
        return [None for _ in names]

    def second(conn: Connection, names: Sequence[str]) -> list[None]:
        return first(conn, names)

    await asyncio.gather(*(store.write((first, second)[i // 3 % 2], f"n{i}") for i in range(20)))
    assert done == [f"n{i}" for i in range(20)]


async def test_a_submitter_that_left_leaves_its_write(store: Store) -> None:
    gone = asyncio.create_task(store.write(put, "gone"))
    stays = asyncio.create_task(store.write(put, "stays"))
    await asyncio.sleep(0)  # both are queued now
    gone.cancel()
    assert await stays == "stays done"
    assert sorted(await stored(store)) == ["gone", "stays"]


async def test_stop_finishes_what_waits_and_takes_nothing_more(store_url: str) -> None:
    store = await Store.open(store_url)
    waiting = [asyncio.create_task(store.write(put, f"n{i}", weight=writer.MOST_TOGETHER)) for i in range(5)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="Tocsin is stopping"):
        await store.write(put, "late")
    assert await asyncio.gather(*waiting) == [f"n{i} done" for i in range(5)]
    await closing


async def test_a_full_queue_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MOST_WAITING", 3)
    waiting = [asyncio.create_task(store.write(put, f"n{i}")) for i in range(3)]
    await asyncio.sleep(0)
    assert store.backlog == 3
    with pytest.raises(StoreUnavailable, match="3 writes are waiting already; try again soon"):
        await store.write(put, "n3")
    await asyncio.gather(*waiting)
    assert await store.write(put, "n3") == "n3 done"


async def test_a_read_sees_one_state_however_long_it_takes(store: Store, store_url: str) -> None:
    def look_twice(conn: Connection) -> tuple[int, int]:
        names = select(func.count()).where(facts.c.value == "x")
        before = conn.scalar(names)
        if path := sqlite_path(store_url):
            with closing(sqlite3.connect(path)) as other:
                other.execute("INSERT INTO facts VALUES ('new', 'x')")
                other.commit()
        else:
            conn.exec_driver_sql("SELECT pg_sleep(0.5)")  # the write below goes on meanwhile
        return before or 0, conn.scalar(names) or 0

    reading = asyncio.create_task(store.read(look_twice))
    if not sqlite_path(store_url):
        await asyncio.sleep(0.1)
        await store.write(put, "new")
        assert not reading.done()
    assert await reading == (0, 0)
    assert await stored(store) == ["new"]
