"""Drift (G3): what stands in a channel is brought in line with what it merits now, and what it may not show goes elsewhere.

Level-triggered: it compares what stands there with what should, at start and whenever a verdict or the config is another one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from bot.drawing import STUB, stands_as
from bot.moves import Moves
from bot.policy import Policy
from bot.standings import Standings
from bot.store import deliveries, incidents
from bot.store import standings as standing_rows
from bot.store.engine import Store
from bot.store.writer import StoreUnavailable
from bot.storm_drawing import storm_stands_as
from rules.incident import State
from rules.standing import Standing

log = structlog.get_logger()

PAGE = 500
LONGEST_SLEEP = 5.0
NO_MORE = 0
NEWEST = 2**62


class Wrong(NamedTuple):
    """What is wrong on a page of what stands in a channel. `last`: the id of its last card, NO_MORE at the end.

    `cards`: ids of those that stand otherwise than they should. `missing`: numbers of open incidents whose full card is to go
    somewhere else, too, and does not yet.
    """

    cards: list[int]
    missing: list[int]
    last: int


class Redraw:
    """`wake()` when a verdict may be another one. `changed` is called when something is to be shown otherwise."""

    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        standings: Standings,
        clock: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self._store, self._policy, self._standings, self._clock, self._changed = store, policy, standings, clock, changed
        self._kept: dict[str, Standing] = {}
        self._looked_at: dict[str, tuple[Policy, str | None]] = {}
        self._woken = asyncio.Event()

    def begin(self) -> None:
        """Another replica may have been at it meanwhile: looks at everything."""
        self._kept, self._looked_at = {}, {}

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            pause = LONGEST_SLEEP
            try:
                await self.once()
            except StoreUnavailable as problem:
                log.warning("redraw_waits_for_store", reason=str(problem))
                pause = 1.0
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            except TimeoutError:
                pass  # nothing happened meanwhile: time itself is what was waited for
            self._woken.clear()

    async def once(self) -> None:
        """All channels whose chat is not just being asked. Raises StoreUnavailable; what is left then is done the next time."""
        policy = self._policy()
        self._looked_at = {name: seen for name, seen in self._looked_at.items() if name in policy.channels}
        for name in policy.channels:
            if not self._standings.settling(name):
                standing = self._standings.of(name)
                await self._keep(standing)
                if self._looked_at.get(name) != (policy, standing.clearance):
                    await self._look(policy, standing)
                    self._looked_at[name] = policy, standing.clearance

    async def _keep(self, standing: Standing) -> None:
        if self._kept.get(standing.channel) == standing:
            return
        if await self._store.write(standing_rows.keep, (standing, self._clock())):
            why = Counter(breach.kind.value for breach in standing.breaches)
            tell = log.warning if standing.breaches else log.info
            tell("channel_standing", channel=standing.channel, merits=standing.clearance, why=dict(why))
        self._kept[standing.channel] = standing

    async def _look(self, policy: Policy, standing: Standing) -> None:
        """Goes through all that stands in the channel, the newest first, a page at a time."""
        last = NEWEST
        while last != NO_MORE:
            wrong = await self._store.read(find_wrong, policy, standing, last)
            last = wrong.last
            if wrong.cards or wrong.missing:
                await self._store.write(self._mend, wrong)
                self._changed()

    def _mend(self, conn: Connection, pages: Sequence[Wrong]) -> list[None]:
        policy, now = self._policy(), self._clock()
        moves = Moves(conn, policy, self._store.run, now)
        numbers = [number for page in pages for number in page.missing]
        moves.load(numbers)
        moves.place(numbers)
        deliveries.redraw(conn, [card for page in pages for card in page.cards], now)
        return [None for _ in pages]


def find_wrong(conn: Connection, policy: Policy, standing: Standing, below: int) -> Wrong:
    """The next page of a channel, of cards with ids under `below`."""
    shown = deliveries.standing_in(conn, standing.channel, below, PAGE)
    found = incidents.load(conn, {one.incident for one in shown})
    should = {n: stands_as(policy, standing.clearance, row.incident.sensitivity) for n, row in found.items()}
    of_storms = storm_stands_as(policy, standing.clearance)
    wrong = [one.id for one in shown if one.shown_as != should.get(one.incident, of_storms if one.incident < 0 else one.shown_as)]
    withheld = [row.incident for n, row in found.items() if should[n] == STUB and row.incident.state != State.resolved]
    places = {(row.incident, row.channel) for row in deliveries.of_incidents(conn, [one.number for one in withheld])}
    missing = [one.number for one in withheld if any((one.number, name) not in places for name in policy.destinations(one))]
    return Wrong(wrong, missing, shown[-1].id if len(shown) == PAGE else NO_MORE)
