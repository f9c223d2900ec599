"""What senders say besides their alerts: what somebody did to one on their side, and fields that made no sense."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from adapters.source import Act
from bot import metrics
from bot.absorb import Told
from bot.moves import Moves
from bot.policy import Policy
from bot.store import alerts, audit, members, timeline
from bot.store.members import MemberRow
from rules import handling
from rules.audit_entry import Entry, Event
from rules.change import Kind
from rules.command import MOST_TEXT
from rules.incident import Incident, Moved, State

MOST_NAME = 100
"""Characters of who did it."""

MOST_LOOKED_AT = 200
"""Entries of a timeline in which a note counts as told before."""

MOST_FIELDS = 100
"""Fields of a source that are counted by name; the paths are our own, and yet none of them may be many."""

OTHER = "other"


class Done(NamedTuple):
    """What happened, and how long first acknowledgements took, in seconds."""

    told: Told
    ack_seconds: list[float]


def carry_out(conn: Connection, said: Sequence[tuple[str, Act]], policy: Policy, run: str, now: float) -> Done:
    """Does to the open incidents that hold an alert what its source (its name, the act) says was done to the alert.

    In order, and in the transaction of the alerts. What a source says needs no permission and no clearance: it knows the alert
    anyway, and learns nothing. An alert that is unknown or over is passed by, and saying it again changes nothing.
    `run`: the name of this process.
    """
    rows = alerts.load(conn, {(source, act.fingerprint) for source, act in said})
    places: dict[int, list[MemberRow]] = defaultdict(list)
    for place in members.open_of(conn, [row.id for row in rows.values()]):
        places[place.alert].append(place)
    doing = _Doing(Moves(conn, policy, run, now))
    doing.moves.load({place.incident for found in places.values() for place in found})
    for source, act in said:
        row = rows.get((source, act.fingerprint))
        if row is None or (act.verb == "note" and act.text in row.alert.annotations.values()):
            continue
        for place in places[row.id]:
            if place.member.firing or act.verb == "note":  # how it was closed is worth a note, too
                doing.one(place.incident, source, act)
    audit.append(conn, doing.entries)
    return Done(doing.moves.save(), doing.ack_seconds)


class _Doing:
    """The acts of one transaction. `entries`: what the audit log keeps of them."""

    def __init__(self, moves: Moves) -> None:
        self.moves, self.entries, self.ack_seconds = moves, list[Entry](), list[float]()
        self._told: dict[int, set[tuple[str, str]]] = {}

    def one(self, number: int, source: str, act: Act) -> None:
        """Does it to one incident, if it was not so already."""
        before, by, now = self.moves.rows[number].incident, who(act.by, source), self.moves.now
        if before.state == State.resolved:
            return
        text = act.text[:MOST_TEXT]
        if text and self._was_told(number, by, text):
            text = ""
        changes = self.moves.move(number, partial(MOVES[act.verb], by=by, now=now, text=text))
        if not changes:
            return
        if changes[0].kind == Kind.acknowledged and not before.acked_at:
            self.ack_seconds.append(now - before.started_at)
        body = {"verb": act.verb, "line": f"{act.verb} {number}", "outcome": changes[0].kind.value, "via": f"source:{source}"}
        self.entries.append(Entry(now, Event.act, audit.without_secrets(by), "", number, body))

    def _was_told(self, number: int, by: str, text: str) -> bool:
        """Whether they said so before: senders repeat themselves, whatever others said in between. From now on they did."""
        told = self._told.get(number)
        if told is None:
            latest = timeline.latest(self.moves.conn, number, MOST_LOOKED_AT)
            told = self._told[number] = {(change.by, change.text) for change in latest}
        before = (by, text) in told
        told.add((by, text))
        return before


def who(by: str, source: str) -> str:
    """How the timeline and the card name them: `Jo Field (opsgenie)`. No key of a person looks like that."""
    return f"{' '.join(by.split())[:MOST_NAME] or 'its sender'} ({source})"


def _ack(incident: Incident, by: str, now: float, text: str) -> Moved:
    """Whoever has it already keeps it: senders repeat themselves."""
    if incident.state == State.acknowledged:
        return handling.add_note(incident, by, now, text)
    return handling.acknowledge(incident, by, now, note=text)


def _unack(incident: Incident, by: str, now: float, text: str) -> Moved:
    return handling.unacknowledge(incident, by, now)


def _note(incident: Incident, by: str, now: float, text: str) -> Moved:
    return handling.add_note(incident, by, now, text)


MOVES: Mapping[str, Callable[..., Moved]] = {"ack": _ack, "unack": _unack, "note": _note}


class Oddities:
    """Counts the fields that were not understood."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = defaultdict(set)

    def count(self, source: str, fields: Sequence[str]) -> None:
        """Each as often as it is listed. `fields`: dotted paths as a source's code has them."""
        known = self._known[source]
        for field in fields:
            if field not in known and len(known) < MOST_FIELDS:
                known.add(field)
            metrics.FIELDS_NOT_UNDERSTOOD.labels(source, field if field in known else OTHER).inc()
