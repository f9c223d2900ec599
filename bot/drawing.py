"""What a channel gets to see of an incident now: the card in full or as a stub, and the news for its thread."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection

from adapters.chat import DeliveryError, Failure, ThreadNote
from bot.disclosure import Eyes
from bot.policy import Policy
from bot.store import alerts, fallbacks, incidents, members, timeline
from bot.store.deliveries import Delivery
from bot.store.storms import Mark
from rules.alert import Alert
from rules.card import MOST_LINES, Card, Ping, card, stub
from rules.change import Change, Kind
from rules.channel import Channel
from rules.command import VERBS
from rules.incident import Incident, State
from rules.wording import tell

AHEAD = 3600.0
"""Seconds by which a clock is believed to have been wrong."""

MOST_NEWS = 20
"""Timeline entries in one reply; the rest is counted."""


class Outdated(Exception):
    """What was drawn may not be sent any more: the channel merits something else by now (G3)."""


class Drawing(msgspec.Struct, frozen=True):
    """`clearance`: what the channel merited when this was drawn; it counts no longer than that. `level`: that of the incident.

    `thread_upto`: the last timeline entry that `note` tells, or would tell if the channel were cleared. `since`: nothing of the
    incident was posted before, in seconds since the epoch. Of a storm: the incidents it tells of (number, revision, level), and
    what is to be noted of those once it is shown.
    """

    channel: Channel
    clearance: str | None
    level: str
    card: Card
    note: ThreadNote
    thread_upto: int
    since: float
    shown_as: str
    named: tuple[tuple[int, int, str], ...] = ()
    marks: tuple[Mark, ...] = ()


STUB = "stub"


def stands_as(policy: Policy, clearance: str | None, level: str) -> str:
    """How a card of this level stands in a place of this clearance, as deliveries.shown_as says it: full but for redactions."""
    if not policy.sensitivity.may_see(clearance, level):
        return STUB
    return f"full {policy.redactor.hides_from(clearance)}".rstrip()


def draw(conn: Connection, row: Delivery, policy: Policy, now: float) -> Drawing:
    """Raises DeliveryError when there is nothing to draw on, the channel left the config; or nothing to draw."""
    channel = policy.channels.get(row.channel)
    if channel is None:
        raise DeliveryError(Failure.channel_unreachable, f'channel "{row.channel}" is no longer in the config')
    found = incidents.load(conn, [row.incident])
    if row.incident not in found:
        raise DeliveryError(Failure.channel_unreachable, f"#{row.incident} was cleared up a moment ago")
    incident = found[row.incident].incident
    news = timeline.told(conn, row.incident, after=row.thread_shown) if row.thread_wanted > row.thread_shown else []
    upto = news[-1][0] if news else row.thread_wanted
    clearance, level = policy.clearance(row.channel), incident.sensitivity
    eyes = Eyes(policy, clearance)
    shown_as = stands_as(policy, clearance, level)
    marked = _mark(conn, row, policy)
    if shown_as == STUB:
        hint = stub(incident, cleared_groups(policy, incident), now)
        hint = replace(hint, pings=_pings(incident, channel, policy), summary=marked + hint.summary)
        note = ThreadNote(incident.number, ())
        return Drawing(channel, clearance, level, hint, note, upto, _since(incident, now), shown_as)
    alerts, url = alerts_of(conn, incident, MOST_LINES), incident_url(policy, incident.number)
    shown = eyes.shown(card(incident, alerts, policy.names, url, now))
    shown = replace(shown, buttons=tuple(b for b in shown.buttons if _somebody_may(b.verb, incident, channel, policy)))
    shown = replace(shown, pings=_pings(incident, channel, policy))
    if row.plain:
        shown = replace(shown, fields=(), lines=(), links=(), summary="")
    shown = replace(shown, summary=marked + shown.summary)
    note = ThreadNote(incident.number, _lines([eyes.shown(change) for _, change in news], policy))
    return Drawing(channel, clearance, level, shown, note, upto, _since(incident, now), shown_as)


def _since(incident: Incident, now: float) -> float:
    """Since when to look for its post; the clock by which it began may have been ahead, and be right by now."""
    return incident.started_at if incident.started_at <= now else now - AHEAD


def _mark(conn: Connection, row: Delivery, policy: Policy) -> str:
    """What a card in a fallback says first, with the end of its line."""
    one = fallbacks.of(conn, row.incident, row.channel) if row.channel in policy.stand_ins else None
    return f"Fallback for {one.instead_of}{', where it is shown by now' if one.back else f': {one.why}'}.\n" if one else ""


def _pings(incident: Incident, channel: Channel, policy: Policy) -> tuple[Ping, ...]:
    """Whom the channel's policy calls to this incident; nobody while it is quiet or somebody has it."""
    if incident.state != State.firing or incident.muted_by or incident.snoozed_until:
        return ()
    return policy.pings(channel, incident.severity.name)


def _somebody_may(verb: str, incident: Incident, channel: Channel, policy: Policy) -> bool:
    """Whether anybody who belongs in the channel may use the verb on this incident: a button for nobody is a trap."""
    permission = VERBS[verb].permission
    if permission is None:  # approve and deny: whom to ask stands on the card
        return True
    groups = policy.who_may(permission, incident.labels)
    return any(group in channel.audience for group in groups) if channel.audience else bool(groups)


def alerts_of(conn: Connection, incident: Incident, limit: int) -> list[Alert]:
    """Alerts of an incident as it saw them: firing before resolved, worst first."""
    places = members.top(conn, incident.number, limit)
    rows = alerts.load_ids(conn, [place.alert for place in places])
    return [
        replace(rows[p.alert].alert, firing=p.member.firing, severity=p.member.severity, starts_at=p.starts_at, ends_at=p.ends_at)
        for p in places
        if p.alert in rows
    ]


def incident_url(policy: Policy, number: int) -> str:
    return f"{policy.config.public_url.rstrip('/')}/incidents/{number}"


def cleared_groups(policy: Policy, incident: Incident) -> tuple[str, ...]:
    """The groups whose members may see the incident."""
    groups = policy.config.groups.items()
    return tuple(name for name, group in groups if policy.sensitivity.may_see(group.clearance, incident.sensitivity))


def _lines(news: list[Change], policy: Policy) -> tuple[str, ...]:
    told = [tell(change, policy.names) for change in news if change.kind != Kind.new]
    left_out = len(told) - MOST_NEWS
    return (f"… {left_out} earlier changes", *told[-MOST_NEWS:]) if left_out > 0 else tuple(told)
