"""An incident as a value, and its moves. Each move returns the incident after it and the named changes, oldest first.

Times are seconds since the epoch, UTC. A move that changes nothing returns the same incident and no change, so repeating a
command is success.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from rules.alert import Severity
from rules.change import Change, Kind

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
    """One alert of the incident, before and after. `before` is None for one that was not in it."""

    before: Member | None
    after: Member


class Incident(msgspec.Struct, frozen=True, omit_defaults=True):
    """The alerts of one route and group key that people handle together.

    `firing`: how many of its alerts fire, by severity, worst first. `muted`: how many of those nobody is told of.
    `severity`: the worst that fires, or the last worst once nothing does. `revision` grows by one with each move that
    changes what the card shows. `quiet_since`: when the last alert resolved (0.0: something fires). `resolved_by`: empty
    when its alerts resolved it. `told_at`: when the channel was last told that it fires (opening, reopening, reminder).
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


Moved = tuple[Incident, list[Change]]


def takes(incident: Incident, timing: Timing, now: float) -> bool:
    """Whether new alerts of its group belong to this incident, or to a new one."""
    return incident.state != State.resolved or now < incident.resolved_at + timing.reopen_within


def apply(incident: Incident, deltas: Sequence[Delta], timing: Timing, now: float) -> Moved:
    """What alerts that joined, fired again, resolved, worsened or were muted do to the incident."""
    counted = _count(incident, deltas)
    joined = sum(1 for d in deltas if d.after.firing and d.before is None)
    fired = sum(1 for d in deltas if d.after.firing and not (d.before and d.before.firing))
    ended = sum(1 for d in deltas if d.before and d.before.firing and not d.after.firing)
    if incident.total == 0 and joined:
        opened = replace(counted, revision=1, told_at=now)
        return _mute_change(incident, opened, deltas, [Change(Kind.new, now, text=counted.title)], now)
    changes: list[Change] = []
    if incident.state == State.resolved:
        counted, changes = _on_resolved(counted, fired, now)
    else:
        counted, changes = _on_open(incident, counted, fired, ended, now)
    if changes:
        counted = replace(counted, revision=incident.revision + 1)
    return _mute_change(incident, counted, deltas, changes, now)


def _count(incident: Incident, deltas: Sequence[Delta]) -> Incident:
    firing, muted, total = list(incident.firing), incident.muted, incident.total
    for delta in deltas:
        before, after = delta.before, delta.after
        total += before is None
        if before and before.firing:
            firing[before.severity] -= 1
            muted -= bool(before.muted)
        if after.firing:
            firing[after.severity] += 1
            muted += bool(after.muted)
    worst = next((Severity(i) for i, count in enumerate(firing) if count), incident.severity)
    a, b, c, d, e = firing
    return replace(incident, firing=(a, b, c, d, e), muted=muted, total=total, severity=worst)


def _on_resolved(counted: Incident, fired: int, now: float) -> Moved:
    if not fired:
        return counted, []
    text = f"{counted.firing_count} firing"
    return _fire(counted, now), [Change(Kind.reopened, now, text=text)]


def _on_open(before: Incident, counted: Incident, fired: int, ended: int, now: float) -> Moved:
    changes: list[Change] = []
    after = counted
    if fired and before.quiet_since:
        after = replace(after, quiet_since=0.0)
        changes.append(Change(Kind.firing_again, now, text=_counted(fired, "alert")))
    elif fired:
        changes.append(Change(Kind.more_alerts, now, text=_counted(fired, "alert")))
    if after.firing_count and after.severity < before.severity:
        changes.append(Change(Kind.severity_raised, now, text=f"{before.severity.name} to {after.severity.name}"))
        if after.state == State.acknowledged and after.severity < after.acked_severity:
            after = _fire(after, now)
    if ended and after.firing_count:
        changes.append(Change(Kind.some_resolved, now, text=_counted(ended, "alert")))
    elif ended and not before.quiet_since:
        after = replace(after, quiet_since=now)
        changes.append(Change(Kind.all_resolved, now))
    elif not changes and after.severity != before.severity:
        changes.append(Change(Kind.some_resolved, now, text=f"now {after.severity.name}"))
    return after, changes


def _fire(incident: Incident, now: float) -> Incident:
    """Back to `firing`: nobody owns the problem any more."""
    return replace(
        incident, state=State.firing, told_at=now, quiet_since=0.0, resolved_at=0.0, resolved_by="",
        acked_at=0.0, acked_until=0.0, snoozed_until=0.0, owner="", note="",
    )  # fmt: skip


def _mute_change(before: Incident, after: Incident, deltas: Sequence[Delta], changes: list[Change], now: float) -> Moved:
    """Adds the change of the mark `muted`, told when the whole incident falls silent or is heard again."""
    was, now_muted = before.is_muted, after.is_muted
    reason = next((d.after.muted for d in deltas if d.after.firing and d.after.muted), "")
    if now_muted and not was and reason:
        changes = [*changes, Change(Kind(reason), now)]
    elif was and not now_muted and after.firing_count:
        changes = [*changes, Change(Kind.unmuted, now)]
        after = replace(after, told_at=now)
    else:
        return replace(after, silenced=after.silenced if now_muted else ""), changes
    return replace(after, silenced=reason if now_muted else "", revision=before.revision + 1), changes


def acknowledge(incident: Incident, by: str, now: float, until: float = 0.0, note: str = "") -> Moved:
    """`by` takes it on, `until` a time (0.0: until it resolves). Acknowledging again by the same person changes nothing."""
    same = incident.state == State.acknowledged and incident.owner == by and incident.acked_until == until
    if incident.state == State.resolved or (same and (not note or note == incident.note)):
        return incident, []
    after = replace(
        incident, state=State.acknowledged, owner=by, acked_at=now, acked_until=until, note=note or incident.note,
        acked_severity=incident.severity, snoozed_until=0.0,
    )  # fmt: skip
    return _moved(after, Change(Kind.acknowledged, now, by, note))


