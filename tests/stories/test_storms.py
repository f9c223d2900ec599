"""Storms with everything that goes wrong in them (G2, G4, G5): small here, in full in the nightly profile.

The platforms keep to their own limits, and Tocsin runs as a process of its own. Alerts come in as fast as they say; after that
the clocks of all three are moved on together, a second at a time, so that an hour takes minutes (see storming.REAL). Nothing is
tried more often or waited for less than in a real hour, except where a test says so.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from bot.delivery import IN_FLIGHT
from bot.fallback import NOT_SHOWN, SILENT
from tests.conftest import PROFILE
from tests.stories.storm_checks import all_shown, check_all_shown, check_memory, check_no_flood, check_single, check_worst_first
from tests.stories.storm_faults import Life, break_all, check_true, mend
from tests.stories.storming import Alert, Storm, sent, shows, storming
from tests.stories.until import until

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


def flood(storm: Storm, size: Size, channels: Sequence[str]) -> list[Alert]:
    """Incidents of their own in these channels, some of them critical."""
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
        alerts = flood(storm, BIG, storm.channels[:-1])
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
        alerts = flood(storm, BIG, storm.channels[:-1])
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


class Hour(NamedTuple):
    """`seconds` of it, an event in each `pause`, in groups of alerts."""

    seconds: float
    pause: float
    groups: int


HOUR = Hour(3600.0, 6.0, 30) if NIGHTLY else Hour(60.0, 2.0, 6)
PART = 0.05


@pytest.mark.timeout(1700 if NIGHTLY else 120)
async def test_an_hour_in_which_a_call_in_four_fails(tmp_path: Path, seed: int, record_property: Tell) -> None:
    """Each call of each platform fails with 5% in each of five ways. "Late" means 0.1 s of the machine, two of the story."""
    dice = random.Random(seed)
    async with storming(tmp_path, 2, 2) as storm:
        before, _ = storm.engine.memory()
        break_all(storm, PART, seed)
        life = Life(storm, HOUR.groups, dice)
        for _ in range(round(HOUR.seconds / HOUR.pause)):
            await life.goes_on()
            await storm.passes(HOUR.pause)
        await life.ends()
        await storm.passes(20.0)
        check_single(storm)
        wrong = mend(storm)
        late = await storm.settles(900.0)
        count = await check_true(storm)
        await storm.lives("Fresh", "s0", "d0", "h0")
        record_property("tell", f"{HOUR.seconds:.0f} s of faults, seed {seed}: {wrong}; {dict(life.acts)} on {count} incidents; "
            f"all true {late:.0f} s after the last fault; {check_memory(storm, before, 100.0)}")  # fmt: skip


class Outage(NamedTuple):
    """A chat answers nothing for `seconds`, in the middle of a storm. `probes`: cards by which the other one is measured."""

    seconds: float
    storm: Size
    probes: int


OUTAGE = Outage(600.0, Size(2_000, 4.0, 12, 100.0), 20) if NIGHTLY else Outage(40.0, Size(400, 1.0, 4, 60.0), 3)
SLOWER = 2.0
"""How many times as long a card may take in a chat while another one is down, plus 0.5 s for a busy machine."""


@pytest.mark.parametrize("down", ["s", "d"])
@pytest.mark.timeout(1700 if NIGHTLY else 120)
async def test_a_chat_is_down_in_a_storm(tmp_path: Path, down: str, record_property: Tell) -> None:
    """The other one is none the slower and takes its criticals; once back, it shows each once. Silence is told after 1 s."""
    alive, size = {"s": "d", "d": "s"}[down], OUTAGE.storm

    def channel(name: str) -> str:
        return f", fallback: {alive}0, fallback_after: 20s" if name.startswith(down) else ""

    async with storming(tmp_path, size.channels, size.channels, channel, patience=1.0) as storm:
        before, _ = storm.engine.memory()
        calm = await probe(storm, f"{alive}1", OUTAGE.probes)
        places = [one for one in storm.channels if one not in (f"{alive}0", f"{alive}1", "h0")]
        alerts = flood(storm, size, places)
        half = len(alerts) // 2
        await sent(storm, alerts[:half], size.seconds / 2)
        fall_silent(storm, down)
        await sent(storm, alerts[half:], size.seconds / 2)
        others = [one for one in alerts if one.channel.startswith(alive)]
        await shows(storm, [one.name for one in others if one.severity == "critical"], 60.0)
        waits = check_worst_first(storm, others)
        late = await all_shown(storm, others, 240.0)
        probed = await probe(storm, f"{alive}1", OUTAGE.probes)
        assert probed < SLOWER * calm + 0.5, f"a card took {probed:.2f} s, and {calm:.2f} s before the other chat was down"
        await storm.passes(OUTAGE.seconds)
        there = await fallen_back(storm, alerts, down, f"{alive}0")
        storm.slack.faults.clear()
        storm.discord.faults.clear()
        back = await all_shown(storm, alerts, 600.0)
        await storm.settles(600.0)
        check_single(storm)
        await say_so(storm, f"{alive}0")
        await storm.lives("Fresh", "s1", "d1")
        record_property("tell", f"{down} down for {OUTAGE.seconds:.0f} s in a storm of {len(alerts)}: elsewhere {told(waits)}, "
            f"all shown {late:.0f} s later, a card in {probed:.2f} s ({calm:.2f} s before); {there} criticals in the fallback; "
            f"once back, all shown after {back:.0f} s; {check_no_flood(storm)}; "
            f"{check_memory(storm, before, size.memory)}")  # fmt: skip


async def probe(storm: Storm, channel: str, count: int) -> float:
    """The median of how long a card takes in a channel where nothing else happens, in seconds of the machine."""
    took = []
    for n in range(count):
        one = storm.alert(f"Probe-{len(storm.alerts)}-{n}", channel, "critical")
        began = time.monotonic()
        await storm.fires(one)
        await until(partial(_stands, storm, one), 10.0, "a card for a probe")
        took.append(time.monotonic() - began)
        await storm.passes(2.0)
    return statistics.median(took)


async def _stands(storm: Storm, one: Alert) -> bool:
    return any(card.seen.title == one.name for card in storm.shown(one.channel))


def fall_silent(storm: Storm, chat: str) -> None:
    """It answers nothing any more. Of what it gets at first, it does a part all the same."""
    faults, what = (storm.slack.faults, "chat.*") if chat == "s" else (storm.discord.faults, "messages.*")
    faults.hang(what, times=4, keep=True)
    faults.hang("*")


async def fallen_back(storm: Storm, alerts: list[Alert], down: str, place: str) -> int:
    """That it holds, and soon: what was in flight is known to be lost a second of the machine later only."""
    for _ in range(60):
        try:
            return check_fallen_back(storm, alerts, down, place)
        except AssertionError:
            await storm.passes(1.0)
    return check_fallen_back(storm, alerts, down, place)


def check_fallen_back(storm: Storm, alerts: list[Alert], down: str, place: str) -> int:
    """What is critical and not known to be shown stands in the fallback and says why, mostly silence; returns how many."""
    known = {(one.channel, one.seen.title) for one in storm.shown() if one.channel.startswith(down)}
    there = {one.seen.title: one.seen.text for one in storm.shown(place) if not one.is_storm}
    for one in alerts:
        if one.channel.startswith(down) and one.severity == "critical" and (one.channel, one.name) not in known:
            text = there.get(one.name, "")
            # Before the first silences of a second each are over, all that is known is that it was not shown in time.
            assert any(f"Fallback for {one.channel}: {why}" in text for why in (SILENT, NOT_SHOWN)), f"{one.name}: {text!r}"
    assert any(SILENT in text for text in there.values())
    return sum("Fallback for" in text for text in there.values())


async def say_so(storm: Storm, place: str) -> None:
    """The cards in the fallback come to say that they are shown where they belong by now."""
    for _ in range(30):
        wrong = [one.seen.text for one in storm.shown(place) if "does not answer" in one.seen.text]
        if not wrong:
            return
        await storm.passes(2.0)
    raise AssertionError(f"{len(wrong)} go on to say that their chat does not answer, such as {wrong[0][:500]}")
