"""An incident as a value. What moves it stands beside: its alerts (tally), people (handling), time (deadline).

Each move returns the incident after it and the named changes, oldest first. A move that changes nothing returns the same
incident and no change, so repeating a command is success. Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from rules.alert import Alert, Severity
from rules.change import Change

NONE_FIRING = (0, 0, 0, 0, 0)


class State(StrEnum):
    firing = "firing"
    acknowledged = "acknowledged"
    resolved = "resolved"


class Timing(msgspec.Struct, frozen=True, gc=False):
    """How patient a route is; all in seconds. Alertmanager's three, and the two that damp flapping."""

    group_wait: float = 10.0
    group_interval: float = 60.0
    repeat_interval: float = 4 * 3600.0
    resolve_after: float = 30.0
    reopen_within: float = 600.0


class Member(msgspec.Struct, frozen=True, gc=False):
    """What an incident needs to know of one of its alerts. `muted`: why nobody is told of it, or empty."""

    severity: Severity
    firing: bool
    muted: str = ""


class Delta(msgspec.Struct, frozen=True, gc=False):
    """One alert of the incident, before and after. `before` is None for one that was not in it. `reworded`: its texts changed."""

    before: Member | None
    after: Member
    reworded: bool = False


class Incident(msgspec.Struct, frozen=True, omit_defaults=True):
    """The alerts of one route and group key that people handle together.

    `firing`: how many of its alerts fire, by severity, worst first. `muted`: how many of those nobody is told of, and
    `silenced` a reason for it. `severity`: the worst that fires, or `peak` (the worst that ever fired) once nothing does.
    `revision` grows by one with each move that changes what the card shows. `quiet_since`: when the last alert resolved
    (0.0: something fires). `resolved_by`: empty when its alerts resolved it. `told_at`: when the channel was last told that
    it fires (opening, reopening, reminder).
    """

    number: int
    route: str
    group: dict[str, str]
    title: str
    labels: dict[str, str]
    channels: tuple[str, ...]
    sensitivity: str
    started_at: float
    state: State = State.firing
    severity: Severity = Severity.info
    peak: Severity = Severity.info
    firing: tuple[int, int, int, int, int] = NONE_FIRING
    muted: int = 0
    total: int = 0
    revision: int = 0
    told_at: float = 0.0
    quiet_since: float = 0.0
    owner: str = ""
    acked_at: float = 0.0
    acked_until: float = 0.0
    acked_severity: Severity = Severity.critical
    note: str = ""
    snoozed_until: float = 0.0
    silenced: str = ""
    resolved_at: float = 0.0
    resolved_by: str = ""

    @property
    def firing_count(self) -> int:
        return sum(self.firing)

    @property
    def is_muted(self) -> bool:
        """True while something fires and nobody is to be told of any of it."""
        return 0 < self.firing_count <= self.muted

    @property
    def muted_by(self) -> str:
        """The mark `muted` on the card: why nobody is told of any of it, or empty while somebody is."""
        return self.silenced if self.is_muted else ""


Moved = tuple[Incident, list[Change]]


def takes(incident: Incident, timing: Timing, now: float) -> bool:
    """Whether new alerts of its group belong to this incident, or to a new one."""
    return incident.state != State.resolved or now < incident.resolved_at + timing.reopen_within


def describe(incident: Incident, alert: Alert, sensitivity: str) -> Incident:
    """What an incident says of itself once this alert is in it: the labels that all share, and a title that fits them all."""
    if incident.total == 0 and incident.labels is alert.labels:
        return incident
    labels = {name: value for name, value in incident.labels.items() if alert.labels.get(name) == value}
    if labels == incident.labels and sensitivity == incident.sensitivity:
        return incident
    return replace(incident, labels=labels, sensitivity=sensitivity, title=_group_title(incident, labels))


def _group_title(incident: Incident, labels: Mapping[str, str]) -> str:
    """`DiskFull (cluster=eu1)`: the name they share and what else makes the group."""
    name = labels.get("alertname", "")
    rest = ", ".join(f"{key}={value}" for key, value in incident.group.items() if key != "alertname")
    if not name:
        return incident.title
    return f"{name} ({rest})" if rest else name


def release(incident: Incident, now: float) -> Incident:
    """Back to `firing`: nobody owns the problem any more."""
    return replace(
        incident, state=State.firing, told_at=now, resolved_at=0.0, resolved_by="",
        acked_at=0.0, acked_until=0.0, owner="", note="",
    )  # fmt: skip


def moved(after: Incident, change: Change) -> Moved:
    """A move of one change that the card shows."""
    return replace(after, revision=after.revision + 1), [change]


def plural(count: int, noun: str) -> str:
    """`1 alert`, `2 alerts`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
