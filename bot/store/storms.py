"""Storms as rows. The card of one is a delivery like any other, of the incident -NUMBER: shown, edited and found again alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, update

from bot.store import deliveries as rows
from bot.store.counters import take
from bot.store.deliveries import BEHIND, IN_HAND, OVER, UNTRIED, Delivery
from bot.store.sql import Bulk, among
from bot.store.tables import deliveries, storms


class StormRow(msgspec.Struct):
    """`ended_at`: 0.0 while it goes on. `passed`: it only sums up what was over before it could be shown."""

    number: int
    channel: str
    began_at: float
    ended_at: float
    passed: bool


class Unshown(msgspec.Struct):
    """Posts of a channel that wait for their turn: those that burn on (`open`) and those that are `over` already."""

    open: int = 0
    over: int = 0


class Raging(NamedTuple):
    """A storm that goes on, its card, and how many of those that it carries burn on."""

    storm: StormRow
    card: Delivery
    open: int


class Mark(NamedTuple):
    """What a storm card shows of an incident that it carries, by the id of that delivery."""

    shown: int
    thread_shown: int
    storm: int
    id: int


_WAITS = and_(BEHIND, deliveries.c.ref.is_(None), deliveries.c.incident > 0, deliveries.c.urgency > IN_HAND)


def unshown(conn: Connection, now: float, run: str) -> dict[str, Unshown]:
    """Of every channel, what waits to be posted, is due, surely was not posted yet and neither critical nor in hand."""
    is_over = deliveries.c.urgency >= OVER
    query = (
        select(deliveries.c.channel, is_over, func.count())
        .where(_WAITS, deliveries.c.due_at <= now, deliveries.c.run.in_([run, UNTRIED]))
        .group_by(deliveries.c.channel, is_over)
    )
    found: dict[str, Unshown] = defaultdict(Unshown)
    for channel, over, count in conn.execute(query):
        setattr(found[channel], "over" if over else "open", count)
    return found


def raging(conn: Connection) -> list[Raging]:
    """All storms that go on."""
    found = [_from_row(row) for row in conn.execute(select(storms).where(storms.c.ended_at == 0.0))]
    if not found:
        return []
    cards = {row.incident: row for row in rows.of_incidents(conn, [-one.number for one in found])}
    query = (
        select(deliveries.c.storm, func.count())
        .where(deliveries.c.storm > 0, among(conn, deliveries.c.storm, [one.number for one in found]))
        .where(deliveries.c.ref.is_(None), deliveries.c.urgency < OVER)
        .group_by(deliveries.c.storm)
    )
    counts = {row[0]: row[1] for row in conn.execute(query)}
    return [Raging(one, cards[-one.number], counts.get(one.number, 0)) for one in found]


def load(conn: Connection, number: int) -> StormRow:
    return _from_row(conn.execute(select(storms).where(storms.c.number == number)).one())


def begin(conn: Connection, channels: Mapping[str, bool], run: str, now: float) -> list[int]:
    """A storm in each of these channels; True for one that only sums up what is over. Returns their numbers, in order."""
    first = take(conn, "storm", len(channels))
    found = [StormRow(first + i, name, now, 0.0, over) for i, (name, over) in enumerate(channels.items())]
    conn.execute(insert(storms), [msgspec.structs.asdict(one) for one in found])
    rows.want(conn, [Delivery(-one.number, one.channel, IN_HAND, 1, now, run) for one in found])
    return [one.number for one in found]


def stir(conn: Connection, numbers: Iterable[int], now: float) -> None:
    """Has the cards of storms drawn anew, also those that are just being drawn: they do not tell of this yet."""
    wanted = among(conn, deliveries.c.incident, [-number for number in numbers])
    again = {"wanted": deliveries.c.wanted + 1, "due_at": now}
    conn.execute(update(deliveries).where(wanted, deliveries.c.ref.is_not(None)).values(again))


def end(conn: Connection, numbers: Sequence[int], now: float) -> None:
    """They are over: what burns on gets cards of its own, of the rest there is no more to tell."""
    conn.execute(update(storms).where(among(conn, storms.c.number, numbers)).values(ended_at=now))
    carried = deliveries.c.storm > 0, among(conn, deliveries.c.storm, numbers), deliveries.c.ref.is_(None)
    conn.execute(update(deliveries).where(*carried, deliveries.c.urgency < OVER).values(shown=0, due_at=now))
    done = {"shown": deliveries.c.wanted, "thread_shown": deliveries.c.thread_wanted}
    conn.execute(update(deliveries).where(*carried, deliveries.c.urgency >= OVER).values(done))
    stir(conn, numbers, now)


def close(conn: Connection, numbers: Sequence[int], now: float) -> None:
    """Those that only sum up what is over have done so, or there is nothing left to sum up."""
    conn.execute(update(storms).where(among(conn, storms.c.number, numbers)).values(ended_at=now))
    cards = among(conn, deliveries.c.incident, [-number for number in numbers])
    conn.execute(update(deliveries).where(cards, deliveries.c.ref.is_(None)).values(wanted=deliveries.c.shown))


def carried(conn: Connection, storm: StormRow, now: float, without: Iterable[int]) -> list[Delivery]:
    """What a storm carries, and what it is to carry from now on: only what nobody has tried. `without`: ids in flight."""
    mine = and_(deliveries.c.storm > 0, deliveries.c.storm == storm.number)
    new = and_(_WAITS, deliveries.c.channel == storm.channel, deliveries.c.due_at <= now, deliveries.c.run == UNTRIED)
    new = and_(new, ~among(conn, deliveries.c.id, without))
    found = [row[0] for row in conn.execute(select(deliveries.c.id).where(mine))]
    if storm.passed and not found:
        found += [row[0] for row in conn.execute(select(deliveries.c.id).where(new, deliveries.c.urgency >= OVER))]
    elif not storm.ended_at:
        found += [row[0] for row in conn.execute(select(deliveries.c.id).where(new))]
    return rows.load(conn, dict.fromkeys(found))


def mark(conn: Connection, marks: Sequence[Mark]) -> None:
    """Notes what a storm card shows; not of what got a card of its own meanwhile."""
    _mark(conn, marks)


def record(conn: Connection, items: Sequence[tuple[Delivery, Sequence[Mark]]]) -> list[None]:
    """Writes what the delivery worker found out: of cards, and of what storm cards among them show."""
    rows.record(conn, [row for row, _ in items])
    mark(conn, [one for _, marks in items for one in marks])
    return [None for _ in items]


def carrying(conn: Connection) -> dict[str, tuple[int, float]]:
    """Channels in which a storm goes on: how many incidents its card carries that burn on, and since when."""
    return {one.storm.channel: (one.open, one.storm.began_at) for one in raging(conn)}


def sweep(conn: Connection, before: float) -> list[int]:
    """Removes storms that ended before a time and the deliveries of their cards; returns the ids of those."""
    old = [row.number for row in conn.execute(select(storms.c.number).where(storms.c.ended_at > 0.0, storms.c.ended_at < before))]
    if not old:
        return []
    cards = [row.id for row in rows.of_incidents(conn, [-number for number in old])]
    conn.execute(delete(deliveries).where(among(conn, deliveries.c.id, cards)))
    conn.execute(delete(storms).where(among(conn, storms.c.number, old)))
    return cards


_mark = Bulk(
    update(deliveries).where(deliveries.c.id == bindparam("b_id"), deliveries.c.ref.is_(None)),
    ("shown", "thread_shown", "storm", "b_id"),
)


def _from_row(row: object) -> StormRow:
    return StormRow(*row)  # type: ignore[misc] # a row of the table, column by column
