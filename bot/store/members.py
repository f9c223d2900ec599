"""The alerts of an incident, as this incident saw them, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, insert, select, update

from bot.store.sql import Bulk, Query
from bot.store.tables import incidents, members
from rules.alert import Severity
from rules.incident import Member


class MemberRow(msgspec.Struct):
    incident: int
    alert: int
    member: Member
    starts_at: float
    ends_at: float
    new: bool = False


def firing(conn: Connection, alert_ids: Iterable[int]) -> list[MemberRow]:
    """The places in which these alerts fire now."""
    return [_from_row(row) for row in _FIRING(conn, values=list(alert_ids))]


def open_of(conn: Connection, alert_ids: Iterable[int]) -> list[MemberRow]:
    """The places of these alerts, firing or not, in incidents that are open, or that somebody resolved while something fires."""
    return [_from_row(row) for row in _OPEN_OF(conn, values=list(alert_ids))]


def of_alerts(conn: Connection, alert_ids: Iterable[int], since: int) -> dict[tuple[int, int], MemberRow]:
    """The places of these alerts, firing or not, in the incidents from number `since` on, by (incident, alert)."""
    return {(row.incident, row.alert): _from_row(row) for row in _OF_ALERTS(conn, values=list(alert_ids), since=since)}


def firing_in(conn: Connection, number: int) -> list[MemberRow]:
    """The firing members of one incident."""
    return [_from_row(row) for row in conn.execute(select(members).where(members.c.incident == number, members.c.firing))]


def top(conn: Connection, number: int, limit: int) -> list[MemberRow]:
    """Firing before resolved, worst first, oldest first: what the card lists."""
    return [_from_row(row) for row in _TOP(conn, number=number, most=limit)]


def save(conn: Connection, rows: Sequence[MemberRow]) -> None:
    """Inserts the new ones, updates the others."""
    said = [(row, row.member) for row in rows]
    _insert(conn, [
        (row.incident, row.alert, 1 if one.firing else 0, int(one.severity), one.muted, row.starts_at, row.ends_at)
        for row, one in said if row.new
    ])  # fmt: skip
    _update(conn, [
        (1 if one.firing else 0, int(one.severity), one.muted, row.starts_at, row.ends_at, row.incident, row.alert)
        for row, one in said if not row.new
    ])  # fmt: skip


_FIRING = Query(lambda among: select(members).where(among(members.c.alert), members.c.firing))
_OPEN_OF = Query(
    lambda among: select(members)
    .join(incidents, incidents.c.number == members.c.incident)
    .where(among(members.c.alert), incidents.c.active)
    .order_by(members.c.incident)
)
_OF_ALERTS = Query(lambda among: select(members).where(among(members.c.alert), members.c.incident >= bindparam("since")))
_TOP = Query(
    lambda _: select(members)
    .where(members.c.incident == bindparam("number"))
    .order_by(members.c.firing.desc(), members.c.severity, members.c.starts_at)
    .limit(bindparam("most"))
)
_SAID = ("firing", "severity", "muted", "starts_at", "ends_at")
_insert = Bulk(insert(members), ("incident", "alert", *_SAID))
_update = Bulk(
    update(members).where(members.c.incident == bindparam("b_incident"), members.c.alert == bindparam("b_alert")),
    (*_SAID, "b_incident", "b_alert"),
)


def _from_row(row: Any) -> MemberRow:
    member = Member(Severity(row.severity), row.firing, row.muted)
    return MemberRow(row.incident, row.alert, member, row.starts_at, row.ends_at)