def unacknowledge(incident: Incident, by: str, now: float) -> Moved:
    if incident.state != State.acknowledged:
        return incident, []
    return _moved(_keep_quiet(incident, _fire(incident, now)), Change(Kind.unacknowledged, now, by))


def resolve(incident: Incident, by: str, now: float, note: str = "") -> Moved:
    """A person says it is over. What still fires stays counted; see `tick` for what happens if it goes on firing."""
    if incident.state == State.resolved:
        return incident, []
    after = replace(
        incident, state=State.resolved, resolved_at=now, resolved_by=by, note=note or incident.note, snoozed_until=0.0, told_at=now,
    )  # fmt: skip
    return _moved(after, Change(Kind.resolved, now, by, note))


def snooze(incident: Incident, by: str, now: float, until: float) -> Moved:
    """No reminders before `until`; the card says so."""
    if incident.state == State.resolved or incident.snoozed_until == until:
        return incident, []
    return _moved(replace(incident, snoozed_until=until), Change(Kind.snoozed, now, by))


def assign(incident: Incident, by: str, now: float, owner: str) -> Moved:
    if incident.state == State.resolved or incident.owner == owner:
        return incident, []
    return _moved(replace(incident, owner=owner), Change(Kind.assigned, now, by, owner))


def add_note(incident: Incident, by: str, now: float, note: str) -> Moved:
    """The latest note stands on the card, all of them in the timeline."""
    if not note or note == incident.note:
        return incident, []
    return _moved(replace(incident, note=note), Change(Kind.noted, now, by, note))


def tick(incident: Incident, timing: Timing, now: float) -> Moved:
    """Everything that is due by `now`: closing, the end of an ack or a snooze, a reminder."""
    if incident.state == State.resolved:
        return _tick_resolved(incident, timing, now)
    if incident.quiet_since:
        if now < incident.quiet_since + timing.resolve_after:
            return incident, []
        return _moved(replace(incident, state=State.resolved, resolved_at=now, snoozed_until=0.0), Change(Kind.resolved, now))
    after, changes = incident, list[Change]()
    if 0.0 < after.snoozed_until <= now:
        changes.append(Change(Kind.snooze_ended, now))
        after = replace(after, snoozed_until=0.0, told_at=now)
    if after.state == State.acknowledged and 0.0 < after.acked_until <= now:
        changes.append(Change(Kind.ack_ended, now, text=f"{after.owner} had it"))
        after = _fire(after, now)
    if not changes and _reminder_at(after, timing) <= now:
        changes.append(Change(Kind.reminder, now, text=f"{_counted(after.firing_count, 'alert')} still firing"))
        after = replace(after, told_at=now)
    return (replace(after, revision=incident.revision + 1), changes) if changes else (incident, [])


def _tick_resolved(incident: Incident, timing: Timing, now: float) -> Moved:
    """A person resolved it, yet it fires on: after `repeat_interval` it is everybody's again."""
    if not incident.firing_count or incident.is_muted or now < incident.told_at + timing.repeat_interval:
        return incident, []
    text = f"{_counted(incident.firing_count, 'alert')} still firing since {incident.resolved_by or 'somebody'} resolved it"
    return _moved(_fire(incident, now), Change(Kind.reopened, now, text=text))


def due_at(incident: Incident, timing: Timing) -> float:
    """When `tick` next has something to do, in seconds since the epoch; infinity when never."""
    if incident.state == State.resolved:
        waits = incident.firing_count and not incident.is_muted
        return incident.told_at + timing.repeat_interval if waits else float("inf")
    if incident.quiet_since:
        return incident.quiet_since + timing.resolve_after
    ends = [at for at in (incident.snoozed_until, incident.acked_until) if at]
    return min([*ends, _reminder_at(incident, timing)])


def _reminder_at(incident: Incident, timing: Timing) -> float:
    quiet = incident.state != State.firing or incident.snoozed_until or incident.is_muted or not incident.firing_count
    return float("inf") if quiet else incident.told_at + timing.repeat_interval


def _keep_quiet(before: Incident, after: Incident) -> Incident:
    """An unack while nothing fires must not forget that it is about to close."""
    return replace(after, quiet_since=before.quiet_since)


def _moved(after: Incident, change: Change) -> Moved:
    return replace(after, revision=after.revision + 1), [change]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


URGENT = frozenset({
    Kind.new, Kind.severity_raised, Kind.resolved, Kind.reopened, Kind.firing_again, Kind.reminder, Kind.acknowledged,
    Kind.unacknowledged, Kind.ack_ended, Kind.assigned, Kind.noted, Kind.snoozed, Kind.snooze_ended, Kind.unmuted,
    Kind.all_resolved, Kind.muted_by_silence, Kind.muted_by_inhibition, Kind.muted_by_time_interval,
})  # fmt: skip
"""Changes that the card shows at once. The others (counts of a group) wait for `group_interval`."""


def show_at(incident: Incident, changes: Sequence[Change], timing: Timing, shown_at: float, now: float) -> float:
    """When the card of this move may be shown: `group_wait` before the first, `group_interval` between mere counts.

    `shown_at`: when the card was last shown in that channel, 0.0 if never.
    """
    if not shown_at:
        return incident.started_at + timing.group_wait
    if any(change.kind in URGENT for change in changes):
        return now
    return max(now, shown_at + timing.group_interval)
