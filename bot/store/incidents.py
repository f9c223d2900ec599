"""Incidents as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, or_, select, update

from bot.store.sql import Bulk, Query, among, to_json
from bot.store.tables import incidents
from rules.alert import Severity
from rules.incident import Incident, State
from rules.mute import NEVER


class IncidentRow(msgspec.Struct):
    """An incident with its times to wake up: `due_at` for `tick`, `check_at` for its mutes; infinity is never."""

    incident: Incident
    due_at: float
    check_at: float
    changed_at: float


def slot_of(route: str, group: Mapping[str, str]) -> str:
    """The text that names a route and group key: at most one incident of it takes alerts."""
    return f"{route} {to_json(sorted(group.items())).decode()}"


def load(conn: Connection, numbers: Iterable[int]) -> dict[int, IncidentRow]:
    return {row.number: _from_row(row) for row in _LOAD(conn, values=list(numbers))}


def latest(conn: Connection, slots: Iterable[str]) -> dict[str, IncidentRow]:
    """The newest incident of each slot that has one."""
    return {row.slot: _from_row(row) for row in _LATEST(conn, values=list(slots))}


def due(conn: Connection, now: float, limit: int) -> list[IncidentRow]:
    """Incidents with something to do by `now`, the most overdue first."""
    query = (
        select(incidents)
        .where(or_(incidents.c.due_at <= now, incidents.c.check_at <= now))
        .order_by(func.coalesce(incidents.c.due_at, incidents.c.check_at))
        .limit(limit)
    )
    return [_from_row(row) for row in conn.execute(query).all()]


def next_due(conn: Connection) -> float:
    """When the next incident has something to do, in seconds since the epoch; infinity when none has."""
    return min((at for at in _NEXT_DUE(conn)[0] if at is not None), default=NEVER)


def check_all(conn: Connection, now: float) -> None:
    """Has the mutes of every incident in which something fires looked at again: a silence or an inhibition came or went.

    One that a person resolved counts too, while its alerts fire on: it would come up again.
    """
    conn.execute(update(incidents).where(incidents.c.active).values(check_at=now))


def _is_open() -> ColumnElement[bool]:
    return and_(incidents.c.active, incidents.c.state != State.resolved.value)


def listed(conn: Connection, open_only: bool, limit: int) -> list[IncidentRow]:
    """Worst and newest first when open, newest first otherwise."""
    query = select(incidents).limit(limit)
    if open_only:
        query = query.where(_is_open()).order_by(incidents.c.severity, incidents.c.number.desc())
    else:
        query = query.order_by(incidents.c.number.desc())
    return [_from_row(row) for row in conn.execute(query).all()]


def counts(conn: Connection) -> dict[tuple[str, Severity], int]:
    """How many open incidents there are, by state and severity."""
    query = (
        select(incidents.c.state, incidents.c.severity, func.count())
        .where(_is_open())
        .group_by(incidents.c.state, incidents.c.severity)
    )
    return {(state, Severity(severity)): count for state, severity, count in conn.execute(query).all()}


def add(conn: Connection, rows: Sequence[IncidentRow]) -> None:
    """Inserts new incidents; each becomes the latest of its slot."""
    if not rows:
        return
    slots = [slot_of(row.incident.route, row.incident.group) for row in rows]
    conn.execute(update(incidents).where(among(conn, incidents.c.slot, slots), incidents.c.latest).values(latest=False))
    _insert(conn, [(row.incident.number, slot, True, *_said(row)) for slot, row in zip(slots, rows, strict=True)])


def save(conn: Connection, rows: Sequence[IncidentRow]) -> None:
    _update(conn, [(*_said(row), row.incident.number) for row in rows])


_LOAD = Query(lambda among: select(incidents).where(among(incidents.c.number)))
_LATEST = Query(lambda among: select(incidents).where(among(incidents.c.slot), incidents.c.latest))
_NEXT_DUE = Query(
    lambda _: select(
        *(select(func.min(at)).where(at.is_not(None)).scalar_subquery() for at in (incidents.c.due_at, incidents.c.check_at))
    )
)
_SAID = ("state", "severity", "active", "changed_at", "resolved_at", "due_at", "check_at", "body")
_insert = Bulk(insert(incidents), ("number", "slot", "latest", *_SAID))
_update = Bulk(update(incidents).where(incidents.c.number == bindparam("b_number")), (*_SAID, "b_number"))
_BODY = msgspec.json.Decoder(Incident)


def _said(row: IncidentRow) -> tuple[Any, ...]:
    """All columns but those that name the incident, in the order of _SAID."""
    incident, due_at, check_at = row.incident, row.due_at, row.check_at
    active = incident.state != State.resolved or incident.firing_count > 0
    return (
        incident.state.value, int(incident.severity), active, row.changed_at, incident.resolved_at,
        None if due_at == NEVER else due_at, None if check_at == NEVER else check_at, to_json(incident),
    )  # fmt: skip


def _from_row(row: Any) -> IncidentRow:
    due_at, check_at = (NEVER if at is None else at for at in (row.due_at, row.check_at))
    return IncidentRow(_BODY.decode(row.body), due_at, check_at, row.changed_at)
