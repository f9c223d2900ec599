"""What people do to an incident. `by` is a key of `people`. On a resolved incident there is nothing to do but to note."""

from __future__ import annotations

from msgspec.structs import replace

from rules.change import Change, Kind
from rules.incident import Incident, Moved, State, moved, release


def acknowledge(incident: Incident, by: str, now: float, until: float = 0.0, note: str = "") -> Moved:
    """`by` takes it on, `until` a time (0.0: until it resolves); that takes the place of a snooze.

    Acknowledging again by the same person changes nothing.
    """
    same = incident.state == State.acknowledged and incident.owner == by and incident.acked_until == until
    if incident.state == State.resolved or (same and (not note or note == incident.note)):
        return incident, []
    after = replace(
        incident, state=State.acknowledged, owner=by, acked_at=now, acked_until=until, note=note or incident.note,
        acked_severity=incident.severity, snoozed_until=0.0,
    )  # fmt: skip
    return moved(after, Change(Kind.acknowledged, now, by, note))


def unacknowledge(incident: Incident, by: str, now: float) -> Moved:
    """Nobody has it any more. A snooze goes on."""
    if incident.state != State.acknowledged:
        return incident, []
    return moved(release(incident, now), Change(Kind.unacknowledged, now, by))


def resolve(incident: Incident, by: str, now: float, note: str = "") -> Moved:
    """A person says it is over. What still fires stays counted; see `tick` for what happens if it goes on firing."""
    if incident.state == State.resolved:
        return incident, []
    after = replace(
        incident, state=State.resolved, resolved_at=now, resolved_by=by, note=note or incident.note, snoozed_until=0.0,
        told_at=now,
    )  # fmt: skip
    return moved(after, Change(Kind.resolved, now, by, note))


def snooze(incident: Incident, by: str, now: float, until: float) -> Moved:
    """No reminders before `until`; the card says so."""
    if incident.state == State.resolved or incident.snoozed_until == until:
        return incident, []
    return moved(replace(incident, snoozed_until=until), Change(Kind.snoozed, now, by))


def assign(incident: Incident, by: str, now: float, owner: str) -> Moved:
    """`owner`, a key of `people`, shall look after it; the state stays as it is."""
    if incident.state == State.resolved or incident.owner == owner:
        return incident, []
    return moved(replace(incident, owner=owner), Change(Kind.assigned, now, by, owner))


def add_note(incident: Incident, by: str, now: float, note: str) -> Moved:
    """The latest note stands on the card until nobody owns the incident any more; the timeline keeps them all."""
    if not note or note == incident.note:
        return incident, []
    return moved(replace(incident, note=note), Change(Kind.noted, now, by, note))


def approved(incident: Incident, by: str, now: float, what: str) -> Moved:
    """A second person let somebody do `what` (a verb); nothing of the incident changes by that."""
    return incident, [Change(Kind.approved, now, by, what)]
