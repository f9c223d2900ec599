"""The moves of some incidents in one transaction: gathered, applied once, saved together with what is to be shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec
from sqlalchemy import Connection

from bot.policy import Policy
from bot.store import alerts as alert_rows
from bot.store import deliveries, incidents, members, timeline
from bot.store.deliveries import IN_HAND, MANY, OVER, UNTRIED, Delivery
from bot.store.incidents import IncidentRow
from bot.store.members import MemberRow
from rules.alert import Severity
from rules.change import Change
from rules.deadline import due_at, show_at
from rules.incident import Delta, Incident, State, Timing
from rules.mute import Sources
from rules.tally import apply

Move = Callable[[Incident], tuple[Incident, list[Change]]]


class Moves:
    """`now`: seconds since the epoch. `run`: the name of this process, kept with deliveries it may try."""

    def __init__(self, conn: Connection, policy: Policy, run: str, now: float) -> None:
        self.conn, self.policy, self.run, self.now = conn, policy, run, now
        self.rows: dict[int, IncidentRow] = {}
        self.by_slot: dict[str, IncidentRow] = {}
        self._new: set[int] = set()
        self._before: dict[int, IncidentRow] = {}
        self._deltas: dict[int, list[Delta]] = defaultdict(list)
        self._members: dict[tuple[int, int], MemberRow] = {}
        self._touched: dict[tuple[int, int], MemberRow] = {}
        self._told: list[tuple[int, Change]] = []

    def load(self, numbers: Iterable[int]) -> None:
        """Brings incidents in; unknown numbers are left out."""
        missing = [number for number in numbers if number not in self.rows]
        for row in incidents.load(self.conn, missing).values() if missing else ():
            self._keep(row)

    def load_latest(self, slots: Iterable[str]) -> None:
        """Brings in the newest incident of each slot that has one."""
        for slot, row in incidents.latest(self.conn, slots).items():
            self.by_slot[slot] = self.rows.get(row.incident.number) or self._keep(row)

    def load_members(self, alert_ids: Sequence[int]) -> None:
        """Brings in what the incidents at hand know of these alerts, which were seen before."""
        old = [number for number in self.rows if number not in self._new]
        if old and alert_ids:
            self._members |= members.of_alerts(self.conn, alert_ids, since=min(old))

    def member(self, number: int, alert_id: int) -> MemberRow | None:
        return self._touched.get((number, alert_id)) or self._members.get((number, alert_id))

    def open(self, slot: str, row: IncidentRow) -> None:
        self._new.add(row.incident.number)
        self.by_slot[slot] = self._keep(row)

    def add(self, number: int, delta: Delta) -> None:
        self._deltas[number].append(delta)

    def put(self, member: MemberRow) -> None:
        self._touched[member.incident, member.alert] = member

    def describe(self, number: int, incident: Incident) -> None:
        """Changes what an incident says of itself (title, labels, sensitivity)."""
        self.rows[number].incident = incident

    def check_by(self, number: int, at: float) -> None:
        """Has the mutes of an incident looked at by this time at the latest."""
        row = self.rows[number]
        row.check_at = min(row.check_at, at)

    def move(self, number: int, move: Move) -> list[Change]:
        """Makes one move and returns its changes."""
        row = self.rows[number]
        row.incident, changes = move(row.incident)
        self._told += [(number, change) for change in changes]
        return changes

    def apply(self) -> None:
        """Makes the moves that the gathered deltas ask for."""
        for number, deltas in self._deltas.items():
            self.move(number, partial(apply, deltas=deltas, now=self.now))
        self._deltas.clear()

    def save(self) -> list[tuple[int, Change]]:
        """Applies what is gathered, writes everything, and returns what happened, oldest first."""
        if not self.rows:
            return []
        self.apply()
        moved = [row for number, row in self.rows.items() if number in self._new or row.incident != self._before[number].incident]
        for number, row in self.rows.items():  # also where nothing moved: the timing may have changed with the config
            row.due_at = due_at(row.incident, self._timing(number))
        for row in moved:
            row.changed_at = self.now
        incidents.add(self.conn, [row for row in moved if row.incident.number in self._new])
        incidents.save(self.conn, [row for n, row in self.rows.items() if n not in self._new and row != self._before[n]])
        members.save(self.conn, list(self._touched.values()))
        last_told = timeline.tell(self.conn, self._told)
        self._want([row.incident for row in moved], last_told)
        return self._told

    def place(self, numbers: Iterable[int]) -> None:
        """Says where incidents are to be shown, though nothing happened to them: what their channels merit is new."""
        found = [self.rows[number].incident for number in numbers if number in self.rows]
        self._want([incident for incident in found if incident.state != State.resolved], {})

    def _want(self, moved: Sequence[Incident], last: dict[int, int]) -> None:
        """Says in the outbox what is to be shown where, and when. `last`: the newest timeline entries."""
        numbers = [incident.number for incident in moved]
        known: dict[int, dict[str, Delivery]] = defaultdict(dict)
        for one in deliveries.of_incidents(self.conn, [n for n in numbers if n not in self._new]):
            known[one.incident][one.channel] = one
        last = last | timeline.last(self.conn, [number for number in numbers if number not in last])
        changes: dict[int, list[Change]] = defaultdict(list)
        for number, change in self._told:
            changes[number].append(change)
        wanted: list[Delivery] = []
        for incident in moved:
            places = known[incident.number]
            if not places and (incident.is_muted or not incident.firing_count):
                continue  # nobody was told that it fires, so nobody needs to hear that it is over
            for channel in dict.fromkeys([*places, *self.policy.destinations(incident)]):
                row = places.get(channel)
                if row is None:
                    row = Delivery(incident.number, channel, 0, 0, 0.0, self.run, thread_shown=last.get(incident.number, 0))
                wanted.append(self._wanted(incident, row, changes[incident.number], last.get(incident.number, 0)))
        new = [row for row in wanted if not row.id]
        for row in new if len(new) > MANY else ():
            row.run = UNTRIED  # they have to wait for their turn anyway
        deliveries.want(self.conn, wanted)

    def _wanted(self, incident: Incident, row: Delivery, changes: Sequence[Change], last_told: int) -> Delivery:
        due = show_at(incident, changes, self._timing(incident.number), row.shown_at, self.now)
        row.due_at = min(row.due_at, due) if row.behind else due
        row.wanted = incident.revision
        row.thread_wanted = last_told
        row.urgency = urgency(incident)
        return row

    def _timing(self, number: int) -> Timing:
        return self.policy.timing(self.rows[number].incident.route)

    def _keep(self, row: IncidentRow) -> IncidentRow:
        number = row.incident.number
        self.rows[number] = row
        self._before[number] = msgspec.structs.replace(row)
        return row


def urgency(incident: Incident) -> int:
    """The place in the queue, lowest first: what is critical, what somebody has in hand, the rest worst first, what is over."""
    if incident.state == State.resolved:
        return IN_HAND if incident.resolved_by else OVER + incident.severity
    in_hand = incident.owner or incident.note or incident.snoozed_until
    return min(incident.severity, IN_HAND) if in_hand else incident.severity + (incident.severity > Severity.critical)


def inhibiting_sources(conn: Connection, policy: Policy) -> Sources:
    """What fires now and mutes others, in the shape that rules.mute.muted_by_inhibition asks for."""
    found: dict[int, dict[tuple[str, ...], str]] = defaultdict(dict)
    if not policy.inhibitions:
        return found
    for _, marks, title in alert_rows.inhibiting(conn):
        for place, values in msgspec.json.decode(marks, type=list[tuple[int, tuple[str, ...]]]):
            found[place].setdefault(values, title)
    return found
