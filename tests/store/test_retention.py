"""What is old goes with all that belongs to it; what is open or fires stays; nothing is numbered twice."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, func, select

from adapters.chat import DeliveryError
from bot.config import Config
from bot.drawing import draw
from bot.policy import Policy
from bot.store import alerts, counters, deliveries, incidents, members, retention, silences, tables, timeline
from bot.store.engine import Store
from bot.store.messages import Messages
from bot.store.retention import Retention, sweep
from rules.change import Change, Kind
from rules.incident import State
from rules.mute import Silence
from tests.standins.stores import write
from tests.store.rows import NOW, alert_row, delivery, incident_row, member_row
from tests.stories.until import until

OLD: dict[str, Any] = {"state": State.resolved, "resolved_at": NOW - 10}


def fill(conn: Connection) -> None:
    """Incidents 1 (old), 2 (resolved lately), 3 (open), 4 (old, yet it fires), 5 (old, but due) with everything around them."""
    incidents.add(conn, [
        incident_row(1, **OLD), incident_row(2, state=State.resolved, resolved_at=NOW + 1), incident_row(3),
        incident_row(4, **OLD), incident_row(5, due_at=NOW + 99, **OLD),
    ])  # fmt: skip
    rest = [alert_row(i, firing=i in (3, 4), ends_at=NOW - 10) for i in range(1, 7)]
    alerts.add(conn, [replace(row, seen_at=NOW - 10) for row in rest])
    members.save(conn, [member_row(i, i, firing=i in (3, 4)) for i in range(1, 6)])
    members.save(conn, [member_row(1, 3, firing=False)])
    timeline.tell(conn, [(i, Change(Kind.new, NOW - 10)) for i in range(1, 6)])
    deliveries.want(conn, [delivery(i) for i in range(1, 6)])


def numbers(conn: Connection) -> dict[str, list[int]]:
    columns = {
        "incidents": tables.incidents.c.number, "alerts": tables.alerts.c.id, "members": tables.members.c.incident,
        "timeline": tables.timeline.c.incident, "deliveries": tables.deliveries.c.incident,
    }  # fmt: skip
    return {name: sorted(row[0] for row in conn.execute(select(column))) for name, column in columns.items()}


async def test_the_old_goes_with_all_that_belongs_to_it(store: Store) -> None:
    await write(store, fill)
    messages = Messages(store, lambda: NOW)
    ids = {row.incident: row.id for row in await store.read(deliveries.of_incidents, [1, 2])}
    cards = {number: await messages.add("console", "ops", f"{store.name}-{key}", b"card") for number, key in ids.items()}
    for card in cards.values():
        await messages.add("console", "ops", f"reply-{card}", b"", card)
    await messages.add("console", "ops", "somebody-else", b"")
    assert await write(store, sweep, NOW, NOW, store.name) == (3, [alert_row(i).key for i in (1, 6)])
    stay = [2, 3, 4, 5]
    assert await store.read(numbers) == {
        "incidents": stay, "alerts": stay, "members": stay, "timeline": stay, "deliveries": stay,
    }  # fmt: skip
    assert {m.key for m in await messages.cards("console", "ops", 10)} == {f"{store.name}-{ids[2]}", "somebody-else"}
    assert await messages.thread(cards[1]) == []
    assert len(await messages.thread(cards[2])) == 1
    assert await write(store, sweep, NOW, NOW, store.name) == (0, [])


async def test_a_few_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    await write(store, incidents.add, [incident_row(i, **OLD) for i in range(1, 6)])
    gone = [(await write(store, sweep, NOW, NOW, store.name)).removed for _ in range(4)]
    assert gone == [2, 2, 1, 0]


async def test_ended_silences_and_sessions_go(store: Store) -> None:
    def fill_small(conn: Connection) -> None:
        for name, ends_at in (("old", NOW - 10), ("new", NOW + 10)):
            silences.add(conn, Silence(name, (), NOW - 20, ends_at, "ana", ""))
            conn.execute(tables.sessions.insert().values(cookie_hash=name, person="ana", csrf="", expires_at=ends_at))

    await write(store, fill_small)
    await write(store, sweep, NOW, NOW, store.name)
    for column in (tables.silences.c.id, tables.sessions.c.cookie_hash):
        assert await store.read(Connection.scalar, select(func.max(column))) == "new"
        assert await store.read(Connection.scalar, select(func.count(column))) == 1


async def test_numbers_are_not_given_again(store: Store) -> None:
    number = await write(store, counters.take, "incident", 1)
    await write(store, incidents.add, [incident_row(number, **OLD)])
    await write(store, deliveries.want, [delivery(number)])
    before = (await store.read(deliveries.of_incidents, [number]))[0].id
    posted = await Messages(store, lambda: NOW).add("console", "ops", f"{store.name}-{before}", b"")
    await write(store, sweep, NOW, NOW, store.name)
    assert await write(store, counters.take, "incident", 1) == number + 1
    await write(store, deliveries.want, [delivery(number + 1)])
    assert (await store.read(deliveries.of_incidents, [number + 1]))[0].id > before
    assert await Messages(store, lambda: NOW).add("console", "ops", "new", b"") > posted


async def test_nobody_remembers_what_went(sqlite: Store) -> None:
    forgotten: list[tuple[str, str]] = []
    policy = Policy(Config.model_validate({"keep": "10s", "channels": {}, "sources": {}, "route": {"channels": []}}))
    await write(sqlite, alerts.add, [alert_row(1, firing=False), alert_row(2, firing=True)])
    running = asyncio.create_task(
        Retention(sqlite, lambda: policy, lambda: NOW + 99.0, lambda *key: forgotten.append(key)).run()
    )
    await until(lambda: went(forgotten))
    running.cancel()
    assert forgotten == [alert_row(1).key]


async def went(forgotten: list[tuple[str, str]]) -> bool:
    return bool(forgotten)


async def test_a_card_that_was_about_to_be_drawn_is_no_fault(sqlite: Store) -> None:
    written = {"channels": {"ops": {"chat": "console"}}, "chats": {}, "sources": {}, "route": {"channels": ["ops"]}}
    with pytest.raises(DeliveryError, match="#7 was cleared up"):
        await sqlite.read(draw, delivery(7), Policy(Config.model_validate(written)), NOW)
