"""What its alerts do to an incident: they are counted, and what the counts mean is told."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from rules.alert import Severity
from rules.change import Change, Kind
from rules.incident import Delta, Incident, Moved, State, plural, release


def apply(incident: Incident, deltas: Sequence[Delta], now: float) -> Moved:
    """What alerts that joined, fired again, resolved, worsened or were muted do to the incident.

    Only what a delta names changes: an alert that is in none stays as it was. The first deltas of a new incident open it.
    """
    if not deltas:
        return incident, []
    counted = _count(incident, deltas, now)
    if incident.total == 0:
        after, changes = replace(counted, told_at=now), [Change(Kind.new, now, text=counted.title)]
    elif incident.state == State.resolved:
        after, changes = _on_resolved(counted, _fired(deltas), now)
    else:
        after, changes = _on_open(incident, counted, deltas, now)
    after, changes = _mute(incident, after, changes, now)
    if changes or after.muted_by != incident.muted_by or any(map(_shows, deltas)):
        return replace(after, revision=incident.revision + 1), changes
    return (incident if after == incident else after), []


def _shows(delta: Delta) -> bool:
    """Whether the card lists or counts the alert otherwise than before."""
    before, after = delta.before, delta.after
    return delta.reworded or before is None or (before.severity, before.firing) != (after.severity, after.firing)


def _count(incident: Incident, deltas: Sequence[Delta], now: float) -> Incident:
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
    worst = next((Severity(i) for i, count in enumerate(firing) if count), None)
    peak = incident.peak if worst is None else min(incident.peak, worst)
    a, b, c, d, e = firing
    return replace(
        incident, firing=(a, b, c, d, e), muted=muted, total=total, severity=peak if worst is None else worst, peak=peak,
        quiet_since=incident.quiet_since or now if worst is None else 0.0, silenced=_reason(incident, deltas) if muted else "",
    )  # fmt: skip


def _reason(incident: Incident, deltas: Sequence[Delta]) -> str:
    """Why alerts are muted: as before, until one that was muted for that is muted for something else."""
    for delta in deltas:
        had_it = delta.before is not None and delta.before.muted == incident.silenced
        if delta.after.firing and delta.after.muted and (had_it or not incident.silenced):
            return delta.after.muted
    return incident.silenced


def _fired(deltas: Sequence[Delta]) -> int:
    return sum(1 for d in deltas if d.after.firing and not (d.before and d.before.firing))


def _on_resolved(counted: Incident, fired: int, now: float) -> Moved:
    if not fired or not counted.firing_count:
        return counted, []
    text = f"{counted.firing_count} firing"
    return replace(release(counted, now), peak=counted.severity), [Change(Kind.reopened, now, text=text)]


def _on_open(before: Incident, counted: Incident, deltas: Sequence[Delta], now: float) -> Moved:
    if not counted.firing_count:
        return counted, [] if before.quiet_since else [Change(Kind.all_resolved, now)]
    after, changes = counted, list[Change]()
    if fired := _fired(deltas):
        kind = Kind.firing_again if before.quiet_since else Kind.more_alerts
        changes.append(Change(kind, now, text=plural(fired, "alert")))
    # What is quiet shows its worst ever; an ack was perhaps given for less.
    was = max(before.severity, before.acked_severity) if before.state == State.acknowledged else before.severity
    if after.severity < was:
        changes.append(Change(Kind.severity_raised, now, text=f"{was.name} to {after.severity.name}"))
        if after.state == State.acknowledged and after.severity < after.acked_severity:
            after = release(after, now)
    if ended := sum(1 for d in deltas if d.before and d.before.firing and not d.after.firing):
        changes.append(Change(Kind.some_resolved, now, text=plural(ended, "alert")))
    elif not changes and after.severity != before.severity:
        changes.append(Change(Kind.some_resolved, now, text=f"now {after.severity.name}"))
    return after, changes


def _mute(before: Incident, after: Incident, changes: list[Change], now: float) -> Moved:
    """Adds the change of the mark `muted`. One that is resolved keeps quiet: somebody said that it is over."""
    if before.muted_by and not after.muted_by and after.firing_count:
        after, change = replace(after, told_at=now), Change(Kind.unmuted, now)
    elif after.muted_by and after.muted_by != before.muted_by:
        change = Change(Kind(after.muted_by), now)
    else:
        return after, changes
    return after, changes if after.state == State.resolved else [*changes, change]
