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
        ended = await over(storm, 3600.0)
        check_single(storm)
        check_all_shown(storm, storm.alerts.values())
        record_property("tell", f"storm of {BIG.alerts} in {took:.1f} s over {2 * BIG.channels} channels: {told(waits)}; "
            f"all shown {late:.0f} s later on {cards} cards, over {ended:.0f} s after the last alert; {check_no_flood(storm)}; "
            f"{check_memory(storm, before, BIG.memory)}")  # fmt: skip


def told(waits: list[float]) -> str:
    return f"{len(waits)} criticals, p50 {waits[len(waits) // 2]:.1f} s, slowest {waits[-1]:.1f} s"


async def over(storm: Storm, within: float) -> float:
    """Time passes until every card says that it is over; returns how much."""
    began = storm.now()
    await storm.passes(6.0)
    while True:
        await storm.settles(within)
        fires = [one for one in storm.shown() if one.seen.state != "resolved"]
        if not fires:
            return storm.now() - began
        assert storm.now() - began < within, f"{len(fires)} cards do not say that it is over: {fires[:3]}"
        await storm.passes(2.0)
