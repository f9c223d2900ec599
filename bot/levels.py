"""How secret alerts and incidents are, judged anew when the rules of the config are others: at start and at each reload (G3)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection, delete, insert, select

from bot.moves import Moves
from bot.policy import Policy
from bot.store import alerts, deliveries, incidents, members
from bot.store.engine import Store
from bot.store.incidents import IncidentRow
from bot.store.tables import facts
from rules.incident import State

PAGE = 1000
FACT = "sensitivity"


class Judged(NamedTuple):
    """Alerts and the level that each is of now; `levels`: id -> level. `now`: seconds since the epoch."""

    levels: dict[int, str]
    policy: Policy
    run: str
    now: float


async def judge_anew(store: Store, policy: Policy, now: float) -> None:
    """Brings what is stored in line with the rules. Raises StoreUnavailable; what is left then is done the next time.

    An alert is as secret as the rules say now; an incident never becomes less so than it was. Its cards are drawn anew.
    """
    digest = hashlib.sha256(policy.sensitivity.model_dump_json(exclude={"verify_every"}).encode()).hexdigest()[:16]
    if await store.read(_applied) == digest:
        return
    last = 0
    while rows := await store.read(alerts.after, last, PAGE):
        other = {row.id: level for row in rows if (level := policy.level_of(row.alert)) != row.sensitivity}
        if other:
            await store.write(_judge, Judged(other, policy, store.run, now), len(other))
        last = rows[-1].id
    await store.write(_apply, digest)


def _judge(conn: Connection, pages: Sequence[Judged]) -> list[None]:
    for levels, policy, run, now in pages:
        alerts.relevel(conn, levels)
        worst: dict[int, str] = defaultdict(str)
        for number, alert in members.of_alerts(conn, list(levels), since=0):
            worst[number] = policy.sensitivity.highest(worst[number], levels[alert]) if worst[number] else levels[alert]
        _raise(conn, worst, policy, run, now)
    return [None for _ in pages]


def _raise(conn: Connection, worst: dict[int, str], policy: Policy, run: str, now: float) -> None:
    """Makes incidents more secret, has their cards drawn anew, and those that are open shown where they are to be now."""
    raised: list[IncidentRow] = []
    for number, row in incidents.load(conn, list(worst)).items():
        level = policy.sensitivity.highest(row.incident.sensitivity, worst[number])
        if level != row.incident.sensitivity:
            row.incident = replace(row.incident, sensitivity=level)
            raised.append(row)
    incidents.save(conn, raised)
    numbers = [row.incident.number for row in raised]
    moves = Moves(conn, policy, run, now)
    open_ones = [row.incident.number for row in raised if row.incident.state != State.resolved]
    moves.load(open_ones)
    moves.place(open_ones)
    deliveries.redraw(conn, [row.id for row in deliveries.of_incidents(conn, numbers)], now)


def _applied(conn: Connection) -> str | None:
    return conn.scalar(select(facts.c.value).where(facts.c.name == FACT))


def _apply(conn: Connection, digests: Sequence[str]) -> list[None]:
    conn.execute(delete(facts).where(facts.c.name == FACT))
    conn.execute(insert(facts).values(name=FACT, value=digests[-1]))
    return [None for _ in digests]
