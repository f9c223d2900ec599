"""Incidents, their members and their timeline as rows."""

from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy.exc import IntegrityError

from bot.store import incidents, members, timeline
from bot.store.engine import Store
from bot.store.incidents import slot_of
from rules.alert import Severity
from rules.change import Change, Kind
from rules.incident import Member, State
from tests.standins.stores import write
from tests.store.rows import NOW, incident_row, member_row

ACKED: dict[str, Any] = {
    "state": State.acknowledged,
    "owner": "ana",
    "acked_at": NOW,
    "note": "on it ' \0 \n 🔥",
    "firing": (1, 0, 2, 0, 0),
}


async def test_incidents_come_back_as_they_were(store: Store) -> None:
    rows = [incident_row(1, due_at=NOW + 1), incident_row(2, check_at=NOW + 2, severity=Severity.critical, **ACKED)]
    await write(store, incidents.add, rows)
    assert await store.read(incidents.load, [1, 2, 3]) == {1: rows[0], 2: rows[1]}
    changed = incident_row(1, state=State.resolved, resolved_at=NOW + 9, revision=7, note="half \ud83d")
    await write(store, incidents.save, [changed])
    found = (await store.read(incidents.load, [1]))[1]
    assert found == replace(changed, incident=replace(changed.incident, note=found.incident.note))
    assert found.incident.note in ("half \ufffd", "half ?")


async def test_the_latest_of_a_slot_takes_alerts(store: Store) -> None:
    slots = {i: slot_of("root", {"alertname": f"A{i}"}) for i in (1, 2, 3)}
    await write(store, incidents.add, [incident_row(1), incident_row(2)])
    newer = incident_row(3, group={"alertname": "A1"})
    await write(store, incidents.add, [newer])
    found = await store.read(incidents.latest, [*slots.values(), "elsewhere"])
    assert {slot: row.incident.number for slot, row in found.items()} == {slots[1]: 3, slots[2]: 2}
    assert set(await store.read(incidents.load, [1, 2, 3])) == {1, 2, 3}


async def test_no_two_incidents_of_one_slot_take_alerts(store: Store) -> None:
    twins = [incident_row(1), incident_row(2, group={"alertname": "A1"})]
    with pytest.raises(IntegrityError):
        await write(store, incidents.add, twins)
    assert await store.read(incidents.load, [1, 2]) == {}


def test_slots_tell_groups_apart() -> None:
    assert slot_of("a", {"x": "1", "y": "2"}) == slot_of("a", {"y": "2", "x": "1"})
    slots = [("a", {}), ("a", {"x": ""}), ("a", {"x": "y"}), ("a", {"x": "y", "z": ""}), ("a x", {}), ("b", {})]
    assert len({slot_of(route, group) for route, group in slots}) == len(slots)
    assert slot_of("a", {"x": "half \ud83d"}) == slot_of("a", {"x": "half \ud83d"})


async def test_due_by_tick_or_by_mutes(store: Store) -> None:
    rows = [
        incident_row(1, due_at=NOW + 5),
        incident_row(2, check_at=NOW + 3),
        incident_row(3, NOW + 9, NOW + 1),
        incident_row(4),
    ]
    await write(store, incidents.add, rows)
    assert await store.read(incidents.next_due) == NOW + 1
    assert [row.incident.number for row in await store.read(incidents.due, NOW + 0.5, 10)] == []
    assert {row.incident.number for row in await store.read(incidents.due, NOW + 5, 10)} == {1, 2, 3}
    assert len(await store.read(incidents.due, NOW + 5, 2)) == 2


async def test_nothing_is_due_in_an_empty_store(store: Store) -> None:
    assert await store.read(incidents.next_due) == float("inf")
    assert await store.read(incidents.due, NOW, 10) == []


