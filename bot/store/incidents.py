"""Incidents as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from bot.store.alerts import CHUNK
from bot.store.tables import incidents
from rules.alert import Severity
from rules.incident import Incident, State


class IncidentRow(msgspec.Struct):
    """An incident with its times to wake up: `due_at` for `tick`, `check_at` for its mutes; infinity is never."""

    incident: Incident
    due_at: float
    check_at: float
    changed_at: float


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
        insert(incidents),
        [
            {"number": row.incident.number, "latest": True, "slot": slot, **_said(row)}
            for slot, row in zip(slots, rows, strict=True)
        ],
    )


def save(conn: Connection, rows: Sequence[IncidentRow]) -> None:
    if rows:
        conn.execute(_UPDATE, [{"b_number": row.incident.number, **_said(row)} for row in rows])


_UPDATE = update(incidents).where(incidents.c.number == bindparam("b_number"))
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
