"""Silences, the console's messages, and who is signed in."""

import asyncio
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, select

from adapters.chat import DeliveryError
from bot.attempts import Attempts
from bot.store import silences, tables
from bot.store.engine import Store
from bot.store.messages import Messages
from bot.store.sessions import CODE_LIFE, LIFE, SignIn
from rules.matcher import parse_matchers
from rules.mute import Silence
from tests.standins.stores import write
from tests.store.rows import NOW


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def silence(name: str, ends_at: float, reason: str = "deploy") -> Silence:
    matchers = parse_matchers('team="db", severity=~"critical|high", note!="a,\\"b\\" \\n", x!~".*"')
    return Silence(name, matchers, NOW, ends_at, "ana", reason)


async def test_silences_come_back_as_they_were(store: Store) -> None:
    first, second = silence("a1", NOW + 10), silence("b2", NOW + 5)
    await write(store, silences.add, first)
    await write(store, silences.add, second)
    await write(store, silences.add, silence("c3", NOW + 9, "why \0 not \ud83d"))
    found = await store.read(silences.current, NOW)
    assert [found[0], found[2]] == [second, first]
    assert found[1].reason == "why \ufffd not \ufffd"
    assert [one.id for one in await store.read(silences.current, NOW + 9)] == ["a1"]


async def test_an_ended_silence_is_over(store: Store) -> None:
    await write(store, silences.add, silence("a1", NOW + 10))
    await write(store, silences.end, "a1", NOW + 1)
    assert await store.read(silences.current, NOW + 1) == []
    over = await store.read(silences.load, "a1")
    assert over and (over.starts_at, over.ends_at, over.updated_at) == (NOW, NOW + 1, NOW + 1)
    assert await store.read(silences.ended_after, NOW) == [over] and await store.read(silences.load, "b2") is None


async def test_a_silence_that_ends_before_it_begins_never_does(store: Store) -> None:
    await write(store, silences.add, silence("a1", NOW + 10))
    await write(store, silences.end, "a1", NOW - 5)
    over = await store.read(silences.load, "a1")
    assert over and (over.starts_at, over.ends_at) == (NOW - 5, NOW - 5)


async def test_a_silence_is_changed_but_for_its_matchers_and_its_maker(store: Store) -> None:
    first = silence("a1", NOW + 10)
    await write(store, silences.add, first)
    after = replace(
        first, matchers=(), by="ben", starts_at=NOW + 1, ends_at=NOW + 20, reason="why \0", author="tool", updated_at=NOW
    )
    await write(store, silences.change, after)
    assert await store.read(silences.load, "a1") == replace(after, matchers=first.matchers, by="ana", reason="why \ufffd")


@pytest.fixture
def messages(store: Store) -> Messages:
    return Messages(store, Clock())


async def test_the_same_key_is_the_same_post(messages: Messages) -> None:
    first = await messages.add("console", "ops", "k1", b"one")
    assert await messages.add("console", "ops", "k1", b"two") == first
    assert await messages.add("other", "ops", "k1", b"three") != first
    assert [(m.id, m.body) for m in await messages.cards("console", "ops", 10)] == [(first, b"one")]
    assert await messages.find("console", "k1") == first
    assert await messages.find("console", "k2") is None


async def test_the_same_key_at_the_same_time_is_the_same_post(messages: Messages) -> None:
    ids = await asyncio.gather(*(messages.add("console", "ops", f"k{i % 3}", b"") for i in range(30)))
    assert len(set(ids)) == 3
    assert ids[:3] * 10 == list(ids)


async def test_posts_are_edited_and_listed(messages: Messages) -> None:
    ids = [await messages.add("console", channel, key, b"") for channel, key in (("ops", "a"), ("db", "b"), ("ops", "c"))]
    replies = [await messages.add("console", "ops", f"r{i}", b"r", ids[0]) for i in range(2)]
    body = bytes(range(256))
    assert await messages.edit(ids[0], body)
    assert not await messages.edit(999, b"")
    assert [(m.id, m.body) for m in await messages.cards("console", "ops", 10)] == [(ids[0], body), (ids[2], b"")]
    assert [m.id for m in await messages.cards("console", "ops", 1)] == [ids[2]]  # the newest, if not all
    assert [(m.id, m.parent) for m in await messages.thread(ids[0])] == [(replies[0], ids[0]), (replies[1], ids[0])]


async def test_a_store_that_is_away_is_a_chat_that_is_away(store_url: str) -> None:
    store = await Store.open(store_url)
    messages = Messages(store, Clock())
    await store.close()
    with pytest.raises(DeliveryError) as told:
        await messages.add("console", "ops", "k", b"")
    assert told.value.kind == "transient"


def sign_in(store: Store, clock: Callable[[], float]) -> SignIn:
    known = {"ana", "ben"}.__contains__
    return SignIn(store, clock, lambda token: "ana" if token == "good" else None, known, Attempts(lambda: 0.0))


async def test_sessions_live_for_a_while(store: Store) -> None:
    clock = Clock()
    door = sign_in(store, clock)
    assert await door.sign_in("bad", "192.0.2.7") is None
    cookie, other = await door.sign_in("good", "192.0.2.7"), await door.sign_in("good", "192.0.2.7")
    assert cookie and other and cookie != other
    session = await door.session(cookie)
    assert session and session.person == "ana" and len(session.csrf) >= 20
    await door.sign_out(other)
    assert await door.session(other) is None
    clock.now += LIFE - 1
    assert await sign_in(store, clock).session(cookie)  # another process knows it too
    clock.now += 1
    assert await door.session(cookie) is None
    assert await door.session("half \ud83d \0") is None


async def test_a_stolen_database_signs_nobody_in(store: Store) -> None:
    cookie = await sign_in(store, Clock()).sign_in("good", "192.0.2.7")
    assert cookie

    def everything(conn: Connection) -> str:
        return repr(conn.execute(select(tables.sessions)).all())

    shown = await store.read(everything)
    assert "ana" in shown
    assert cookie not in shown and "good" not in shown


async def test_a_code_works_once_and_soon(store: Store) -> None:
    clock = Clock()
    door = sign_in(store, clock)
    code = door.one_time_code("ben")
    cookie = await door.sign_in(code, "192.0.2.7")
    session = await door.session(cookie or "")
    assert session and session.person == "ben"
    assert await door.sign_in(code, "192.0.2.7") is None
    late = door.one_time_code("ben")
    clock.now += CODE_LIFE
    assert await door.sign_in(late, "192.0.2.7") is None
    assert await door.sign_in(door.one_time_code("stranger"), "192.0.2.7") is None
