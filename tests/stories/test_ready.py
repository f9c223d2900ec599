"""Ready again at once, however much is open."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from bot.store import alerts, deliveries, incidents, members
from bot.store.alerts import AlertRow
from bot.store.counters import take
from bot.store.deliveries import Delivery
from bot.store.incidents import IncidentRow
from bot.store.members import MemberRow
from rules.alert import Alert, AlertState, Severity
from rules.incident import Incident, Member
from tests.stories.process import Process, free_port
from tests.stories.story import BASE, Story, config_text
from tests.stories.telling import telling
from tests.stories.until import until

INCIDENTS, EACH = 10_000, 10
READY_WITHIN = 4.0
"""Seconds; twice what is promised, since other tests may run beside this one."""


def seed(conn: Connection, nows: Sequence[float]) -> Sequence[float]:
    """A hundred thousand alerts that fire, in ten thousand incidents whose cards are shown."""
    now = nows[0]
    take(conn, "incident", INCIDENTS)
    take(conn, "alert", INCIDENTS * EACH + EACH)
    for first in range(1, INCIDENTS + 1, 1000):
        numbers = range(first, first + 1000)
        places = [(number, number * EACH + n) for number in numbers for n in range(EACH)]
        alerts.add(conn, [_alert(number, key, now) for number, key in places])
        incidents.add(conn, [_incident(number, now) for number in numbers])
        joined = Member(Severity.high, True)
        members.save(conn, [MemberRow(number, key, joined, now, 0.0, new=True) for number, key in places])
        deliveries.want(conn, [Delivery(n, "ops", 1, 1, now, "", shown=1, ref=f"m{n}", shown_at=now) for n in numbers])
    return nows


def _alert(number: int, key: int, now: float) -> AlertRow:
    labels = {"alertname": f"Down{number}", "cluster": "eu1", "instance": f"host{key}", "severity": "high", "job": "node"}
    alert = Alert("prometheus", f"{key:016x}", labels, {"summary": f"host{key} is down"}, Severity.high, True, now)
    return AlertRow(key, alert, AlertState(True, now), "internal", now, "new: root")


def _incident(number: int, now: float) -> IncidentRow:
    labels = {"alertname": f"Down{number}", "cluster": "eu1"}
    incident = Incident(
        number, "root", labels, f"Down{number}", labels, ("ops",), "internal", now,
        severity=Severity.high, firing=(0, EACH, 0, 0, 0), total=EACH, revision=1, told_at=now,
    )  # fmt: skip
    return IncidentRow(incident, now + 4 * 3600, float("inf"), now)


async def test_ready_with_a_hundred_thousand_alerts(tmp_path: Path) -> None:
    async with telling(tmp_path, BASE, "console") as first:
        await first.app.store.write(seed, first.now())
    port = free_port()
    config = tmp_path / "config.yaml"
    config.write_text(config_text(tmp_path, "{type: console}", BASE, port))
    process = Process(config, port)
    process.start()
    try:
        took = await process.ready()
        sys.stdout.write(f"ready after {took:.2f} s with {INCIDENTS * EACH} alerts and {INCIDENTS} incidents open\n")
        assert took < READY_WITHIN
        later = Story(config)
        later.url = process.url
        async with later.talking():
            assert len((await later.get("/api/v1/incidents?limit=10"))["incidents"]) == 10
            await later.fires("New", "critical")
            await until(lambda: _first(later))
    finally:
        process.end()
    process.check()


async def _first(story: Story) -> bool:
    return bool((await story.get("/api/v1/incidents?limit=1"))["incidents"][0]["title"] == "New")
