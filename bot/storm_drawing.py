"""What a storm card shows in a channel: what it carries, as those who read there may see it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from adapters.chat import DeliveryError, Failure, ThreadNote
from bot.disclosure import Eyes
from bot.drawing import Drawing, stands_as
from bot.policy import Policy
from bot.store import incidents, storms
from bot.store.deliveries import Delivery
from bot.store.storms import Mark, StormRow
from rules.incident import Incident, State
from rules.storm import Carried, Storm, storm_card


def draw_storm(conn: Connection, row: Delivery, policy: Policy, now: float, without: Iterable[int]) -> Drawing:
    """`without`: ids of deliveries in flight. Raises DeliveryError as bot.drawing.draw does."""
    channel = policy.channels.get(row.channel)
    if channel is None:
        raise DeliveryError(Failure.channel_unreachable, f'channel "{row.channel}" is no longer in the config')
    storm = storms.load(conn, -row.incident)
    clearance = policy.clearance(row.channel)
    eyes = Eyes(policy, clearance)
    rows = storms.carried(conn, storm, now, without)
    known = {number: found.incident for number, found in incidents.load(conn, [one.incident for one in rows]).items()}
    mine = [one for one in rows if one.incident in known]
    seen = [one for one in mine if eyes.sees(known[one.incident])]
    ended_at = storm.began_at if storm.passed else storm.ended_at
    carried = [_carried(known[one.incident], one, storm, eyes) for one in seen]
    told = Storm(storm.began_at, ended_at, storm.passed, carried, len(mine) - len(seen))
    card = eyes.shown(storm_card(told, row.wanted, policy.config.public_url, now))
    named = tuple((one.incident, one.wanted, known[one.incident].sensitivity) for one in seen)
    on_it = [one for one in mine if one.ref is None and not (storm.ended_at and not storm.passed)]
    marks = tuple(Mark(one.wanted, one.thread_wanted, storm.number, one.id) for one in on_it)
    note, shown_as = ThreadNote(0, ()), storm_stands_as(policy, clearance)
    return Drawing(channel, clearance, "", card, note, row.thread_wanted, storm.began_at, shown_as, named, marks)


def storm_stands_as(policy: Policy, clearance: str | None) -> str:
    """How a storm card stands in a place of this clearance, as deliveries.shown_as says it."""
    return f"storm {clearance} {policy.redactor.hides_from(clearance)}".rstrip()


def should_stand_as(policy: Policy, channel: str, drawing: Drawing) -> str:
    """How what was drawn is to stand in a channel now."""
    clearance = policy.clearance(channel)
    return storm_stands_as(policy, clearance) if drawing.card.storm else stands_as(policy, clearance, drawing.level)


def _carried(incident: Incident, row: Delivery, storm: StormRow, eyes: Eyes) -> Carried:
    """Once the storm is over, what burns on gets a card of its own, and is told elsewhere even if it is over before that."""
    over = incident.state == State.resolved
    let_go = not storm.passed and storm.ended_at > 0.0 and row.shown == 0
    labels = {name: value for name, value in incident.labels.items() if eyes.reads(name, value)}
    own_card = row.ref is not None or let_go or (not over and (storm.passed or storm.ended_at > 0.0))
    return Carried(incident.number, incident.severity, over, incident.title, labels, incident.started_at, own_card)
