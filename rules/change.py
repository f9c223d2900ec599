"""The named changes of an incident: one word each, the same in log, metric, timeline and test."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What happened. The order is that of an incident's life."""

    new = "new"
    more_alerts = "more_alerts"
    some_resolved = "some_resolved"
    severity_raised = "severity_raised"
    all_resolved = "all_resolved"  # nothing fires any more; closes after `resolve_after`
    firing_again = "firing_again"  # an alert came back before it closed
    resolved = "resolved"
    reopened = "reopened"
    reminder = "reminder"
    acknowledged = "acknowledged"
    unacknowledged = "unacknowledged"
    ack_ended = "ack_ended"
    assigned = "assigned"
    noted = "noted"
    approved = "approved"  # a second person let what follows be done
    snoozed = "snoozed"
    snooze_ended = "snooze_ended"
    muted_by_silence = "muted_by_silence"
    muted_by_inhibition = "muted_by_inhibition"
    muted_by_time_interval = "muted_by_time_interval"
    unmuted = "unmuted"


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of an incident's timeline.

    `at`: seconds since the epoch. `by`: the person's key in `people`, or `WHO (SOURCE)` for somebody of whom a source tells;
    empty when Tocsin did it, or an alert. `text`: what a reader should know beyond the kind (a note, a count, a reason);
    untrusted, plain text.
    """

    kind: Kind
    at: float
    by: str = ""
    text: str = ""

    @property
    def by_log(self) -> str:
        """`by` for the log, which anybody may read: without the name that a source gave."""
        return self.by.rpartition(" (")[2].removesuffix(")")
