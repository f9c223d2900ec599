"""Decides a request in the transaction of what follows from it, and says so on the card that asked."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection

from bot.absorb import Told
from bot.moves import Moves
from bot.notice import Key, labels_of
from bot.policy import Policy
from bot.store import alerts, members, requests
from bot.store.requests import Decision
from rules import handling
from rules.alert import OWN_SOURCE, fingerprint
from rules.card import APPROVAL_WANTED


def key_of(request: int) -> Key:
    """Of the notice that tells of a request."""
    return APPROVAL_WANTED, f"request {request}"


def settle(conn: Connection, decision: Decision, policy: Policy, run: str) -> Told | None:
    """None if it could not be decided any more; else what happened to its card. `run`: the name of this process."""
    if not requests.settle(conn, decision):
        return None
    rows = alerts.load(conn, [(OWN_SOURCE, fingerprint(labels_of(key_of(decision.id))))])
    together = Moves(conn, policy, run, decision.at)
    together.load({place.incident for place in members.firing(conn, [row.id for row in rows.values()])})
    said = f"{decision.state}{f': {decision.why}' if decision.why else ''}"
    for number in list(together.rows):
        together.move(number, partial(handling.resolve, by=decision.by, now=decision.at, note=said))
    return together.save()
