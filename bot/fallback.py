"""Criticals that a channel cannot show go to its fallback (G7), and the card there says so, also when it is over.

Level-triggered: it compares what is late with what the fallback shows. When the chat is back, the courier shows the card where it
belongs as if nothing had been.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog
from sqlalchemy import Connection

from bot import metrics
from bot.circuit import NO_ANSWER, Circuit
from bot.moves import urgency
from bot.notice import CHAT_DOWN, Key, Notice
from bot.policy import Policy
from bot.store import deliveries, fallbacks, incidents, timeline
from bot.store.deliveries import Delivery
from bot.store.engine import Store
from bot.store.fallbacks import StandIn
from bot.store.writer import StoreUnavailable
from rules.incident import Incident

log = structlog.get_logger()

EVERY_SECONDS = 5.0
SILENT, NOT_SHOWN = "its chat does not answer", "it could not be shown there in time"


class Fallback:
    """`circuits`: whether chats answer, by name. `changed` is called when something is to be shown."""

    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        circuits: Mapping[str, Circuit],
        clock: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self._store, self._policy, self._circuits, self._clock, self._changed = store, policy, circuits, clock, changed
        self._down: set[str] = set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.once()
            except StoreUnavailable as problem:
                log.warning("fallback_waits_for_store", reason=str(problem))
            await asyncio.sleep(EVERY_SECONDS)

    async def once(self) -> None:
        """Raises StoreUnavailable."""
        if not self._policy().stand_ins:
            return
        stand_ins, back = await self._store.read(self._find)
        if stand_ins or back:
            for one in await self._store.write(self._mend, None):
                metrics.FALLBACKS.labels(one.instead_of).inc()
                log.warning("fallback", incident=one.incident, channel=one.instead_of, to=one.channel, why=one.why)
            self._changed()

    async def notices(self) -> Mapping[Key, Notice]:
        """Chats that do not answer, also at the second look. Not told where only that chat would show it."""
        policy = self._policy()
        admins = policy.channels.get(policy.config.admin.channel or "")
        before, self._down = self._down, {name for name, circuit in self._circuits.items() if circuit.trouble}
        told = [name for name in self._down & before if not admins or admins.chat != name or admins.fallback]
        return {(CHAT_DOWN, name): Notice(f"{name} does not answer. {_AFTER}") for name in told}

    def _find(self, conn: Connection) -> tuple[list[StandIn], Mapping[int, int]]:
        return list(self._late(conn)), fallbacks.back(conn)

    def _late(self, conn: Connection) -> Iterator[StandIn]:
        now, ways = self._clock(), {name: one for name, one in self._policy().channels.items() if one.fallback}
        if not ways:
            return
        found = fallbacks.late(conn, ways, now - min(one.fallback_after for one in ways.values()))
        known = incidents.load(conn, [one.incident for one in found])
        places = {(row.incident, row.channel) for row in deliveries.of_incidents(conn, list(known))}
        for one in found:
            channel = ways[one.channel]
            place, circuit = (one.incident, channel.fallback or ""), self._circuits.get(channel.chat)
            down = bool(circuit and circuit.trouble)
            # What stands there already may wait for its turn as long as the chat takes anything.
            waits = one.due_at > now - channel.fallback_after or (one.stands and not one.failure and not down)
            if not waits and place not in places and not _quiet(known[one.incident].incident):
                places.add(place)
                yield StandIn(*place, one.channel, SILENT if down or one.failure in NO_ANSWER else NOT_SHOWN)

    def _mend(self, conn: Connection, items: Sequence[None]) -> list[list[StandIn]]:
        stand_ins, back = self._find(conn)
        rows, now = incidents.load(conn, [one.incident for one in stand_ins]), self._clock()
        last = timeline.last(conn, list(rows))
        fallbacks.add(conn, stand_ins)
        deliveries.want(conn, [self._card(rows[one.incident].incident, one, last, now) for one in stand_ins])
        fallbacks.say_back(conn, back)
        deliveries.redraw(conn, list(back), now)
        return [stand_ins, *([] for _ in items[1:])]

    def _card(self, incident: Incident, one: StandIn, last: Mapping[int, int], now: float) -> Delivery:
        told = last.get(incident.number, 0)
        row = Delivery(incident.number, one.channel, urgency(incident), incident.revision, now, self._store.run)
        row.thread_wanted = row.thread_shown = told
        return row


_AFTER = (
    "Its cards wait, and are shown once it is back; meanwhile criticals go to the `fallback` of their channel, if it has one."
)


def _quiet(incident: Incident) -> bool:
    return incident.is_muted or bool(incident.snoozed_until)
