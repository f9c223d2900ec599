"""The line between replicas: who leads, how soon another one does, and that nobody relies on what another one has changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Connection

from bot.store import line as lines
from bot.store import news
from bot.store.engine import Store
from bot.store.news import MOST_NAMED, News
from tests.standins.stores import postgres_server

pytestmark = pytest.mark.real


class Replica:
    """A store with its line, and what it heard there."""

    def __init__(self, store: Store) -> None:
        assert store.line
        self.store, self.line = store, store.line
        self.heard: list[News] = []
        self.missed = 0
        self.line.heard, self.line.missed = self.heard.append, self._miss

    def _miss(self) -> None:
        self.missed += 1

    async def changes(self, *fingerprints: str) -> None:
        await self.store.write(_change, [("prom", one) for one in fingerprints])

    @property
    def known(self) -> list[str]:
        return [fingerprint for one in self.heard for _, fingerprint in one.changed]


def _change(conn: Connection, batches: Sequence[Sequence[tuple[str, str]]]) -> list[None]:
    for keys in batches:
        news.changed(conn, keys)
    return [None for _ in batches]


@asynccontextmanager
async def replica(url: str) -> AsyncIterator[Replica]:
    store = await Store.open(url)
    found = Replica(store)
    yield found
    await store.close()


@pytest.fixture
async def two() -> AsyncIterator[tuple[Replica, Replica]]:
    url = postgres_server().create_database()
    async with replica(url) as first, replica(url) as second:
        yield first, second


async def within(seconds: float, look: Callable[[], Awaitable[bool]]) -> float:
    """How long it took until it was so."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await look():  # noqa: ASYNC110 - what is looked at is somewhere else
            await asyncio.sleep(0.01)
    return time.monotonic() - began


async def test_who_is_current_has_heard_all_that_was_committed_before(two: tuple[Replica, Replica]) -> None:
    first, second = two
    for i in range(50):
        await first.changes(f"a{i}")
        assert await second.line.current()
        assert second.known[-1] == f"a{i}"
    assert first.known == []  # what it did itself is no news


async def test_many_changes_are_told_in_parts_and_too_many_as_all(two: tuple[Replica, Replica]) -> None:
    first, second = two
    names = [f"{i:064x}" for i in range(MOST_NAMED)]
    await first.changes(*names)
    assert await second.line.current()
    assert second.known == names
    await first.changes(*names, "one more")
    assert await second.line.current()
    assert second.known == names
    assert second.heard[-1].all_changed


async def test_what_is_rolled_back_is_no_news(two: tuple[Replica, Replica]) -> None:
    first, second = two

    def fail(conn: Connection, names: Sequence[str]) -> list[None]:
        news.changed(conn, [("prom", name) for name in names])
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await first.store.write(fail, "rolled back")
    await first.changes("committed")
    assert await second.line.current()
    assert second.known == ["committed"]


async def test_without_a_line_nobody_is_current_and_afterwards_something_was_missed(two: tuple[Replica, Replica]) -> None:
    first, second = two
    before = second.missed
    second.line._raw.terminate()
    assert not await second.line.current()
    await first.changes("meanwhile")
    await within(5.0, second.line.current)
    assert second.missed == before + 1


async def test_one_leads_and_its_end_is_told_at_once(two: tuple[Replica, Replica]) -> None:
    first, second = two
    await first.line.won()
    waiting = asyncio.create_task(second.line.won())
    await asyncio.sleep(2 * lines.BEAT)
    assert first.line.leads
    assert not second.line.leads
    assert not waiting.done()
    began = time.monotonic()
    await first.line.leave()
    await waiting
    assert time.monotonic() - began < 0.4, "a word, not the next look, makes the other one lead"
    assert second.line.leads
    assert not first.line.leads


async def test_who_is_cut_off_leads_no_more_before_another_one_does(two: tuple[Replica, Replica]) -> None:
    first, second = two
    await first.line.won()
    waiting = asyncio.create_task(second.line.won())
    await asyncio.sleep(lines.BEAT)
    lost = asyncio.create_task(first.line.lost())
    await kill(first)
    await lost
    assert not first.line.leads
    async with asyncio.timeout(2.0):
        await waiting
    assert second.line.leads


async def test_who_hangs_leads_no_more(two: tuple[Replica, Replica]) -> None:
    """The server ends a silent line, and whoever wakes up knows that its time is over before it looks."""
    first, second = two
    await first.line.won()
    waiting = asyncio.create_task(second.line.won())
    async with first.line._busy:  # no beat comes through
        async with asyncio.timeout(2 * lines.SERVER_SECONDS):
            await waiting
        assert not first.line.leads
        assert second.line.leads


async def test_words_wait_for_the_line(two: tuple[Replica, Replica]) -> None:
    first, second = two
    first.line._raw.terminate()
    first.line.tell(News(first.store.process, doubt=("work", "C1", "U1")))

    async def told() -> bool:
        return [one.doubt for one in second.heard if one.doubt] == [("work", "C1", "U1")]

    await within(5.0, told)


async def kill(one: Replica) -> None:
    """What the server does to a client whose machine is gone."""
    pid = one.line._raw.get_server_pid()
    end = f"SELECT pg_terminate_backend({pid})"
    await one.store.write(lambda conn, items: [conn.exec_driver_sql(end).scalar() for _ in items], None)


async def test_who_was_replaced_knows_it_unasked(two: tuple[Replica, Replica], monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped and wakes up must not send or write what it had begun."""
    first, _ = two
    assert not first.store.lost, "who never stood for it has lost nothing"
    await first.line.won()
    assert not first.store.lost
    later = time.monotonic() + lines.SERVER_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert first.store.lost
