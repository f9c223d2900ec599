"""Requests and grants as rows: decided once, over in time, swept when nobody asks any more."""

from bot.store import audit, grants, requests
from bot.store.engine import Store
from bot.store.grants import Grant
from bot.store.requests import Asked, Decision, Request
from bot.store.retention import sweep
from tests.standins.stores import write
from tests.store.rows import NOW

ASKED = Asked("always needs one", ("sre",), "silence", "internal", "ops")


def request(until: float = NOW + 60.0) -> Request:
    return Request(0, "ben", 'silence {team="\0db \ud83d"} for 2h', NOW, until, ASKED)


async def test_a_request_is_decided_once_and_in_time(store: Store) -> None:
    first = await write(store, requests.add, request())
    second = await write(store, requests.add, request(NOW + 10.0))
    assert (first.id, second.id) == (1, 2)
    assert [one.id for one in await store.read(requests.waiting, NOW + 9.0)] == [1, 2]
    assert [one.id for one in await store.read(requests.waiting, NOW + 10.0)] == [1]
    assert [one.id for one in await store.read(requests.over, NOW + 10.0)] == [2]
    assert not await write(store, requests.settle, Decision(2, "approved", "ana", NOW + 10.0))
    assert await write(store, requests.settle, Decision(1, "denied", "ana", NOW + 1.0, "no"))
    assert not await write(store, requests.settle, Decision(1, "approved", "cleo", NOW + 2.0))
    assert not await write(store, requests.settle, Decision(9, "approved", "cleo", NOW + 2.0))
    found = await store.read(requests.load, 1)
    assert found and (found.state, found.decided_by, found.decided_at, found.asked) == ("denied", "ana", NOW + 1.0, ASKED)
    assert found.line == 'silence {team="\ufffddb \ufffd"} for 2h'
    head = await store.read(audit.head)
    assert head and head.id == 1 and '"asked_by":"ben"' in head.body and '"why":"no"' in head.body


async def test_a_request_that_nobody_decided_is_ended(store: Store) -> None:
    await write(store, requests.add, request())
    await write(store, requests.end, [1], NOW + 60.0)
    found = await store.read(requests.load, 1)
    assert found and found.state == "ended" and await store.read(requests.over, NOW + 99.0) == []


async def test_a_grant_counts_from_when_to_when(store: Store) -> None:
    await write(store, grants.add, Grant("cleo", 42, NOW, NOW + 60.0, "why \0"))
    await write(store, grants.add, Grant("cleo", 43, NOW, NOW + 90.0, "why"))
    await write(store, grants.add, Grant("cleo", 42, NOW, NOW + 70.0, "again"))
    seen = [await store.read(grants.of, "cleo", NOW + after) for after in (-1.0, 0.0, 69.9, 70.0, 90.0)]
    assert seen == [frozenset(), {42, 43}, {42, 43}, {43}, frozenset()]
    assert await store.read(grants.of, "ben", NOW) == await store.read(grants.of, "", NOW) == frozenset()
    assert [(one.incident, one.reason) for one in await store.read(grants.current, NOW)] == [(42, "again"), (43, "why")]


async def test_what_is_long_over_is_swept_and_what_waits_is_not(store: Store) -> None:
    await write(store, grants.add, Grant("cleo", 42, NOW, NOW + 60.0, "why"))
    await write(store, requests.add, request())
    await write(store, requests.settle, Decision(1, "denied", "ana", NOW))
    await write(store, requests.add, request())
    await write(store, sweep, NOW + 61.0, NOW + 61.0, store.name)
    assert await store.read(requests.load, 1) is None
    assert await store.read(requests.load, 2) is not None
    assert await store.read(grants.of, "cleo", NOW) == frozenset()
