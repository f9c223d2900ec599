"""Incidents, their members and their timeline as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from bot.store.alerts import CHUNK
from bot.store.tables import alerts, incidents, members, timeline
from rules.alert import Severity
from rules.change import Change, Kind
from rules.incident import Incident, Member, State


class IncidentRow(msgspec.Struct):
    """An incident with its times to wake up: `due_at` for `tick`, `check_at` for its mutes; infinity is never."""

    incident: Incident
    due_at: float
    check_at: float
    changed_at: float


class MemberRow(msgspec.Struct):
    incident: int
    alert: int
    member: Member
    starts_at: float
    ends_at: float
    new: bool = False


def slot_of(route: str, group: Mapping[str, str]) -> str:
    """The text that names a route and group key: at most one incident of it takes alerts."""
    return f"{route} {msgspec.json.encode(sorted(group.items())).decode()}"


def load(conn: Connection, numbers: Iterable[int]) -> dict[int, IncidentRow]:
    return _select(conn, incidents.c.number, list(numbers))


def latest(conn: Connection, slots: Iterable[str]) -> dict[str, IncidentRow]:
    """The newest incident of each slot that has one."""
    found = _select(conn, incidents.c.slot, list(slots), incidents.c.latest)
    return {slot_of(row.incident.route, row.incident.group): row for row in found.values()}


def _select(conn: Connection, column: Any, values: Sequence[Any], *also: Any) -> dict[int, IncidentRow]:
    found: dict[int, IncidentRow] = {}
    for start in range(0, len(values), CHUNK):
        query = select(incidents).where(column.in_(values[start : start + CHUNK]), *also)
        for row in conn.execute(query):
            found[row.number] = _from_row(row)
    return found


def due(conn: Connection, now: float, limit: int) -> list[IncidentRow]:
    """Incidents with something to do by `now`, the most overdue first."""
    query = (
        select(incidents)
        .where(or_(incidents.c.due_at <= now, incidents.c.check_at <= now))
        .order_by(func.coalesce(incidents.c.due_at, incidents.c.check_at))
        .limit(limit)
    )
    return [_from_row(row) for row in conn.execute(query)]


def next_due(conn: Connection) -> float:
    """When the next incident has something to do, in seconds since the epoch; infinity when none has."""
    times = conn.execute(select(func.min(incidents.c.due_at), func.min(incidents.c.check_at))).one()
    return min((at for at in times if at is not None), default=float("inf"))


def check_all(conn: Connection, now: float) -> None:
    """Has the mutes of every open incident looked at again: a silence or an inhibition came or went."""
    conn.execute(update(incidents).where(incidents.c.latest, _is_open()).values(check_at=now))


def _is_open() -> Any:
    return incidents.c.state != State.resolved.value


def listed(conn: Connection, open_only: bool, limit: int) -> list[IncidentRow]:
    """Worst and newest first when open, newest first otherwise."""
    query = select(incidents).limit(limit)
    if open_only:
        query = query.where(_is_open()).order_by(incidents.c.severity, incidents.c.number.desc())
    else:
        query = query.order_by(incidents.c.number.desc())
    return [_from_row(row) for row in conn.execute(query)]


def counts(conn: Connection) -> dict[tuple[str, Severity], int]:
    """How many open incidents there are, by state and severity."""
    query = (
        select(incidents.c.state, incidents.c.severity, func.count())
        .where(_is_open())
        .group_by(incidents.c.state, incidents.c.severity)
    )
    return {(state, Severity(severity)): count for state, severity, count in conn.execute(query)}


def add(conn: Connection, rows: Sequence[IncidentRow]) -> None:
    """Inserts new incidents; each becomes the latest of its slot."""
    if not rows:
        return
    slots = [slot_of(row.incident.route, row.incident.group) for row in rows]
    for start in range(0, len(slots), CHUNK):
        part = slots[start : start + CHUNK]
        conn.execute(update(incidents).where(incidents.c.slot.in_(part), incidents.c.latest).values(latest=False))
    conn.execute(
        insert(incidents), [{"number": row.incident.number, "latest": True, "slot": slot, **_said(row)} for slot, row in zip(slots, rows, strict=True)]
    )


def save(conn: Connection, rows: Sequence[IncidentRow]) -> None:
    if rows:
        conn.execute(_UPDATE, [{"b_number": row.incident.number, **_said(row)} for row in rows])


def firing_members(conn: Connection, alert_ids: Sequence[int]) -> list[MemberRow]:
    """The places in which these alerts fire now."""
    found: list[MemberRow] = []
    for start in range(0, len(alert_ids), CHUNK):
        query = select(members).where(members.c.alert.in_(alert_ids[start : start + CHUNK]), members.c.firing)
        found += [_member(row) for row in conn.execute(query)]
    return found


def members_of(conn: Connection, numbers: Sequence[int], alert_ids: Sequence[int]) -> dict[tuple[int, int], MemberRow]:
    """The members of these incidents among these alerts, firing or not, by (incident, alert)."""
    found: dict[tuple[int, int], MemberRow] = {}
    for start in range(0, len(alert_ids), CHUNK):
        query = select(members).where(members.c.alert.in_(alert_ids[start : start + CHUNK]), members.c.incident.in_(numbers))
        found |= {(row.incident, row.alert): _member(row) for row in conn.execute(query)}
    return found


def firing_in(conn: Connection, number: int) -> list[MemberRow]:
    """The firing members of one incident."""
    return [_member(row) for row in conn.execute(select(members).where(members.c.incident == number, members.c.firing))]


def top_members(conn: Connection, number: int, limit: int) -> list[MemberRow]:
    """Firing before resolved, worst first, oldest first: what the card lists."""
    order = (members.c.firing.desc(), members.c.severity, members.c.starts_at)
    query = select(members).where(members.c.incident == number).order_by(*order).limit(limit)
    return [_member(row) for row in conn.execute(query)]


def save_members(conn: Connection, rows: Sequence[MemberRow]) -> None:
    """Inserts the new ones, updates the others."""
    new = [{"incident": row.incident, "alert": row.alert, **_member_said(row)} for row in rows if row.new]
    old = [{"b_incident": row.incident, "b_alert": row.alert, **_member_said(row)} for row in rows if not row.new]
    if new:
        conn.execute(insert(members), new)
    if old:
        conn.execute(_UPDATE_MEMBER, old)


def tell(conn: Connection, entries: Sequence[tuple[int, Change]]) -> None:
    """Appends to the timelines: (incident number, change)."""
    if entries:
        rows = [{"incident": n, "at": c.at, "kind": c.kind.value, "by": c.by, "text": c.text} for n, c in entries]
        conn.execute(insert(timeline), rows)


def last_told(conn: Connection, numbers: Sequence[int]) -> dict[int, int]:
    """The id of the last timeline entry of each incident."""
    found: dict[int, int] = {}
    for start in range(0, len(numbers), CHUNK):
        query = (
            select(timeline.c.incident, func.max(timeline.c.id))
            .where(timeline.c.incident.in_(numbers[start : start + CHUNK]))
            .group_by(timeline.c.incident)
        )
        found |= {number: last for number, last in conn.execute(query)}
    return found


def told(conn: Connection, number: int, after: int = 0, limit: int = 1000) -> list[tuple[int, Change]]:
    """Timeline entries with an id above `after`, oldest first."""
    query = select(timeline).where(timeline.c.incident == number, timeline.c.id > after).order_by(timeline.c.id).limit(limit)
    return [(row.id, Change(Kind(row.kind), row.at, row.by, row.text)) for row in conn.execute(query)]


_UPDATE = update(incidents).where(incidents.c.number == bindparam("b_number"))
_UPDATE_MEMBER = update(members).where(members.c.incident == bindparam("b_incident"), members.c.alert == bindparam("b_alert"))
_BODY = msgspec.json.Decoder(Incident)
_encode = msgspec.json.Encoder().encode


def _said(row: IncidentRow) -> dict[str, Any]:
    """All columns but those that name the incident."""
    incident = row.incident
    return {
        "state": incident.state.value,
        "severity": int(incident.severity),
        "changed_at": row.changed_at,
        "resolved_at": incident.resolved_at,
        "due_at": _or_null(row.due_at),
        "check_at": _or_null(row.check_at),
        "body": _encode(incident),
    }


def _from_row(row: Any) -> IncidentRow:
    due_at, check_at = (float("inf") if at is None else at for at in (row.due_at, row.check_at))
    return IncidentRow(_BODY.decode(row.body), due_at, check_at, row.changed_at)


def _or_null(at: float) -> float | None:
    return None if at == float("inf") else at


def _member_said(row: MemberRow) -> dict[str, Any]:
    member = row.member
    return {
        "firing": member.firing,
        "severity": int(member.severity),
        "muted": member.muted,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
    }


def _member(row: Any) -> MemberRow:
    member = Member(Severity(row.severity), row.firing, row.muted)
    return MemberRow(row.incident, row.alert, member, row.starts_at, row.ends_at)


def alert_ids_unused(conn: Connection, before: float, limit: int) -> list[int]:
    """Alerts that neither fire nor belong to an incident and were last seen before `before`."""
    query = (
        select(alerts.c.id)
        .where(
            ~alerts.c.firing, alerts.c.seen_at < before, ~select(members.c.alert).where(members.c.alert == alerts.c.id).exists()
        )
        .limit(limit)
    )
    return [row.id for row in conn.execute(query)]
