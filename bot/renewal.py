"""Expiries that only this process heard of are written down in time, for with replicas another one looks for what expired."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Connection, literal_column, select

from bot.store import alerts as alert_rows
from bot.store.engine import Store
from bot.store.tables import alerts
from bot.store.writer import StoreUnavailable

log = structlog.get_logger()

EVERY_SECONDS = 5.0
AHEAD_SECONDS = 60.0
"""Rows that expire within this time are looked at."""

LAG_SECONDS = 15.0
"""How much later than its row says an alert expires where there are replicas: so long that each has had its turn to renew it."""

PAGE = 500


class Renewal:
    """`expiry` gives the expiry that an alert's last report here named, 0.0 if none is known."""

    def __init__(self, store: Store, clock: Callable[[], float], expiry: Callable[[str, str], float]) -> None:
        self._store, self._clock, self._expiry = store, clock, expiry

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.once()
            except StoreUnavailable as problem:
                log.warning("renewal_waits_for_store", reason=str(problem))
            await asyncio.sleep(EVERY_SECONDS)

    async def once(self) -> None:
        """Raises StoreUnavailable."""
        last, by = 0, self._clock() + AHEAD_SECONDS
        while page := await self._store.read(_expiring, by, last):
            last = page[-1][0]
            later = [row[0] for row in page if self._expiry(row[1], row[2]) > row[3]]
            if later:
                await self._store.write(self._renew, later, weight=len(later))

    def _renew(self, conn: Connection, batches: Sequence[Sequence[int]]) -> list[None]:
        rows = alert_rows.load_ids(conn, {one for batch in batches for one in batch}).values()
        known = [(row.id, self._expiry(*row.key), row.state) for row in rows]
        alert_rows.extend(conn, [(number, at) for number, at, state in known if state.firing and at > state.expires_at])
        return [None for _ in batches]


def _expiring(conn: Connection, by: float, after: int) -> list[tuple[int, str, str, float]]:
    """(id, source, fingerprint, expiry) of firing alerts that expire by that time."""
    columns = (alerts.c.id, alerts.c.source, alerts.c.fingerprint, alerts.c.expires_at)
    expiring = (alerts.c.firing, alerts.c.expires_at > literal_column("0"), alerts.c.expires_at <= by, alerts.c.id > after)
    query = select(*columns).where(*expiring).order_by(alerts.c.id).limit(PAGE)
    return [(row[0], row[1], row[2], row[3]) for row in conn.execute(query)]
