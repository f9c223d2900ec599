"""Alerts and incidents for tests of the rules, with nothing said that the test does not care about."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from rules.alert import Alert, Severity
from rules.incident import Delta, Incident, Member
from rules.tally import apply

NOW = 1_700_000_000.0
critical, high, warning, low, info = Severity


def alert(**said: Any) -> Alert:
    labels = {"alertname": "DiskFull", "instance": "db1"}
    base = Alert("prometheus", "f1", labels, {"summary": "Disk is full"}, warning, firing=True, starts_at=NOW)
    return replace(base, **said)


def blank(**said: Any) -> Incident:
    """An incident without alerts."""
    labels = {"alertname": "DiskFull"}
    base = Incident(42, "root", dict(labels), "Disk is full", labels, ("ops",), "internal", started_at=NOW)
    return replace(base, **said)


def joins(severity: Severity = warning, muted: str = "") -> Delta:
    return Delta(None, Member(severity, True, muted))


def ends(severity: Severity = warning, muted: str = "") -> Delta:
    return Delta(Member(severity, True, muted), Member(severity, False))


def refires(severity: Severity = warning, muted: str = "") -> Delta:
    return Delta(Member(severity, False), Member(severity, True, muted))


def becomes(before: Severity, after: Severity) -> Delta:
    return Delta(Member(before, True), Member(after, True))


def mutes(severity: Severity = warning, before: str = "", after: str = "muted_by_silence") -> Delta:
    return Delta(Member(severity, True, before), Member(severity, True, after))


def opened(*deltas: Delta, now: float = NOW) -> Incident:
    """An incident that these deltas opened; one warning unless others are given."""
    return after(blank(started_at=now), deltas or [joins()], now)


def after(incident: Incident, deltas: Sequence[Delta], now: float) -> Incident:
    return apply(incident, deltas, now)[0]
