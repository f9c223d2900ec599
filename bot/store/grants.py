"""Who may see an incident beyond their clearance, and until when, as rows. What is over counts no more, whoever looks."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select

from bot.store.sql import Query, clean
from bot.store.tables import grants


class Grant(msgspec.Struct, frozen=True):
    """Times are seconds since the epoch. `reason`: as the person wrote it, untrusted."""

    person: str
    incident: int
    at: float
    until: float
    reason: str


def add(conn: Connection, grant: Grant) -> None:
    """In place of an earlier one of the same person on the same incident."""
    same = (grants.c.person == grant.person) & (grants.c.incident == grant.incident)
    conn.execute(delete(grants).where(same))
    conn.execute(insert(grants).values({**msgspec.structs.asdict(grant), "reason": clean(grant.reason)}))


def of(conn: Connection, person: str, now: float) -> frozenset[int]:
    """The numbers of the incidents that this person may see now, whatever their clearance."""
    return frozenset(row.incident for row in _OF(conn, person=person, now=now)) if person else frozenset()


def current(conn: Connection, now: float) -> Sequence[Grant]:
    """All that are in force, the one that ends first first."""
    return [Grant(row.person, row.incident, row.at, row.until, row.reason) for row in _CURRENT(conn, now=now)]


def sweep(conn: Connection, before: float) -> None:
    """Forgets those that were over before a time."""
    conn.execute(delete(grants).where(grants.c.until < before))


_IN_FORCE = (grants.c.at <= bindparam("now")) & (grants.c.until > bindparam("now"))
_OF = Query(lambda _: select(grants.c.incident).where(grants.c.person == bindparam("person"), _IN_FORCE))
_CURRENT = Query(lambda _: select(grants).where(_IN_FORCE).order_by(grants.c.until))
