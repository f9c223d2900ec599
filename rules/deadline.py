"""What time does to an incident: closing, the end of an ack or a snooze, reminders; and when its card may be shown."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from rules.change import Change, Kind
from rules.incident import Incident, Moved, State, Timing, moved, plural, release

NEVER = float("inf")


def tick(incident: Incident, timing: Timing, now: float) -> Moved:
    """Everything that is due by `now`: closing, the end of an ack or a snooze, a reminder."""
    if now < due_at(incident, timing):
        return incident, []
    if incident.state == State.resolved:
        text = f"{plural(incident.firing_count, 'alert')} still firing, though it was resolved by hand"
        return moved(release(incident, now), Change(Kind.reopened, now, text=text))
    if incident.quiet_since:
        return moved(replace(incident, state=State.resolved, resolved_at=now, snoozed_until=0.0), Change(Kind.resolved, now))
    after, changes = incident, list[Change]()
    if 0.0 < after.snoozed_until <= now:
        changes.append(Change(Kind.snooze_ended, now))
        after = replace(after, snoozed_until=0.0, told_at=now)
    if 0.0 < after.acked_until <= now:
        changes.append(Change(Kind.ack_ended, now, text=after.owner))
        after = release(after, now)
    if not changes:
        changes.append(Change(Kind.reminder, now, text=f"{plural(after.firing_count, 'alert')} still firing"))
        after = replace(after, told_at=now)
    return replace(after, revision=incident.revision + 1), changes


def due_at(incident: Incident, timing: Timing) -> float:
    """When `tick` next has something to do, in seconds since the epoch; infinity when never."""
    unheard = not incident.firing_count or incident.is_muted
    reminder_at = NEVER if unheard else incident.told_at + timing.repeat_interval
    if incident.state == State.resolved:  # a person resolved it, yet it fires on: in the end it is everybody's again
        return reminder_at
    if incident.quiet_since:
        return incident.quiet_since + timing.resolve_after
    if incident.state == State.acknowledged:
        return min(incident.acked_until or NEVER, incident.snoozed_until or NEVER)
    return incident.snoozed_until or reminder_at


URGENT = frozenset({
    Kind.new, Kind.severity_raised, Kind.resolved, Kind.reopened, Kind.firing_again, Kind.reminder, Kind.acknowledged,
    Kind.unacknowledged, Kind.ack_ended, Kind.assigned, Kind.noted, Kind.approved, Kind.snoozed, Kind.snooze_ended, Kind.unmuted,
    Kind.all_resolved, Kind.muted_by_silence, Kind.muted_by_inhibition, Kind.muted_by_time_interval,
})  # fmt: skip
"""Changes that the card shows at once. The others (counts of a group) wait for `group_interval`."""


def show_at(incident: Incident, changes: Sequence[Change], timing: Timing, shown_at: float, now: float) -> float:
    """When the card of this move may be shown: `group_wait` before the first, `group_interval` between mere counts.

    `shown_at`: when the card was last shown in that channel, 0.0 if never.
    """
    if not shown_at:
        return max(now, min(incident.started_at, now) + timing.group_wait)
    if any(change.kind in URGENT for change in changes):
        return now
    return max(now, min(shown_at, now) + timing.group_interval)


def not_ahead(incident: Incident, jump: float, now: float) -> Incident:
    """The same incident, unless the clock was set back: then what happened in the future happened that much earlier.

    `jump`: seconds, below 0.0; else it happened now, as far as anybody knows.
    """
    if max(incident.told_at, incident.quiet_since) <= now:
        return incident

    def moved(at: float) -> float:
        return at if at <= now else min(at + min(jump, 0.0), now)

    return replace(incident, told_at=moved(incident.told_at), quiet_since=moved(incident.quiet_since))
