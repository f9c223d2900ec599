"""Tocsin watches itself: what it cannot deliver becomes an alert of its own, in the admins' channel (G7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from sqlalchemy import Connection

from adapters.chat import Failure
from bot.absorb import Absorbed, Told, absorb
from bot.policy import Policy
from bot.store import alerts, deliveries
from bot.store.engine import Store
from bot.store.writer import StoreUnavailable
from rules.alert import OWN_SOURCE, Alert, Severity, fingerprint

log = structlog.get_logger()

EVERY_SECONDS = 5.0
TRIES = 4
"""Failures in a row of one card before a passing fault (a time-out, a 500) counts as trouble. LASTING ones count at once."""

LASTING = (Failure.credentials, Failure.channel_unreachable, Failure.payload)


class Watch:
    """`config_error`: why the last reload was refused, or an empty text. `deaf`: chats from which nothing comes in, and why."""

    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        clock: Callable[[], float],
        told: Callable[[Told], None],
        config_error: Callable[[], str],
        deaf: Callable[[], Mapping[str, str]],
    ) -> None:
        self._store, self._policy, self._clock, self._told = store, policy, clock, told
        self._config_error, self._deaf = config_error, deaf
        self._deaf_before: Mapping[str, str] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._look()
            except StoreUnavailable as problem:
                log.warning("watch_waits_for_store", reason=str(problem))
            await asyncio.sleep(EVERY_SECONDS)

    async def _look(self) -> None:
        """Raises an alert for each trouble that is new, resolves those that are over."""
        troubles = await self._store.read(_troubles, self._policy().config.admin.channel)
        if error := self._config_error():
            troubles["TocsinConfigRefused", "config"] = f"The last reload was refused, the old config is in force: {error}"
        deaf = self._deaf()
        for chat in deaf.keys() & self._deaf_before.keys():  # one that connects again at once is no trouble
            troubles["TocsinHearsNothing", chat] = f"No command or button from {chat} reaches Tocsin: {deaf[chat]}"
        self._deaf_before = deaf
        known = await self._store.read(_firing)
        now = self._clock()
        changed = [_alert(key, troubles[key], now, True) for key in troubles.keys() - known.keys()]
        changed += [_alert(key, known[key], now, False) for key in known.keys() - troubles.keys()]
        if changed:
            self._told((await self._store.write(self._absorb, changed)).told)

    def _absorb(self, conn: Connection, requests: Sequence[Sequence[Alert]]) -> list[Absorbed]:
        return absorb(conn, requests, self._policy(), self._store.run, self._clock())


Troubles = dict[tuple[str, str], str]
"""(alert name, what it is about) -> what is wrong and what to do, in words."""


def _troubles(conn: Connection, admin_channel: str | None) -> Troubles:
    """Channels that cannot be delivered to. That of the admins is left out: they could not read it there."""
    found: Troubles = {}
    for channel, (kind, reason, count) in deliveries.failing(conn, TRIES, LASTING).items():
        if channel != admin_channel:
            what = f"{count} card{'' if count == 1 else 's'} cannot be shown in {channel}: {kind.replace('_', ' ')}: {reason}"
            found["TocsinCannotDeliver", channel] = f"{what}. Alerts are still accepted and kept."
    return found


def _firing(conn: Connection) -> Mapping[tuple[str, str], str]:
    return {
        (row.alert.labels["alertname"], row.alert.labels["about"]): row.alert.annotations.get("summary", "")
        for row in alerts.firing_of(conn, OWN_SOURCE)
    }


def _alert(key: tuple[str, str], text: str, now: float, firing: bool) -> Alert:
    labels = {"alertname": key[0], "about": key[1], "severity": "high"}
    ends_at = 0.0 if firing else now
    return Alert(OWN_SOURCE, fingerprint(labels), labels, {"summary": text}, Severity.high, firing, now, ends_at)
