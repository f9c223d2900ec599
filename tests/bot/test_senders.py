"""What a source says was done to an alert is done to the incidents that hold it, once, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from adapters.source import Act
from bot import metrics
from bot.moves import Moves
from bot.senders import MOST_FIELDS, MOST_NAME, OTHER, Done, Oddities, carry_out, who
from bot.store import audit, timeline
from bot.store.engine import Store
from rules import handling
from rules.audit_entry import Row
from rules.change import Change, Kind
from rules.incident import Moved, State
from tests.bot.world import World, alert, policy
from tests.standins.stores import store as store
from tests.standins.stores import store_url as store_url
from tests.standins.stores import write

DISK = alert().fingerprint
BOTH = """
route:
  channels: [ops]
  group_by: [alertname]
  routes:
    - {name: first, continue: true}
    - {name: second, channels: [db]}
"""


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> AsyncIterator[World]:
    yield World(store, policy(tmp_path))


async def says(world: World, *acts: Act, source: str = "prom") -> Done:
    return await write(world.store, carry_out, [(source, act) for act in acts], world.policy, world.store.run, world.now)


async def log(world: World) -> list[Row]:
    return await world.store.read(lambda conn: list(audit.rows(conn)))


async def story(world: World) -> list[Change]:
    return [change for _, change in await world.store.read(timeline.told, 1)]


async def test_it_is_acknowledged_once(world: World) -> None:
    await world.report(alert())
    world.now += 7
    ack = Act("ack", DISK, "Kim  Lee\n", "on it")
    done = await says(world, ack, ack)
    assert ([change.kind for _, change in done.told], done.ack_seconds) == ([Kind.acknowledged], [7.0])
    assert await says(world, ack) == Done([], [])
    incident = await world.incident()
    assert (incident.state, incident.owner, incident.note) == (State.acknowledged, "Kim Lee (prom)", "on it")
    [row] = await log(world)
    assert (row.kind, row.actor, row.incident) == ("act", "Kim Lee (prom)", 1)
    assert "on it" not in row.body


async def test_it_is_taken_back_and_given_again(world: World) -> None:
    await world.report(alert())
    await says(world, Act("ack", DISK), Act("unack", DISK), Act("unack", DISK), Act("ack", DISK))
    assert await world.told() == [Kind.new, Kind.acknowledged, Kind.unacknowledged, Kind.acknowledged]


async def test_a_note_is_told_once_whatever_is_said_in_between(world: World) -> None:
    await world.report(alert(annotation_summary="it is full"))
    first, other = Act("note", DISK, "Kim", "look at /var"), Act("note", DISK, "Jo", "I do")
    await says(world, first, other, first)
    await says(world, first, Act("note", DISK, "Kim", "it is full"), Act("note", DISK, "Kim", ""))
    assert [(change.by, change.text) for change in (await story(world))[1:]] == [
        ("Kim (prom)", "look at /var"),
        ("Jo (prom)", "I do"),
    ]
    assert (await world.incident()).note == "I do"


async def test_an_ack_of_what_somebody_has_says_only_its_words(world: World) -> None:
    await world.report(alert())
    await write(world.store, _ana, world, handling.acknowledge)
    await says(world, Act("ack", DISK, "Kim", "I have it, too"), Act("ack", DISK, "Kim", "I have it, too"))
    incident = await world.incident()
    assert (incident.owner, incident.note) == ("ana", "I have it, too")
    assert await world.told() == [Kind.new, Kind.acknowledged, Kind.noted]


def _ana(conn: Connection, world: World, does: Callable[..., Moved]) -> None:
    together = Moves(conn, world.policy, world.store.run, world.now)
    together.load([1])
    together.move(1, lambda incident: does(incident, "ana", world.now))
    together.save()


async def test_every_incident_that_holds_it_is(store: Store, tmp_path: Path) -> None:
    world = World(store, policy(tmp_path, BOTH))
    await world.report(alert())
    await says(world, Act("ack", DISK))
    assert [one.state for one in await world.incidents()] == [State.acknowledged] * 2


async def test_only_the_source_s_own(world: World) -> None:
    await world.report(alert())
    assert await says(world, Act("ack", DISK), source="another") == Done([], [])
    assert await says(world, Act("ack", "unknown")) == Done([], [])
    assert (await world.incident()).state == State.firing


async def test_what_is_over_is_over_but_for_a_last_word(world: World) -> None:
    """An alert of a group that goes on says nothing of the others; how it ended may be noted until its incident is closed."""
    await world.report(alert(host="a"), alert(host="b"))
    gone = alert(host="a").fingerprint
    await world.report(alert(firing=False, at=world.now, host="a"))
    await says(world, Act("ack", gone), Act("note", gone, "Kim", "grew it"))
    assert ((await world.incident()).state, (await world.incident()).note) == (State.firing, "grew it")
    await world.report(alert(firing=False, at=world.now, host="b"))
    await world.passes(60)
    await says(world, Act("ack", gone), Act("note", gone, "Kim", "again"))
    assert ((await world.incident()).state, (await world.incident()).note) == (State.resolved, "grew it")


async def test_what_a_person_resolved_is_left_alone(world: World) -> None:
    await world.report(alert())
    await write(world.store, _ana, world, handling.resolve)
    await says(world, Act("ack", DISK), Act("note", DISK, "Kim", "still full"))
    assert ((await world.incident()).state, (await world.incident()).note) == (State.resolved, "")
    assert await log(world) == []


def test_nobody_is_named_like_a_person_of_the_config() -> None:
    assert who("", "pd") == "its sender (pd)"
    assert who("ana", "pd") == "ana (pd)"
    assert len(who("x" * 5000, "pd")) == MOST_NAME + 5
    assert Change(Kind.noted, 0.0, who("kim@example.com (x)", "pd")).by_log == "pd"
    assert Change(Kind.noted, 0.0, "ana").by_log == "ana"


def test_a_source_cannot_make_the_metrics_grow() -> None:
    counts = Oddities()
    for n in range(10 * MOST_FIELDS):
        counts.count("src-of-this-test", [f"field{n}"])
    samples = [
        one for one in next(iter(metrics.FIELDS_NOT_UNDERSTOOD.collect())).samples if one.labels["source"] == "src-of-this-test"
    ]
    found = {one.labels["field"]: one.value for one in samples if one.name.endswith("_total")}
    assert len(found) == MOST_FIELDS + 1
    assert (found["field0"], found[OTHER]) == (1.0, 9.0 * MOST_FIELDS)
