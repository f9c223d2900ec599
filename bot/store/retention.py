"""Resolved incidents older than `keep` go, a few at a time, and with them what only they needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog
from sqlalchemy import Connection, Select, delete, literal_column, select

from bot.policy import Policy
from bot.store import alerts as alert_rows
from bot.store import grants, news, requests, storms
from bot.store.engine import Store
from bot.store.sql import among
from bot.store.tables import alerts, deliveries, fallbacks, incidents, members, messages, sessions, silences, timeline
from bot.store.writer import StoreUnavailable

log = structlog.get_logger()

EVERY_SECONDS = 3600.0
AT_ONCE = 50
"""Incidents, and alerts, removed in one transaction: the event loop waits meanwhile."""

PAUSE = 0.05
"""Seconds between two of them: webhooks go first."""


class Swept(NamedTuple):
    """`removed`: how many incidents and alerts went. `gone`: source and fingerprint of the alerts."""

    removed: int
    gone: list[tuple[str, str]]


class Retention:
    """`forget` is called with the source and fingerprint of each alert that went: nobody need remember its last report."""

    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        clock: Callable[[], float],
        forget: Callable[[str, str], None] = lambda source, fingerprint: None,
    ) -> None:
        self._store, self._policy, self._clock, self._forget = store, policy, clock, forget

    async def run(self) -> None:
        """Until cancelled: once at start, then every EVERY_SECONDS."""
        while True:
            try:
                more = True
                while more:
                    swept = await self._store.write(self._sweep, None)
                    for key in swept.gone:
                        self._forget(*key)
                    more = swept.removed > 0
                    await asyncio.sleep(PAUSE)
            except StoreUnavailable as problem:
                log.warning("retention_waits_for_store", reason=str(problem))
            await asyncio.sleep(EVERY_SECONDS)

    def _sweep(self, conn: Connection, items: Sequence[None]) -> list[Swept]:
        before = self._clock() - self._policy().config.keep
        return [sweep(conn, before, self._clock(), self._store.name) for _ in items]


def sweep(conn: Connection, before: float, now: float, store: str) -> Swept:
    """Removes up to AT_ONCE incidents resolved before a time, in seconds since the epoch, and alerts."""
    numbers = [row.number for row in conn.execute(_over(before).limit(AT_ONCE))]
    if numbers:
        _remove_incidents(conn, numbers, store)
    _remove_posts(conn, storms.sweep(conn, before), store)
    unused = alert_rows.unused(conn, before, AT_ONCE)
    conn.execute(delete(alerts).where(among(conn, alerts.c.id, [one.id for one in unused])))
    gone = [(one.source, one.fingerprint) for one in unused]
    news.changed(conn, gone)
    conn.execute(delete(silences).where(silences.c.ends_at < before))
    grants.sweep(conn, before)
    requests.sweep(conn, before)
    conn.execute(delete(sessions).where(sessions.c.expires_at < now))
    return Swept(len(numbers) + len(unused), gone)


def _over(before: float) -> Select[tuple[int]]:
    """Incidents resolved before that time, in which nothing fires any more."""
    fires = select(members.c.alert).where(members.c.incident == incidents.c.number, members.c.firing).exists()
    resolved = incidents.c.resolved_at > literal_column("0")  # as the index has it
    return select(incidents.c.number).where(resolved, incidents.c.resolved_at < before, incidents.c.due_at.is_(None), ~fires)


def _remove_posts(conn: Connection, cards: Sequence[int], store: str) -> None:
    """What the console keeps of these deliveries."""
    keys = [f"{store}-{card}" for card in cards]
    posts = [row.id for row in conn.execute(select(messages.c.id).where(among(conn, messages.c.key, keys)))] if keys else []
    conn.execute(delete(messages).where(among(conn, messages.c.parent, posts)))
    conn.execute(delete(messages).where(among(conn, messages.c.id, posts)))


def _remove_incidents(conn: Connection, numbers: Sequence[int], store: str) -> None:
    cards = conn.execute(select(deliveries.c.id).where(among(conn, deliveries.c.incident, numbers)))
    _remove_posts(conn, [row.id for row in cards], store)
    for table in (members, timeline, deliveries, fallbacks):
        conn.execute(delete(table).where(among(conn, table.c.incident, numbers)))
    conn.execute(delete(incidents).where(among(conn, incidents.c.number, numbers)))
