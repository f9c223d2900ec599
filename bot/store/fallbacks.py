"""Cards that stand in a fallback, because they could not be shown where they belong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, and_, bindparam, insert, or_, select, update

from bot.store.sql import Query, among
from bot.store.tables import deliveries, fallbacks, incidents
from rules.alert import Severity
from rules.incident import State


class StandIn(msgspec.Struct, frozen=True):
    """The card of an incident in `channel`, which is there because it is not shown in `instead_of`. `back`: it is by now."""

    incident: int
    channel: str
    instead_of: str
    why: str
    back: bool = False


class Late(msgspec.Struct, frozen=True):
    """A critical incident that fires, and whose card is behind in a channel since `due_at` (seconds since the epoch).

    `stands`: an older state of it is shown there. `failure`: how the last try failed, if it did.
    """

    incident: int
    channel: str
    due_at: float
    stands: bool
    failure: str


def late(conn: Connection, channels: Iterable[str], before: float) -> list[Late]:
    """Those of these channels that were due by a time (seconds since the epoch), the longest due first."""
    rows = _LATE(conn, values=list(channels), before=before)
    return [Late(row.incident, row.channel, row.due_at, row.ref is not None, row.failure) for row in rows]


def add(conn: Connection, found: Sequence[StandIn]) -> None:
    if found:
        conn.execute(insert(fallbacks), [msgspec.structs.asdict(one) for one in found])


def of(conn: Connection, incident: int, channel: str) -> StandIn | None:
    """Why the card is in this channel, if it stands in for another one."""
    found = _OF(conn, incident=incident, channel=channel)
    return StandIn(**found[0]._asdict()) if found else None


def back(conn: Connection) -> Mapping[int, int]:
    """The cards (ids of their deliveries) that do not say yet that the card is shown where it belongs, and their incidents."""
    return {row.id: row.incident for row in _BACK(conn)}


def say_back(conn: Connection, cards: Mapping[int, int]) -> None:
    """From now on they say so, once they are drawn again."""
    here = select(deliveries.c.id).where(
        deliveries.c.incident == fallbacks.c.incident,
        deliveries.c.channel == fallbacks.c.channel,
        among(conn, deliveries.c.id, cards),
    )
    conn.execute(update(fallbacks).where(among(conn, fallbacks.c.incident, cards.values()), here.exists()).values(back=True))


_behind = or_(deliveries.c.wanted > deliveries.c.shown, deliveries.c.thread_wanted > deliveries.c.thread_shown)
_there = deliveries.alias("there")
_LATE = Query(
    lambda among: (
        select(*(deliveries.c[name] for name in ("incident", "channel", "due_at", "ref", "failure")))
        .join(incidents, incidents.c.number == deliveries.c.incident)
        .where(_behind, among(deliveries.c.channel), deliveries.c.urgency == 0)  # as the index has it
        .where(deliveries.c.due_at <= bindparam("before"), deliveries.c.wanted > deliveries.c.shown)
        .where(incidents.c.state == State.firing.value, incidents.c.severity == Severity.critical.value)
        .order_by(deliveries.c.due_at)
    )
)
_OF = Query(
    lambda _: select(fallbacks).where(fallbacks.c.incident == bindparam("incident"), fallbacks.c.channel == bindparam("channel"))
)
_BACK = Query(
    lambda _: (
        select(_there.c.id, _there.c.incident)
        .select_from(fallbacks)
        .join(deliveries, and_(deliveries.c.incident == fallbacks.c.incident, deliveries.c.channel == fallbacks.c.instead_of))
        .join(_there, and_(_there.c.incident == fallbacks.c.incident, _there.c.channel == fallbacks.c.channel))
        .where(~fallbacks.c.back, deliveries.c.wanted <= deliveries.c.shown)
    )
)
