"""The outbox, level-triggered: a row says which revision of a card is wanted in a channel and which is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, insert, literal_column, or_, select, update

from bot.store.sql import Bulk, Query, among, clean
from bot.store.tables import deliveries, incidents
from rules.alert import Severity


class Call(StrEnum):
    """The first call that brings a card closer to what is wanted: a method of adapters.chat.Chat."""

    ask = "find"
    post = "post"
    update = "update"
    reply_in_thread = "reply_in_thread"


URGENT = "urgent post"
"""Where a storm rages, only what is critical or in hand is posted; and what may have been posted is looked for."""

UNTRIED = "-"
"""A delivery's `run` when surely no process has tried to post it: noted where many wait, taken back before the try."""

MANY = 8
"""So many that wait to be posted are noted as UNTRIED: to ask the chat about each after a restart would take too long."""

IN_HAND, OVER = 1, len(Severity) + 1
"""Urgencies (0 is critical): up to that, it never waits; from that on, it is over."""


LONG = 120.0
"""Seconds after which an edit no longer waits for worse ones, but for what is critical or in hand: all cards end right."""


class Delivery(msgspec.Struct):
    """The state of one card in one channel. `id` 0: not saved yet. See bot/store/tables.py for the columns."""

    incident: int
    channel: str
    urgency: int
    wanted: int
    due_at: float
    run: str
    id: int = 0
    shown: int = 0
    ref: str | None = None
    shown_at: float = 0.0
    thread_wanted: int = 0
    thread_shown: int = 0
    failures: int = 0
    retry_at: float = 0.0
    failure: str = ""
    error: str = ""
    plain: bool = False
    shown_as: str = ""
    storm: int = 0

    @property
    def behind(self) -> bool:
        """Whether the channel does not show what is wanted."""
        return self.wanted > self.shown or self.thread_wanted > self.thread_shown

    @property
    def carried(self) -> bool:
        """Whether a storm card shows it instead of a card of its own."""
        return self.storm > 0 and self.ref is None and self.shown > 0

    @property
    def next_call(self) -> Call:
        """What is to be done next, of one that is behind."""
        if self.ref is None:
            return Call.post
        return Call.update if self.wanted > self.shown else Call.reply_in_thread


_FIELDS = [deliveries.c[name] for name in Delivery.__struct_fields__]
BEHIND = _GAP = or_(deliveries.c.wanted > deliveries.c.shown, deliveries.c.thread_wanted > deliveries.c.thread_shown)


def of_incidents(conn: Connection, numbers: Sequence[int]) -> list[Delivery]:
    return [_from_row(row) for row in _OF_INCIDENTS(conn, values=list(numbers))]


def load(conn: Connection, ids: Iterable[int]) -> list[Delivery]:
    return [_from_row(row) for row in conn.execute(select(*_FIELDS).where(among(conn, deliveries.c.id, ids))).all()]


def pending(
    conn: Connection, places: Iterable[tuple[str, str]], now: float, limit: int, without: Iterable[int], run: str = ""
) -> list[Delivery]:
    """What is not shown yet and may be tried now: worst first, then the longest due.

    `places`: channels and the calls that may be made there. `limit`: of each of those. `without`: ids in flight. `run`: the
    name of this process. What stands where it must not stand any more is as urgent as can be; an edit that waited LONG, less so.
    """
    asked: dict[str, Any] = {"without": list(without), "now": now, "most": limit}
    more = {URGENT: {"run": run}}
    found = [row for channel, call in places for row in NEXT[call](conn, channel=channel, **asked, **more.get(call, {}))]
    rows = [_from_row(row) for row in found]
    long_ago = 0.0 if any(row.ref is None for row in rows) else now - LONG  # what nobody saw yet goes before what was seen
    return sorted(rows, key=lambda row: (_turn(row, long_ago), row.due_at))


def set_aside(conn: Connection, channels: Iterable[str], run: str, without: Iterable[int]) -> None:
    """Notes of what waits to be posted in these channels that `run` has not tried it. `without`: ids of what it tries, or did."""
    waits = and_(_GAP, deliveries.c.ref.is_(None), deliveries.c.run == run, ~among(conn, deliveries.c.id, without))
    conn.execute(update(deliveries).where(among(conn, deliveries.c.channel, channels), waits).values(run=UNTRIED))


def next_due(conn: Connection, channels: Sequence[str], now: float) -> float:
    """When something of these channels may be tried next, after `now`; infinity when nothing waits."""
    times = [row[0] for row in _NEXT_DUE(conn, values=list(channels), now=now) if row[0] is not None]
    return float(min(times, default=float("inf")))


class Shown(NamedTuple):
    """What stands in a channel, or may stand there."""

    id: int
    incident: int
    shown_as: str


def standing_in(conn: Connection, channel: str, below: int, limit: int) -> list[Shown]:
    """The cards that stand in a channel, the newest first, with ids under `below`."""
    there = or_(deliveries.c.ref.is_not(None), deliveries.c.shown_as != "")
    query = (
        select(*(deliveries.c[name] for name in Shown._fields))
        .where(deliveries.c.channel == channel, deliveries.c.id < below, there)
        .order_by(deliveries.c.id.desc())
        .limit(limit)
    )
    return [Shown._make(row) for row in conn.execute(query)]


def redraw(conn: Connection, ids: Sequence[int], now: float) -> None:
    """Has cards drawn anew at once, whatever is shown now and however often it failed."""
    _redraw(conn, [(0, now, 0.0, one) for one in ids])


