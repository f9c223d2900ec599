"""Who leads begins at once, whoever else is busy, and is soon gone when told so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, select, text

from bot.leader import Leader
from bot.store.engine import Store
from bot.store.tables import facts
from bot.store.writer import StoreUnavailable
from tests.standins.stores import postgres_server
from tests.stories.until import until

pytestmark = pytest.mark.real


async def _for_ever() -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def leading(store: Store, name: str) -> AsyncIterator[Leader]:
    work = {"work": _for_ever}
    leader = Leader(store, lambda: work, lambda: name, lambda: None, lambda _: None)
    task = asyncio.create_task(leader.run())
    try:
        yield leader
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def stores() -> AsyncIterator[tuple[Store, Store]]:
    url = postgres_server().create_database()
    first, second = await Store.open(url), await Store.open(url)
    yield first, second
    await first.close()
    await second.close()


async def leads(leader: Leader) -> bool:
    return leader.leads


async def told(store: Store) -> str:
    return str(await store.read(lambda conn: conn.scalar(select(facts.c.value).where(facts.c.name == "leader"))))


async def test_whoever_writes_does_not_keep_a_leader_from_leading(stores: tuple[Store, Store]) -> None:
    first, second = stores

    def slow(conn: Connection, items: object) -> list[None]:
        conn.execute(text("SELECT pg_sleep(1)"))
        return [None]

    writing = asyncio.create_task(second.write(slow, None))
    await asyncio.sleep(0.1)
    began = time.monotonic()
    async with leading(first, "digest") as leader:
        await until(lambda: leads(leader))
        assert time.monotonic() - began < 0.5
        await writing
        await until(lambda: says(second, f"{first.run} digest"), what="everybody knows who leads")


async def says(store: Store, leader: str) -> bool:
    assert await told(store) == leader, await told(store)
    return True


async def test_what_a_leader_had_to_say_is_not_said_after_its_term(stores: tuple[Store, Store]) -> None:
    first, second = stores
    async with leading(first, "old") as old:
        await until(lambda: says(first, f"{first.run} old"))
        async with leading(second, "new") as new:
            assert first.line
            await first.line.leave()
            await until(lambda: leads(new))
            await until(lambda: says(first, f"{second.run} new"))
            await old.announce()
            assert await told(first) == f"{second.run} new"


async def test_whoever_stops_waiting_for_a_read_goes_at_once_and_breaks_nothing(stores: tuple[Store, Store]) -> None:
    first, _ = stores

    def slow(conn: Connection) -> int:
        conn.execute(text("SELECT pg_sleep(1)"))
        return 0

    def backend(conn: Connection) -> int:
        return int(conn.scalar(text("SELECT pg_backend_pid()")) or 0)

    before = await first.read(backend)
    reading = asyncio.create_task(first.read(slow))
    await asyncio.sleep(0.1)
    reading.cancel()
    began = time.monotonic()
    await asyncio.gather(reading, return_exceptions=True)
    assert time.monotonic() - began < 0.2
    await asyncio.sleep(1.1)
    assert before in [await first.read(backend) for _ in range(8)], "its connection was thrown away"


async def test_a_store_that_takes_nothing_is_no_reason_to_give_up(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = stores
    write, tried = first.write, list[str]()

    async def full(*item: Any) -> Any:
        tried.append(str(item[1]))
        if len(tried) == 1:
            raise StoreUnavailable("the disk is full")
        return await write(*item)

    monkeypatch.setattr(first, "write", full)
    async with leading(first, "digest") as leader:
        await until(lambda: says(second, f"{first.run} digest"))
        assert leader.leads
        assert tried == [f"{first.run} digest"] * 2
