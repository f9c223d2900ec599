"""Alerts into incidents, inside one transaction: what each report means, which incident it belongs to, what is to be shown.

Runs on the store's writer. Reads by the hundred, decides with rules/, writes by the hundred.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection

from bot.moves import Moves, inhibiting_sources
from bot.policy import Policy
from bot.store import alerts as alert_rows
from bot.store import incidents as incident_rows
from bot.store import members, silences
from bot.store.alerts import AlertRow
from bot.store.counters import take
from bot.store.incidents import IncidentRow, slot_of
from bot.store.members import MemberRow
from rules.alert import Alert, Verdict, merge
from rules.change import Change
from rules.incident import Delta, Incident, Member, describe, takes
from rules.mute import NEVER, Mute, Silence, Sources
from rules.route import ALL_LABELS, Node

Told = list[tuple[int, Change]]
"""What happened to which incident, oldest first."""

FIRED = (Verdict.new, Verdict.refired)
IGNORED = (Verdict.stale, Verdict.early_resolve)
FIRED_WORDS = tuple(verdict.value for verdict in FIRED)


class Seen(msgspec.Struct):
    """One report on its way: its row as it was, the row as it is, what it meant, and the routes of an alert that fires anew."""

    row: AlertRow
    verdict: Verdict
    before: AlertRow | None
    nodes: list[Node] = []

    @property
    def changed(self) -> bool:
        """Whether a row must be written."""
        if self.before is None or self.verdict in (Verdict.resolved, Verdict.refired):
            return True
        return self.verdict == Verdict.duplicate and self.reworded

    @property
    def reworded(self) -> bool:
        """Whether it says anything new. A later expiry is not: bot/known.py remembers it, bot/recheck.py writes it in time."""
        if self.before is None:
            return False
        old, new = self.before.alert, self.row.alert
        same = (old.labels, old.annotations, old.links, old.severity) == (new.labels, new.annotations, new.links, new.severity)
        same = same and self.before.sensitivity == self.row.sensitivity
        return not same or old.starts_at != new.starts_at or self.before.state.ends_at != self.row.state.ends_at


class Absorbed(msgspec.Struct):
    """What one request led to: the verdict of each of its alerts, in order, and the changes of incidents.

    `ack_seconds`: how long first acknowledgements took that its source told of.
    """

    verdicts: list[Verdict]
    told: Told
    ack_seconds: list[float] = []


def absorb(conn: Connection, requests: Sequence[Sequence[Alert]], policy: Policy, run: str, now: float) -> list[Absorbed]:
    """All alerts of some requests, in order. `run`: the name of this process. `now`: seconds since the epoch."""
    verdicts = [[Verdict.stale] * len(alerts) for alerts in requests]
    told: Told = []
    for batch in _rounds(requests):
        seen = _Round(conn, policy, run, now).absorb([alert for _, _, alert in batch], told)
        for (request, place, _), one in zip(batch, seen, strict=True):
            verdicts[request][place] = one.verdict
    return [Absorbed(found, told if i == 0 else []) for i, found in enumerate(verdicts)]


def _rounds(requests: Sequence[Sequence[Alert]]) -> Iterable[list[tuple[int, int, Alert]]]:
    """The alerts in batches without a repetition, so that each report meets what the one before it left. Mostly one batch.

    With each alert its request and its place there.
    """
    placed = [(request, place, alert) for request, alerts in enumerate(requests) for place, alert in enumerate(alerts)]
    keys = [(alert.source, alert.fingerprint) for _, _, alert in placed]
    if len(set(keys)) == len(keys):
        return [placed]
    batches: list[list[tuple[int, int, Alert]]] = [[]]
    times: dict[alert_rows.Key, int] = defaultdict(int)
    for key, one in zip(keys, placed, strict=True):
        nth, times[key] = times[key], times[key] + 1
        if nth == len(batches):
            batches.append([])
        batches[nth].append(one)
    return batches


class _Round:
    """One batch in which no alert comes twice."""

    def __init__(self, conn: Connection, policy: Policy, run: str, now: float) -> None:
        self.conn, self.policy, self.now = conn, policy, now
        self.moves = Moves(conn, policy, run, now)
        self._slots: dict[tuple[str | None, ...], str] = {}
        self._muted_routes: dict[str, tuple[Mute | None, float]] = {}

    @cached_property
    def silences(self) -> list[Silence]:
        return silences.current(self.conn, self.now)

    @cached_property
    def sources(self) -> Sources:
        return inhibiting_sources(self.conn, self.policy)

    def absorb(self, alerts: Sequence[Alert], told: Told) -> list[Seen]:
        keys = [(alert.source, alert.fingerprint) for alert in alerts]
        known = alert_rows.load(self.conn, keys)
        seen = [self._look(alert, known.get(key)) for alert, key in zip(alerts, keys, strict=True)]
        self._number_new([one.row for one in seen if one.before is None])
        marked = seen if self.policy.inhibitions else [one for one in seen if one.before]
        inhibitors = [one for one in marked if one.changed and self._marks_inhibitor(one)]
        self._save_alerts(seen)
        self._join([one for one in seen if one.verdict in FIRED and one.row.state.firing])
        self._update([one for one in seen if one.before and one.verdict not in FIRED and one.changed])
        told += self.moves.save()
        if inhibitors:
            incident_rows.check_all(self.conn, self.now)
        return seen

    def _look(self, alert: Alert, before: AlertRow | None) -> Seen:
        state, verdict = merge(before.state if before else None, alert, self.now)
        if before is None:
            kept = alert if alert.starts_at else replace(alert, starts_at=state.starts_at)
            return Seen(AlertRow(0, kept, state, self.policy.level_of(alert), self.now), verdict, None)
        if verdict in IGNORED:
            return Seen(before, verdict, before)
        if alert.firing:
            ends_at = state.expires_at if state.firing else state.ends_at
            kept = replace(alert, firing=state.firing, starts_at=state.starts_at, ends_at=ends_at)
        else:  # a resolve often says less than the fire did
            kept = replace(before.alert, firing=False, ends_at=state.ends_at)
        row = AlertRow(before.id, kept, state, self.policy.level_of(kept), self.now, before.decided, before.inhibits)
        return Seen(row, verdict, before)

    def _number_new(self, rows: Sequence[AlertRow]) -> None:
        if rows:
            first = take(self.conn, "alert", len(rows))
            for i, row in enumerate(rows):
                row.id = first + i

    def _marks_inhibitor(self, one: Seen) -> bool:
        """Marks an alert that mutes others; True when who is muted may have changed."""
        row, before = one.row, one.row.inhibits
        row.inhibits = self.policy.inhibits(row.alert.labels)
        return before != row.inhibits or (row.inhibits is not None and one.verdict != Verdict.duplicate)

    def _save_alerts(self, seen: Sequence[Seen]) -> None:
        for one in seen:
            if one.verdict in FIRED:
                one.nodes = self.policy.routes_of(one.row.alert)
                word = FIRED_WORDS[FIRED.index(one.verdict)]
                one.row.decided = f"{word}: {', '.join([node.id for node in one.nodes])}"
        alert_rows.add(self.conn, [one.row for one in seen if one.before is None])
        alert_rows.save(self.conn, [one.row for one in seen if one.before is not None and one.changed])

    def _join(self, fired: Sequence[Seen]) -> None:
        """Alerts that fire join the incident of each route that takes them; a new one is opened where none takes it."""
        if not fired:
            return
        places = [(one, node) for one in fired for node in one.nodes]
        slots = [self._slot(node, one.row.alert.labels) for one, node in places]
        first: dict[str, tuple[Seen, Node]] = {}
        for slot, place in zip(slots, places, strict=True):
            first.setdefault(slot, place)
        self.moves.load_latest(first)
        self._open({slot: (one.row, node) for slot, (one, node) in first.items() if not self._is_taken(slot, node)})
        self.moves.load_members([one.row.id for one in fired if one.before])
        for slot, (one, node) in zip(slots, places, strict=True):
            self._enter(self.moves.by_slot[slot].incident.number, one, node)

    def _slot(self, node: Node, labels: Mapping[str, str]) -> str:
        """As slot_of, which writes JSON: once for the many alerts of a group."""
        if ALL_LABELS in node.group_by:
            return slot_of(node.id, node.group_of(labels))
        key = (node.id, *map(labels.get, node.group_by))
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = slot_of(node.id, node.group_of(labels))
        return slot

    def _is_taken(self, slot: str, node: Node) -> bool:
        """Whether an incident is there that takes new alerts of this slot."""
        current = self.moves.by_slot.get(slot)
        return current is not None and takes(current.incident, node.timing, self.now)

    def _open(self, openings: Mapping[str, tuple[AlertRow, Node]]) -> None:
        if not openings:
            return
        number = take(self.conn, "incident", len(openings))
        for slot, (row, node) in openings.items():
            incident = Incident(
                number=number,
                route=node.id,
                group=node.group_of(row.alert.labels),
                title=row.alert.title,
                labels=row.alert.labels,
                channels=node.channels,
                sensitivity=row.sensitivity,
                started_at=self.now,
            )
            self.moves.open(slot, IncidentRow(incident, NEVER, NEVER, self.now))
            number += 1

    def _enter(self, number: int, one: Seen, node: Node) -> None:
        row = one.row
        before = self.moves.member(number, row.id) if one.before else None
        after = self._firing(number, row, node)
        self.moves.add(number, Delta(before.member if before else None, after))
        self.moves.put(MemberRow(number, row.id, after, row.state.starts_at, 0.0, new=before is None))

    def _firing(self, number: int, row: AlertRow, node: Node) -> Member:
        """An alert that fires, as this incident sees it. The incident is told what it says and how secret it is."""
        mute, until = self._mute(row.alert, node)
        if until < NEVER:
            self.moves.check_by(number, until)
        incident = self.moves.rows[number].incident
        if incident.sensitivity != row.sensitivity or not incident.labels.items() <= row.alert.labels.items():
            highest = self.policy.sensitivity.highest(incident.sensitivity, row.sensitivity)
            self.moves.describe(number, describe(incident, row.alert, highest))
        return Member(row.alert.severity, True, mute.kind.value if mute else "")

    def _mute(self, alert: Alert, node: Node) -> tuple[Mute | None, float]:
        if self.silences or self.sources:
            return self.policy.mute(alert, node, self.silences, self.sources, self.now)
        found = self._muted_routes.get(node.id)  # by the clock alone: whatever the alert says
        if found is None:
            found = self._muted_routes[node.id] = self.policy.mute(alert, node, (), {}, self.now)
        return found

    def _update(self, changed: Sequence[Seen]) -> None:
        """Alerts that resolved, or that fire on with another severity or other words."""
        if not changed:
            return
        by_alert = {one.row.id: one for one in changed}
        places = members.firing(self.conn, list(by_alert))
        self.moves.load({place.incident for place in places})
        for place in places:
            one, number = by_alert[place.alert], place.incident
            row = one.row
            after = Member(row.alert.severity, False)
            if row.state.firing:
                after = self._firing(number, row, self.policy.node(self.moves.rows[number].incident.route))
            self.moves.add(number, Delta(place.member, after, one.verdict == Verdict.duplicate))
            self.moves.put(MemberRow(number, row.id, after, row.state.starts_at, row.state.ends_at))
