"""Storms with everything that goes wrong in them (G2, G4, G5): small here, in full in the nightly profile.

The platforms keep to their own limits, and Tocsin runs as a process of its own. Alerts come in as fast as they say; after that
the clocks of all three are moved on together, a second at a time, so that an hour takes minutes (see storming.REAL). Nothing is
tried more often or waited for less than in a real hour, except where a test says so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from bot.delivery import IN_FLIGHT
from tests.conftest import PROFILE
from tests.stories.storm_checks import all_shown, check_all_shown, check_memory, check_no_flood, check_single, check_worst_first
from tests.stories.storming import Alert, Storm, sent, shows, storming

NIGHTLY = PROFILE == "nightly"
CRITICAL_EVERY = 48
"""So that every channel gets some."""
Tell = Callable[[str, object], None]


class Size(NamedTuple):
    """`alerts` within `seconds` over `channels` of each chat. `memory`: MB that it may cost."""

    alerts: int
    seconds: float
    channels: int
    memory: float


BIG = Size(10_000, 10.0, 25, 150.0) if NIGHTLY else Size(600, 1.0, 3, 60.0)


def flood(storm: Storm, size: Size) -> list[Alert]:
    """Incidents of their own, some of them critical."""
    channels = storm.channels
    return [
        storm.alert(
            f"storm-{n}.",
            channels[(n + n // CRITICAL_EVERY) % len(channels)],
            "critical" if n % CRITICAL_EVERY == CRITICAL_EVERY // 2 else "warning",
        )
        for n in range(size.alerts)
    ]


@pytest.mark.timeout(1700 if NIGHTLY else 120)
async def test_ten_thousand_alerts_in_ten_seconds(tmp_path: Path, record_property: Tell) -> None:
    async with storming(tmp_path, BIG.channels, BIG.channels) as storm:
        before, _ = storm.engine.memory()
        alerts = flood(storm, BIG)
        took = await sent(storm, alerts, BIG.seconds)
        await shows(storm, [one.name for one in alerts if one.severity == "critical"], 120.0)
        waits = check_worst_first(storm, alerts)
        late = await all_shown(storm, alerts, 240.0)
        check_single(storm)
        cards = len(storm.shown())
        await storm.lives("Fresh", "s0", "d0")
        await storm.resolves(*storm.alerts.values())
        ended = await over(storm, 900.0)
        check_single(storm)
        check_all_shown(storm, storm.alerts.values())
        record_property("tell", f"storm of {BIG.alerts} in {took:.1f} s over {2 * BIG.channels} channels: {told(waits)}; "
            f"all shown {late:.0f} s later on {cards} cards, over {ended:.0f} s after the last alert; {check_no_flood(storm)}; "
            f"{check_memory(storm, before, BIG.memory)}")  # fmt: skip


def told(waits: list[float]) -> str:
    return f"{len(waits)} criticals, p50 {waits[len(waits) // 2]:.1f} s, slowest {waits[-1]:.1f} s"


async def over(storm: Storm, within: float, *channels: str) -> float:
    """Time passes until every card says that it is over, in these channels or in all; returns how much."""
    began = storm.now()
    await storm.passes(6.0)
    while True:
        await storm.settles(within)
        fires = [one for one in storm.shown(*channels) if one.seen.state != "resolved"]
        if not fires:
            return storm.now() - began
        assert storm.now() - began < within, f"{len(fires)} cards do not say that it is over: {fires[:3]}"
        await storm.passes(2.0)


@pytest.mark.timeout(1700 if NIGHTLY else 120)
async def test_a_restart_in_a_storm_keeps_no_critical_waiting(tmp_path: Path, record_property: Tell) -> None:
    """What surely was not posted yet is not looked for first: Slack answers but 50 such questions a minute."""
    async with storming(tmp_path, BIG.channels, BIG.channels) as storm:
        alerts = flood(storm, BIG)
        await sent(storm, alerts, BIG.seconds)
        await storm.restart()
        await shows(storm, [one.name for one in alerts if one.severity == "critical"], 120.0)
        waits = check_worst_first(storm, alerts)
        asked = len(storm.slack.calls("conversations.history")) + len(storm.discord.calls("messages.list"))
        late = await all_shown(storm, alerts, 240.0)
        check_single(storm)
        assert asked <= MOST_DOUBTS, f"{asked} times it asked whether a post had arrived"
        record_property("tell", f"killed right after {len(alerts)} alerts: {told(waits)}; all shown {late:.0f} s later; "
            f"asked {asked} times what had arrived; {check_no_flood(storm)}")  # fmt: skip


MOST_DOUBTS = 2 * IN_FLIGHT
"""Calls under way to two chats."""


BLOCKED = (("s0", "429"), ("s0", "hanging"), ("d0", "429"), ("d0", "hanging"))


@pytest.mark.parametrize(("place", "how"), BLOCKED)
async def test_groups_that_come_and_go_while_their_channel_is_blocked(tmp_path: Path, place: str, how: str) -> None:
    """None is left burning: each card says that it is over, or one line says so. A chat's silence is taken for one after 1 s."""
    async with storming(tmp_path, 2, 2, patience=1.0) as storm:
        before = [storm.alert(f"before-{n}", place, "high") for n in range(4)]
        await storm.fires(*before)
        await storm.settles(60.0)
        block(storm, place, how)
        meanwhile = [storm.alert(f"meanwhile-{n}", place, ("critical", "high", "warning")[n % 3]) for n in range(30)]
        await storm.fires(*meanwhile)
        await storm.passes(10.0)
        await storm.resolves(*before, *meanwhile)
        await storm.passes(20.0)
        assert {one.seen.state for one in storm.shown(place)} == {"firing"}
        await storm.lives("Elsewhere", "d0" if place == "s0" else "s0")
        storm.slack.faults.clear()
        storm.discord.faults.clear()
        await over(storm, 900.0, place)
        check_all_shown(storm, [*before, *meanwhile])
        check_single(storm)
        await storm.lives("Fresh", "s0", "d0")


def block(storm: Storm, place: str, how: str) -> None:
    """No post and no edit gets through to the channel."""
    where = storm.places[place]
    faults, what = (storm.slack.faults, "chat.*") if place.startswith("s") else (storm.discord.faults, "messages.*")
    if how == "429":
        faults.limit(what, retry_after=30, times=-1, channel=where)
    else:
        faults.hang(what, channel=where)
