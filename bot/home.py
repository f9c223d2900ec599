"""A person's own page, and a single card for them: what they may see, as the cards of channels show it (G3)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace
from sqlalchemy import Connection

from adapters.chat import Home
from bot import answers
from bot.disclosure import Eyes, eyes_of
from bot.drawing import alerts_of, incident_url
from bot.policy import Policy
from bot.store import incidents
from rules.access import Caller
from rules.card import MOST_LINES, Card, card
from rules.channel import Channel
from rules.incident import Incident, State
from rules.mute import Silence
from rules.standing import unproven

FORGOTTEN_AFTER = 4 * 3600.0
"""Seconds after which an acknowledged incident that still fires counts as forgotten, unless the ack says until when."""
ENDING_WITHIN = 24 * 3600.0
"""Seconds within which a silence ends soon."""
MOST_SHOWN = 10
MOST_READ = 2000


def home_of(conn: Connection, caller: Caller, silences: Sequence[Silence], policy: Policy, now: float) -> Home:
    """The page of a person; empty for a stranger. `silences`: those they may see, the first to end first."""
    if not caller.key:
        return Home()
    own = [row.incident for row in incidents.listed(conn, True, MOST_READ) if row.incident.owner == caller.key]
    eyes = eyes_of(caller, policy)
    seen = [incident for incident in own if eyes.sees(incident)]
    ending = [one for one in silences if one.starts_at <= now and one.ends_at <= now + ENDING_WITHIN][:MOST_SHOWN]
    forgotten = [incident for incident in seen if _is_forgotten(incident, now)]
    mine = [incident for incident in seen if incident not in forgotten]
    return Home(
        mine=tuple(_draw(conn, incident, caller, eyes, now) for incident in mine[:MOST_SHOWN]),
        forgotten=tuple(_draw(conn, incident, caller, eyes, now) for incident in forgotten[:MOST_SHOWN]),
        silences=tuple((one.id, eyes.text(answers.matchers_text(one.matchers)), one.ends_at) for one in ending),
    )


def card_for(conn: Connection, caller: Caller, number: int, channel: Channel | None, policy: Policy, now: float) -> Card | None:
    """The full card, if the person may see the incident and, where it is to be shown in a channel, so may everybody there.

    A channel is not asked here who is in it, so that what only a verified one may show stays out.
    """
    row = incidents.load(conn, [number]).get(number)
    if row is None or not caller.key or answers.refusal(caller, "incident", row.incident, number, policy):
        return None
    eyes = eyes_of(caller, policy).about(number)
    if channel:
        eyes = eyes.within(unproven(channel.clearance, policy.sensitivity))
    return _draw(conn, row.incident, caller, eyes, now) if eyes.sees(row.incident) else None


def _is_forgotten(incident: Incident, now: float) -> bool:
    if incident.state != State.acknowledged or not incident.firing_count or incident.acked_until:
        return False
    return now >= incident.acked_at + FORGOTTEN_AFTER


def _draw(conn: Connection, incident: Incident, caller: Caller, eyes: Eyes, now: float) -> Card:
    """The card as these eyes see it, with the buttons that this person may press."""
    alerts, policy = alerts_of(conn, incident, MOST_LINES), eyes.policy
    drawn = card(incident, alerts, policy.names, incident_url(policy, incident.number), now)
    mine = tuple(button for button in drawn.buttons if not answers.refusal_for(caller, button.verb, incident.labels, policy))
    return eyes.about(incident.number).shown(replace(drawn, buttons=mine))
