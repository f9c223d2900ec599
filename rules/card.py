"""The one message that shows an incident in a channel, as plain data. Each chat draws it in its own way.

Every string in it may hold untrusted text: a chat escapes what it draws (G8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from rules.alert import OWN_SOURCE, Alert, Link, Severity
from rules.incident import Incident, State

MOST_LINES = 10
MOST_FIELDS = 8
APPROVAL_WANTED = "TocsinApprovalWanted"
"""The name of the alert of Tocsin's own that asks for a second person."""


class Line(msgspec.Struct, frozen=True):
    """One alert of a group. `since`: seconds since the epoch."""

    text: str
    firing: bool
    severity: Severity
    since: float


class Button(msgspec.Struct, frozen=True):
    """What a press sends: a command line of the one grammar, such as `ack 42`. `verb` decides icon and dialog."""

    verb: str
    label: str
    command: str


class Ping(msgspec.Struct, frozen=True):
    """Somebody whom a new card calls. `id`: the platform's own, of a person, or of a group (user group, role)."""

    id: str
    group: bool


class Card(msgspec.Struct, frozen=True):
    """`stub`: the channel is not cleared, so that `title`, `fields`, `lines`, `summary` and `links` name no secret.

    Times are seconds since the epoch; 0.0 is "not at all". `pings`: whom the channel's policy calls; an edit calls nobody.
    `storm`: it carries many incidents, as rules/storm.py says; its number is 0.
    """

    number: int
    revision: int
    state: State
    severity: Severity
    title: str
    summary: str
    started_at: float
    changed_at: float
    firing: int
    total: int
    fields: tuple[tuple[str, str], ...] = ()
    lines: tuple[Line, ...] = ()
    more: int = 0
    links: tuple[Link, ...] = ()
    owner: str = ""
    acked_until: float = 0.0
    note: str = ""
    snoozed_until: float = 0.0
    silenced: str = ""
    closing: bool = False
    resolved_at: float = 0.0
    resolved_by: str = ""
    url: str = ""
    buttons: tuple[Button, ...] = ()
    stub: bool = False
    pings: tuple[Ping, ...] = ()
    storm: bool = False

    @property
    def named(self) -> str:
        """How the card's headline begins: `#42 `, or nothing where it stands for many."""
        return "" if self.storm else f"#{self.number} "

    @property
    def headline(self) -> str:
        """The card in one line, for notifications, screen readers and logs."""
        return f"{self.named}{self.state} {self.severity.name}: {self.title}"


def card(incident: Incident, alerts: Sequence[Alert], names: Mapping[str, str], url: str, now: float) -> Card:
    """The full card.

    `alerts`: up to MOST_LINES alerts of the incident, the worst firing ones first. `names`: person key -> name. `url`: the
    page of the incident. `now`: what "changed at" says.
    """
    first = alerts[0] if alerts else None
    return Card(
        number=incident.number,
        revision=incident.revision,
        state=incident.state,
        severity=incident.severity,
        title=_title(incident, first),
        summary=first.annotations.get("description", "") if first else "",
        started_at=incident.started_at,
        changed_at=now,
        firing=incident.firing_count,
        total=incident.total,
        fields=_fields(incident),
        lines=tuple(_line(alert) for alert in alerts[:MOST_LINES]) if incident.total > 1 else (),
        more=max(0, incident.total - min(len(alerts), MOST_LINES)) if incident.total > 1 else 0,
        links=first.links if first else (),
        owner=names.get(incident.owner, incident.owner),
        acked_until=incident.acked_until if incident.state == State.acknowledged else 0.0,
        note=incident.note,
        snoozed_until=incident.snoozed_until,
        silenced=incident.muted_by,
        closing=bool(incident.quiet_since) and incident.state != State.resolved,
        resolved_at=incident.resolved_at,
        resolved_by=names.get(incident.resolved_by, incident.resolved_by),
        url=url,
        buttons=_decision(first, incident) if first and first.source == OWN_SOURCE else _buttons(incident),
    )


def stub(incident: Incident, who: Sequence[str], now: float) -> Card:
    """What a channel that is not cleared gets: that something of this severity fires, its number and who may see it."""
    return Card(
        number=incident.number,
        revision=incident.revision,
        state=incident.state,
        severity=incident.severity,
        title=f"{incident.sensitivity} incident",
        summary=f"Shown in full only to those who are cleared: {', '.join(who) or 'nobody yet, ask an admin'}.",
        started_at=incident.started_at,
        changed_at=now,
        firing=0,
        total=0,
        resolved_at=incident.resolved_at,
        stub=True,
    )


def _title(incident: Incident, worst: Alert | None) -> str:
    """The alert's own title; for a group, the name they share, or the worst one's title and how many more."""
    if worst is None or (incident.total > 1 and "alertname" in incident.labels):
        return incident.title
    return worst.title if incident.total == 1 else f"{worst.title}, and {incident.total - 1} more"


def _fields(incident: Incident) -> tuple[tuple[str, str], ...]:
    """Labels that all alerts share, without those that the card says elsewhere."""
    told = {"severity"}
    return tuple((name, value) for name, value in sorted(incident.labels.items()) if name not in told)[:MOST_FIELDS]


def _line(alert: Alert) -> Line:
    since = alert.starts_at if alert.firing else alert.ends_at
    return Line(alert.title, alert.firing, alert.severity, since)


def _decision(own: Alert, incident: Incident) -> tuple[Button, ...]:
    """What one presses on an alert of Tocsin itself: of a request, what to say to it."""
    if own.labels.get("alertname") != APPROVAL_WANTED or incident.state == State.resolved:
        return _buttons(incident)
    request = own.labels.get("about", "").removeprefix("request ")
    return Button("approve", "Approve", f"approve {request}"), Button("deny", "Deny", f"deny {request}")


def _buttons(incident: Incident) -> tuple[Button, ...]:
    if incident.state == State.resolved:
        return ()
    n = incident.number
    ack = Button("ack", "Ack", f"ack {n}") if incident.state == State.firing else Button("unack", "Unack", f"unack {n}")
    return (
        ack,
        Button("resolve", "Resolve", f"resolve {n}"),
        Button("snooze", "Snooze", f"snooze {n}"),
        Button("silence", "Silence", f"silence #{n}"),
        Button("note", "Note", f"note {n}"),
    )
