"""When a channel is in a storm: more posts wait than it takes within its `storm_after`, so that one card carries them (G5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
import structlog
from sqlalchemy import Connection

from adapters.chat import Lane
from bot import metrics
from bot.policy import Policy
from bot.store import deliveries, storms
from bot.store.deliveries import MANY
from bot.store.engine import Store
from bot.store.storms import Raging, Unshown
from bot.store.writer import StoreUnavailable
from rules.channel import Channel

log = structlog.get_logger()

LOOK_EVERY = 0.5
EDIT_EVERY = 3.0
"""Seconds between two edits of a storm card at least, so that people can read it."""

SHARE = 1.5
"""Storm cards take two thirds of a lane of edits that they share with others."""

FEWEST = 3
"""So many make a storm at least; as many as cards cost as much."""

SHORTEST = 10.0
"""Seconds that a storm lasts at least."""

TREND_EVERY = 30.0
"""Seconds after which a card is drawn anew though nothing came: fewer are new."""

LanesOf = Callable[[str, Channel], Sequence[Lane]]


class Plan(msgspec.Struct):
    """What is to be done: storms begin (True: only to sum up what is over), end, or have their cards drawn anew.

    `close`: numbers of those that only summed up.
    """

    begin: dict[str, bool] = {}
    end: list[int] = []
    stir: list[int] = []
    close: list[int] = []

    def __bool__(self) -> bool:
        return bool(self.begin or self.end or self.stir or self.close)


class Storming:
    """The storms of one chat. `lanes(op, channel)`: the budgets of a call there, whichever card it is about."""

    def __init__(self, store: Store, policy: Callable[[], Policy], lanes: LanesOf, clock: Callable[[], float]) -> None:
        self._store, self._policy, self._lanes, self._clock = store, policy, lanes, clock
        self._raging: dict[str, Raging] = {}
        self._told: dict[int, int] = {}  # of each storm, how many its card was to say burn on
        self._looked_at = 0.0

    def rages(self, channel: str) -> bool:
        return channel in self._raging

    def pause(self) -> float:
        """Seconds until there may be something to do; infinity in calm weather."""
        return LOOK_EVERY if self._raging else float("inf")

    def channels(self, behind: Iterable[str]) -> Iterable[str]:
        """Those that there is something to do in: `behind`, and where a storm goes on."""
        return dict.fromkeys([*behind, *self._raging])

    async def look(self, channels: Mapping[str, Channel], behind: Mapping[str, int], without: Sequence[int]) -> bool:
        """Has storms begin, be told and end, now and then. Whether something is to be shown anew. Raises StoreUnavailable.

        `channels`: those that may be sent to now. `behind`: how many cards are, by channel. `without`: ids of deliveries that are
        being tried, and of doubtful ones. No other may be tried meanwhile.
        """
        now = self._clock()
        if not channels or abs(now - self._looked_at) < LOOK_EVERY:
            return False
        self._looked_at = now
        raging, unshown = await self._store.read(_survey, now, self._store.run)
        mine = {one.storm.channel: one for one in raging if one.storm.channel in channels}
        plan = self._plan(channels, mine, {name: one for name, one in unshown.items() if name in channels}, now)
        try:
            if mine or plan.begin or sum(behind.get(name, 0) for name in channels) > MANY:
                await self._store.write(self._set_aside, (tuple(channels), without))
            if plan:
                await self._store.write(self._carry_out, plan)
        except StoreUnavailable as problem:  # storms wait; what can be shown without does not
            log.warning("storms_wait_for_store", reason=str(problem))
            return False
        if plan:
            raging, _ = await self._store.read(_survey, now, self._store.run)
        self._raging = {one.storm.channel: one for one in raging if one.storm.channel in channels}
        return bool(plan)

    def _plan(
        self, channels: Mapping[str, Channel], mine: Mapping[str, Raging], unshown: Mapping[str, Unshown], now: float
    ) -> Plan:
        lanes = {name: self._lanes("post", channels[name]) for name in (*mine, *unshown)}
        waiting = {name: found.open for name, found in unshown.items() if name not in mine}
        plan = Plan()
        for name, seconds in _drains(lanes, waiting).items():
            if unshown[name].open >= FEWEST and seconds > self._policy().storm_after(name):
                plan.begin[name] = False
            elif unshown[name].over > 1:
                plan.begin[name] = True
        for name, one in mine.items():
            waits = unshown.get(name, Unshown())
            left = {**waiting, name: one.open + waits.open}
            if one.storm.passed:
                plan.close += [one.storm.number] * (not one.card.behind or not waits.over)
            elif self._may_end(one, _drains(lanes, left)[name], now):
                plan.end.append(one.storm.number)
                waiting = left  # they all come at once
            elif not one.card.behind and self._is_due(one, waits, channels, mine, now):
                plan.stir.append(one.storm.number)
                self._told[one.storm.number] = one.open + waits.open
        return plan

    def _may_end(self, one: Raging, seconds: float, now: float) -> bool:
        """`seconds`: how long it takes to post what burns on."""
        old_enough = abs(now - one.storm.began_at) >= SHORTEST and one.card.ref is not None
        return old_enough and seconds <= self._policy().storm_after(one.storm.channel) / 2

    def _is_due(
        self, one: Raging, waits: Unshown, channels: Mapping[str, Channel], mine: Mapping[str, Raging], now: float
    ) -> bool:
        age = abs(now - one.card.shown_at)
        if not (waits.open or waits.over or one.open != self._told.get(one.storm.number) or age > TREND_EVERY):
            return False
        lanes = self._lanes("update", channels[one.storm.channel])
        sharing = Counter(lane.name for name in mine for lane in self._lanes("update", channels[name]))
        return age >= max([EDIT_EVERY, *(SHARE * sharing[lane.name] / lane.per_second for lane in lanes)])

    def _carry_out(self, conn: Connection, plans: Sequence[Plan]) -> list[None]:
        now = self._clock()
        for plan in plans:
            if plan.begin:
                numbers = storms.begin(conn, plan.begin, self._store.run, now)
                for number, (name, passed) in zip(numbers, plan.begin.items(), strict=True):
                    metrics.STORMS.labels(name).inc()
                    log.warning("storm_begins", storm=number, channel=name, passed=passed)
            if plan.end:
                storms.end(conn, plan.end, now)
                log.info("storms_end", storms=plan.end)
            if plan.stir:
                storms.stir(conn, plan.stir, now)
            if plan.close:
                storms.close(conn, plan.close, now)
        return [None for _ in plans]

    def _set_aside(self, conn: Connection, items: Sequence[tuple[Sequence[str], Sequence[int]]]) -> list[None]:
        for channels, without in items:
            deliveries.set_aside(conn, channels, self._store.run, without)
        return [None for _ in items]


def _survey(conn: Connection, now: float, run: str) -> tuple[list[Raging], dict[str, Unshown]]:
    return storms.raging(conn), storms.unshown(conn, now, run)


def _drains(lanes: Mapping[str, Sequence[Lane]], waiting: Mapping[str, int]) -> dict[str, float]:
    """How many seconds it takes to post all that waits, by channel; lanes may be shared."""
    loads = Counter[str]()
    for name, count in waiting.items():
        for lane in lanes[name]:
            loads[lane.name] += count
    return {
        name: max((max(0.0, loads[lane.name] - lane.burst) / lane.per_second for lane in lanes[name]), default=0.0)
        for name in waiting
    }
