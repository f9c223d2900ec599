"""What Tocsin says of itself: able to accept alerts or not, and everything that is degraded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog
from prometheus_client import generate_latest
from sqlalchemy import Connection

from adapters.chat import Chat
from bot import metrics
from bot.config import Config
from bot.config.check import front_door
from bot.delivery import Courier
from bot.drift import Drift
from bot.heard import Heard
from bot.heard import text_of as silence_of
from bot.rollcall import Rollcall
from bot.store import deliveries, incidents, storms
from bot.store.engine import Store
from bot.store.writer import StoreUnavailable
from bot.withheld import Withheld
from rules.alert import Severity

log = structlog.get_logger()


class Health:
    """`config_error`: why the last reload was refused. `fault`: a worker that ended, which must never be.

    `replicas`: see Replicas.state. `fetches`: see Fetcher.troubles.
    """

    def __init__(
        self,
        store: Store,
        couriers: Sequence[Courier],
        chats: Mapping[str, Chat],
        drift: Drift,
        withheld: Withheld,
        rollcall: Rollcall,
        heard: Heard,
    ) -> None:
        self._rollcall, self._heard = rollcall, heard
        self._store, self._couriers, self._chats, self._drift, self._withheld = store, couriers, chats, drift, withheld
        self.config_error = ""
        self.fault = ""
        self.fetches: Callable[[], Mapping[str, str]] = dict
        self.replicas: Callable[[], tuple[str, Mapping[str, str]]] = lambda: ("", {})
        self._warnings: Sequence[str] = ()

    def look_at(self, config: Config) -> None:
        """Tells what the config leaves open to strangers. It works as written, so nothing is degraded by it."""
        self._warnings = list(front_door(config))
        for text in self._warnings:
            log.warning("front_door", warning=text)

    async def ready(self) -> tuple[bool, Mapping[str, object]]:
        """A chat that is down does not turn senders away: it stands in the body only."""
        try:
            await self._store.check()
            failing = await self._store.read(deliveries.failing)
            hidden = len(await self._withheld.now())
            carrying = await self._store.read(storms.carrying)
        except StoreUnavailable as problem:
            return False, {"status": "unavailable", "store": str(problem)}
        role, wrong = self.replicas()
        degraded: dict[str, object] = {**wrong}
        for name, (kind, reason, count) in failing.items():
            degraded[f"channel {name}"] = f"{count} cards wait; {kind.replace('_', ' ')}: {reason}"
        for standing in self._drift.now():
            why = dict.fromkeys(breach.kind.value.replace("_", " ") for breach in standing.breaches)
            degraded[f"channel {standing.channel}, verification"] = f"not verified: {', '.join(why)}"
        for channel, (count, _) in carrying.items():
            degraded[f"channel {channel}, storm"] = f"a storm card carries {count} incidents that burn"
        if hidden:
            degraded["withheld"] = f"{hidden} incident{'' if hidden == 1 else 's'} shown in full in no channel"
        for courier in self._couriers:
            if courier.circuit.trouble:
                degraded[f"chat {courier.name}"] = courier.circuit.trouble
        for name, chat in self._chats.items():
            if chat.trouble:
                degraded[f"chat {name}, inbound"] = f"nothing comes in from people: {chat.trouble}"
        for name, trouble in self._rollcall.trouble.items():
            degraded[f"group {name}"] = trouble
        for one in self._heard.late():
            degraded[f"source {one.name}"] = silence_of(one)
        degraded |= self.fetches()
        if self.config_error:
            degraded["config"] = f"the last reload was refused: {self.config_error}"
        if self.fault:
            return False, {"status": "unavailable", "fault": self.fault, "degraded": degraded}
        body: dict[str, object] = {"status": "degraded" if degraded else "ok", "degraded": degraded}
        body |= {"replica": role} if role else {}
        return True, {**body, "warnings": self._warnings} if self._warnings else body

    async def metrics(self) -> bytes:
        """Prometheus' text format, with gauges as the store says now."""
        counts, backlog = await self._store.read(_gauges)
        metrics.WITHHELD.set(len(await self._withheld.now()))
        metrics.DRIFTED.set(len(self._drift.now()))
        metrics.INCIDENTS.clear()
        for (state, severity), count in counts.items():
            metrics.INCIDENTS.labels(state, severity.name).set(count)
        metrics.CARRIED.clear()
        for channel, (carried, _) in (await self._store.read(storms.carrying)).items():
            metrics.CARRIED.labels(channel).set(carried)
        metrics.BACKLOG.clear()
        for channel, count in backlog.items():
            metrics.BACKLOG.labels(channel).set(count)
        metrics.STORE_BACKLOG.set(self._store.backlog)
        return generate_latest()


def _gauges(conn: Connection) -> tuple[dict[tuple[str, Severity], int], dict[str, int]]:
    return incidents.counts(conn), deliveries.backlog(conn)
