"""Changes of an incident in plain words, the same in threads, command replies and the API."""

from __future__ import annotations

from collections.abc import Mapping

from rules.change import Change, Kind

WORDS: Mapping[Kind, str] = {
    Kind.new: "opened",
    Kind.more_alerts: "{text} more",
    Kind.some_resolved: "resolved in part: {text}",
    Kind.severity_raised: "severity rose: {text}",
    Kind.all_resolved: "all alerts resolved, closing soon",
    Kind.firing_again: "firing again: {text}",
    Kind.resolved: "resolved{by}{note}",
    Kind.reopened: "reopened: {text}",
    Kind.reminder: "reminder: {text}",
    Kind.acknowledged: "acknowledged{by}{note}",
    Kind.unacknowledged: "no longer acknowledged{by}",
    Kind.ack_ended: "the acknowledgement by {person} ended",
    Kind.assigned: "assigned to {person}{by}",
    Kind.noted: "note{by}: {text}",
    Kind.approved: "approved{by}{note}",
    Kind.snoozed: "snoozed{by}{note}",
    Kind.snooze_ended: "no longer snoozed",
    Kind.muted_by_silence: "muted by a silence{by}",
    Kind.muted_by_inhibition: "muted while a worse alert fires",
    Kind.muted_by_time_interval: "muted by a time interval",
    Kind.unmuted: "no longer muted",
}


def tell(change: Change, names: Mapping[str, str]) -> str:
    """One change as a line: `acknowledged by Ana Petrova: on it`. `names`: person key -> name. Holds untrusted text."""
    text = " ".join(change.text.split())  # a second line would look like a change of its own
    by = f" by {names.get(change.by, change.by)}" if change.by else ""
    note = f": {text}" if text else ""
    return WORDS[change.kind].format(by=by, note=note, text=text, person=names.get(change.text, text))