def stubbed(conn: Connection) -> list[int]:
    """The numbers of active incidents that some channel shows as a stub."""
    a_stub = deliveries.c.shown_as == literal_column("'stub'")  # as the index has it
    shown = select(deliveries.c.id).where(deliveries.c.incident == incidents.c.number, a_stub).exists()
    return list(conn.scalars(select(incidents.c.number).where(incidents.c.active, shown)))


def backlog(conn: Connection) -> dict[str, int]:
    """How many cards are behind, by channel, whenever they are due."""
    return dict(map(tuple, _BACKLOG(conn)))


def failing(conn: Connection, tries: int = 1, at_once: Sequence[str] = ()) -> dict[str, tuple[str, str, int]]:
    """Channels with cards whose last tries failed: (kind, an example of the reason, how many).

    Counted from so many failures in a row on, and from the first for the kinds in `at_once`.
    """
    query = (
        select(deliveries.c.channel, func.max(deliveries.c.failure), func.max(deliveries.c.error), func.count())
        .where(_GAP, or_(deliveries.c.failures >= tries, deliveries.c.failure.in_(at_once)))
        .group_by(deliveries.c.channel)
    )
    return {channel: (kind, error, count) for channel, kind, error, count in conn.execute(query).all()}


def want(conn: Connection, rows: Sequence[Delivery]) -> None:
    """Inserts new rows; of known ones, writes only what the incident decides (never what the delivery worker does)."""
    _insert(conn, [tuple(getattr(row, name) for name in _COLUMNS) for row in rows if not row.id])
    _rewant(conn, [(row.urgency, row.wanted, row.due_at, row.thread_wanted, row.id) for row in rows if row.id])


def record(conn: Connection, rows: Sequence[Delivery]) -> None:
    """Writes what the delivery worker found out (never what the incident decides)."""
    clean_rows = [replace(row, ref=row.ref and clean(row.ref), error=clean(row.error)) for row in rows]
    _rerecord(conn, [tuple(getattr(row, name) for name in (*_RECORDED, "id")) for row in clean_rows])


_LATER = case((deliveries.c.due_at > deliveries.c.retry_at, deliveries.c.due_at), else_=deliveries.c.retry_at)
_OF_INCIDENTS = Query(lambda among: select(*_FIELDS).where(among(deliveries.c.incident)).order_by(deliveries.c.id))
_WAITED_LONG = and_(deliveries.c.due_at < bindparam("now") - LONG, deliveries.c.urgency > IN_HAND)
_TURN = case((deliveries.c.shown == 0, 0), (_WAITED_LONG, IN_HAND + 1), else_=deliveries.c.urgency)


def _pending(having: ColumnElement[bool], *order: ColumnElement[Any]) -> Query:
    return Query(
        lambda among: select(*_FIELDS)
        .where(_GAP, deliveries.c.channel == bindparam("channel"), ~among(deliveries.c.id, "without"), having)
        .where(deliveries.c.due_at <= bindparam("now"), deliveries.c.retry_at <= bindparam("now"))
        .order_by(*order, deliveries.c.due_at)
        .limit(bindparam("most"))
    )


_STANDS = deliveries.c.ref.is_not(None)
_NEVER_WAITS = or_(deliveries.c.urgency <= IN_HAND, deliveries.c.run.not_in([bindparam("run"), literal_column(f"'{UNTRIED}'")]))
NEXT: Mapping[str, Query] = {
    Call.post: _pending(deliveries.c.ref.is_(None), deliveries.c.urgency),
    URGENT: _pending(and_(deliveries.c.ref.is_(None), _NEVER_WAITS), deliveries.c.urgency),
    Call.update: _pending(and_(_STANDS, deliveries.c.wanted > deliveries.c.shown), _TURN),
    Call.reply_in_thread: _pending(and_(_STANDS, deliveries.c.wanted <= deliveries.c.shown), deliveries.c.urgency),
}
_BACKLOG = Query(lambda _: select(deliveries.c.channel, func.count()).where(_GAP).group_by(deliveries.c.channel))
_NEXT_DUE = Query(lambda among: select(func.min(_LATER)).where(_GAP, among(deliveries.c.channel), bindparam("now") < _LATER))
_COLUMNS = [name for name in deliveries.c.keys() if name != "id"]  # noqa: SIM118 - the keys of a collection that is no mapping
_RECORDED = ("shown", "ref", "shown_at", "thread_shown", "run", "failures", "retry_at", "failure", "error", "plain", "shown_as")
_BY_ID = update(deliveries).where(deliveries.c.id == bindparam("b_id"))
_insert = Bulk(insert(deliveries), _COLUMNS)
_rewant = Bulk(_BY_ID, ("urgency", "wanted", "due_at", "thread_wanted", "b_id"))
_redraw = Bulk(_BY_ID, ("shown", "due_at", "retry_at", "b_id"))
_rerecord = Bulk(_BY_ID, (*_RECORDED, "b_id"))


def _turn(row: Delivery, long_ago: float) -> int:
    """As _TURN says it."""
    if row.ref is None or (row.shown and not (row.due_at < long_ago and row.urgency > IN_HAND)):
        return row.urgency
    return IN_HAND + 1 if row.shown else 0


def _from_row(row: Any) -> Delivery:
    return Delivery(*row)