async def test_check_all_wakes_what_is_open_or_fires_on(store: Store) -> None:
    fires_on = incident_row(4, state=State.resolved, firing=(0, 1, 0, 0, 0))
    await write(
        store, incidents.add, [incident_row(1), incident_row(2, **ACKED), incident_row(3, state=State.resolved), fires_on]
    )
    await write(store, incidents.check_all, NOW + 1)
    found = await store.read(incidents.load, [1, 2, 3, 4])
    assert {number: row.check_at for number, row in found.items()} == {1: NOW + 1, 2: NOW + 1, 3: float("inf"), 4: NOW + 1}


async def test_lists_and_counts(store: Store) -> None:
    rows = [
        incident_row(1), incident_row(2, severity=Severity.critical), incident_row(3, severity=Severity.critical),
        incident_row(4, state=State.resolved), incident_row(5, state=State.acknowledged),
    ]  # fmt: skip
    await write(store, incidents.add, rows)
    assert [row.incident.number for row in await store.read(incidents.listed, True, 10)] == [3, 2, 5, 1]
    assert [row.incident.number for row in await store.read(incidents.listed, False, 3)] == [5, 4, 3]
    assert await store.read(incidents.counts) == {
        ("firing", Severity.info): 1, ("firing", Severity.critical): 2, ("acknowledged", Severity.info): 1,
    }  # fmt: skip


async def test_members_come_back_as_they_were(store: Store) -> None:
    rows = [member_row(1, 1), member_row(1, 2, firing=False, ends_at=NOW + 1), member_row(2, 1)]
    await write(store, members.save, rows)
    as_known = [replace(row, new=False) for row in rows]
    assert await store.read(members.firing, [1, 2, 3]) == [as_known[0], as_known[2]]
    assert await store.read(members.of_alerts, [1, 2], 1) == {(row.incident, row.alert): row for row in as_known}
    assert set(await store.read(members.of_alerts, [1, 2], 2)) == {(2, 1)}
    assert await store.read(members.firing_in, 1) == [as_known[0]]
    muted = replace(as_known[0], member=Member(Severity.high, True, "muted_by_silence"), starts_at=NOW - 1)
    await write(store, members.save, [muted, member_row(2, 3)])
    assert await store.read(members.firing, [1]) == [muted, as_known[2]]
    assert len(await store.read(members.of_alerts, [1, 2, 3], 0)) == 4


async def test_the_card_lists_what_fires_worst_and_oldest_first(store: Store) -> None:
    def one(alert: int, firing: bool, severity: Severity, starts_at: float) -> None:
        rows.append(replace(member_row(1, alert), member=Member(severity, firing), starts_at=starts_at))

    rows = [member_row(2, 9)]
    one(1, False, Severity.critical, NOW)
    one(2, True, Severity.warning, NOW + 1)
    one(3, True, Severity.warning, NOW)
    one(4, True, Severity.critical, NOW + 2)
    await write(store, members.save, rows)
    assert [row.alert for row in await store.read(members.top, 1, 3)] == [4, 3, 2]


async def test_the_timeline_keeps_everything_in_order(store: Store) -> None:
    texts = ["plain", "it's \" % :x", "nul \0", "half \ud83d", "🔥"]
    told = [(1 + i % 2, Change(Kind.noted, NOW + i, "ana", text)) for i, text in enumerate(texts)]
    last = await write(store, timeline.tell, told)
    first = await store.read(timeline.told, 1)
    assert [(c.kind, c.at, c.by, c.text) for _, c in first] == [
        (Kind.noted, NOW, "ana", "plain"), (Kind.noted, NOW + 2, "ana", "nul \ufffd"), (Kind.noted, NOW + 4, "ana", "🔥"),
    ]  # fmt: skip
    assert (await store.read(timeline.told, 2))[-1][1].text == "half \ufffd"
    assert last == {1: first[-1][0], 2: (await store.read(timeline.told, 2))[-1][0]}
    assert await store.read(timeline.last, [1, 2, 3]) == last
    assert [change.text for _, change in await store.read(timeline.told, 1, first[0][0])] == ["nul \ufffd", "🔥"]
    assert len(await store.read(timeline.told, 1, 0, 2)) == 2
    assert await write(store, timeline.tell, []) == {}
