"""Resolved incidents older than `keep` go, a few at a time, and with them what only they needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Connection, delete, select

from bot.policy import Policy
from bot.store import alerts as alert_rows
from bot.store.engine import Store
from bot.store.tables import alerts, deliveries, incidents, members, messages, sessions, silences, timeline
from bot.store.writer import StoreUnavailable
from rules.incident import State

log = structlog.get_logger()

EVERY_SECONDS = 3600.0
AT_ONCE = 200


class Retention:
    def __init__(self, store: Store, policy: Callable[[], Policy], clock: Callable[[], float]) -> None:
        self._store, self._policy, self._clock = store, policy, clock

    async def run(self) -> None:
        """Until cancelled: once at start, then every EVERY_SECONDS."""
        while True:
            try:
                while await self._store.write(self._sweep, None):
                    await asyncio.sleep(0.05)  # webhooks go first
            except StoreUnavailable as problem:
                log.warning("retention_waits_for_store", reason=str(problem))
            await asyncio.sleep(EVERY_SECONDS)

    def _sweep(self, conn: Connection, items: Sequence[None]) -> list[int]:
        before = self._clock() - self._policy().config.keep
        return [sweep(conn, before, self._clock(), self._store.name) for _ in items]


def sweep(conn: Connection, before: float, now: float, store: str) -> int:
    """Removes up to AT_ONCE incidents resolved before a time, in seconds since the epoch. Returns how many rows of that kind went."""
    old = select(incidents.c.number).where(incidents.c.state == State.resolved.value, incidents.c.resolved_at < before)
    numbers = [row.number for row in conn.execute(old.where(incidents.c.due_at.is_(None)).limit(AT_ONCE))]
    if numbers:
        _remove_incidents(conn, numbers, store)
    unused = alert_rows.unused(conn, before, AT_ONCE)
    if unused:
        conn.execute(delete(alerts).where(alerts.c.id.in_(unused)))
    conn.execute(delete(silences).where(silences.c.ends_at < before))
    conn.execute(delete(sessions).where(sessions.c.expires_at < now))
    return len(numbers) + len(unused)


def _remove_incidents(conn: Connection, numbers: Sequence[int], store: str) -> None:
    cards = [f"{store}-{row.id}" for row in conn.execute(select(deliveries.c.id).where(deliveries.c.incident.in_(numbers)))]
    posts = [row.id for row in conn.execute(select(messages.c.id).where(messages.c.key.in_(cards)))]
    conn.execute(delete(messages).where(messages.c.id.in_(posts) | messages.c.parent.in_(posts)))
    for table in (members, timeline, deliveries):
        conn.execute(delete(table).where(table.c.incident.in_(numbers)))
    conn.execute(delete(incidents).where(incidents.c.number.in_(numbers)))
