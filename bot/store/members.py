"""The alerts of an incident, as this incident saw them, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, insert, select, update

from bot.store.alerts import CHUNK
from bot.store.tables import members
from rules.alert import Severity
from rules.incident import Member


class MemberRow(msgspec.Struct):
    incident: int
    alert: int
    member: Member
    starts_at: float
    ends_at: float
    new: bool = False


def firing(conn: Connection, alert_ids: Sequence[int]) -> list[MemberRow]:
    """The places in which these alerts fire now."""
    found: list[MemberRow] = []
    for start in range(0, len(alert_ids), CHUNK):
        query = select(members).where(members.c.alert.in_(alert_ids[start : start + CHUNK]), members.c.firing)
        found += [_from_row(row) for row in conn.execute(query)]
    return found


def of_incidents(conn: Connection, numbers: Sequence[int], alert_ids: Sequence[int]) -> dict[tuple[int, int], MemberRow]:
    """The members of these incidents among these alerts, firing or not, by (incident, alert)."""
    found: dict[tuple[int, int], MemberRow] = {}
    for start in range(0, len(alert_ids), CHUNK):
        query = select(members).where(members.c.alert.in_(alert_ids[start : start + CHUNK]), members.c.incident.in_(numbers))
        found |= {(row.incident, row.alert): _from_row(row) for row in conn.execute(query)}
    return found


def firing_in(conn: Connection, number: int) -> list[MemberRow]:
    """The firing members of one incident."""
    return [_from_row(row) for row in conn.execute(select(members).where(members.c.incident == number, members.c.firing))]


def top(conn: Connection, number: int, limit: int) -> list[MemberRow]:
    """Firing before resolved, worst first, oldest first: what the card lists."""
    order = (members.c.firing.desc(), members.c.severity, members.c.starts_at)
    query = select(members).where(members.c.incident == number).order_by(*order).limit(limit)
    return [_from_row(row) for row in conn.execute(query)]


def save(conn: Connection, rows: Sequence[MemberRow]) -> None:
    """Inserts the new ones, updates the others."""
    new = [{"incident": row.incident, "alert": row.alert, **_said(row)} for row in rows if row.new]
    old = [{"b_incident": row.incident, "b_alert": row.alert, **_said(row)} for row in rows if not row.new]
    if new:
        conn.execute(insert(members), new)
    if old:
        conn.execute(_UPDATE, old)


_UPDATE = update(members).where(members.c.incident == bindparam("b_incident"), members.c.alert == bindparam("b_alert"))


def _said(row: MemberRow) -> dict[str, Any]:
    member = row.member
    return {
        "firing": member.firing,
        "severity": int(member.severity),
        "muted": member.muted,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
    }


def _from_row(row: Any) -> MemberRow:
    member = Member(Severity(row.severity), row.firing, row.muted)
    return MemberRow(row.incident, row.alert, member, row.starts_at, row.ends_at)
