"""Tocsin watches itself: what it cannot deliver becomes an alert of its own, in the admins' channel (G7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from sqlalchemy import Connection

from adapters.chat import Failure
from bot.absorb import Absorbed, Told, absorb
from bot.notice import ALSO_IN, Key, Notice, Notices, own_alert
from bot.policy import Policy
from bot.store import alerts, deliveries
from bot.store.engine import Store
from bot.store.writer import StoreUnavailable
from rules.alert import OWN_SOURCE, Alert

log = structlog.get_logger()

EVERY_SECONDS = 5.0
TRIES = 4
"""Failures in a row of one card before a passing fault (a time-out, a 500) counts as trouble. LASTING ones count at once."""

LASTING = (Failure.credentials, Failure.channel_unreachable, Failure.payload)


class Watch:
    """`config_error`: why the last reload was refused, or an empty text. `deaf`: chats from which nothing comes in, and why.

    `notices`: what else the admins are to be told.
    """

    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        clock: Callable[[], float],
        told: Callable[[Told], None],
        config_error: Callable[[], str],
        deaf: Callable[[], Mapping[str, str]],
        notices: Notices,
    ) -> None:
        self._store, self._policy, self._clock, self._told = store, policy, clock, told
        self._config_error, self._deaf, self._notices = config_error, deaf, notices
        self._deaf_before: Mapping[str, str] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._look()
            except StoreUnavailable as problem:
                log.warning("watch_waits_for_store", reason=str(problem))
            try:
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._notices.changed.wait()
            except TimeoutError:
                pass  # nothing happened meanwhile: time itself is what was waited for

    async def _look(self) -> None:
        """Raises an alert for each trouble that is new, resolves those that are over."""
        self._notices.changed.clear()
        notices = await self._notices.now()
        troubles = await self._store.read(_troubles, self._policy().config.admin.channel)
        if error := self._config_error():
            refused = f"The last reload was refused, the old config is in force: {error}"
            troubles["TocsinConfigRefused", "config"] = Notice(refused)
        deaf = self._deaf()
        for chat in deaf.keys() & self._deaf_before.keys():  # one that connects again at once is no trouble
            troubles["TocsinHearsNothing", chat] = Notice(f"No command or button from {chat} reaches Tocsin: {deaf[chat]}")
        self._deaf_before = deaf
        troubles |= notices
        known = await self._store.read(_firing)
        now = self._clock()
        changed = [own_alert(key, troubles[key], now, True) for key in troubles.keys() - known.keys()]
        reworded = [key for key in notices.keys() & known.keys() if notices[key] != known[key]]
        changed += [own_alert(key, notices[key], now, True) for key in reworded]
        changed += [own_alert(key, known[key], now, False) for key in known.keys() - troubles.keys()]
        if changed:
            self._told((await self._store.write(self._absorb, changed)).told)

    def _absorb(self, conn: Connection, requests: Sequence[Sequence[Alert]]) -> list[Absorbed]:
        return absorb(conn, requests, self._policy(), self._store.run, self._clock())


Troubles = dict[Key, Notice]
"""What is wrong and what to do, in words."""


def _troubles(conn: Connection, admin_channel: str | None) -> Troubles:
    """Channels that cannot be delivered to. That of the admins is left out: they could not read it there."""
    found: Troubles = {}
    for channel, (kind, reason, count) in deliveries.failing(conn, TRIES, LASTING).items():
        if channel != admin_channel:
            what = f"{count} card{'' if count == 1 else 's'} cannot be shown in {channel}: {kind.replace('_', ' ')}: {reason}"
            found["TocsinCannotDeliver", channel] = Notice(f"{what}. Alerts are still accepted and kept.")
    return found


def _firing(conn: Connection) -> Troubles:
    return {
        (row.alert.labels["alertname"], row.alert.labels["about"]): Notice(
            row.alert.annotations.get("summary", ""), row.alert.annotations.get(ALSO_IN, "")
        )
        for row in alerts.firing_of(conn, OWN_SOURCE)
    }
