"""What an outage of a chat leaves behind in the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, or_, update

from bot.store.sql import among
from bot.store.tables import deliveries


def retry_now(conn: Connection, items: Sequence[tuple[Iterable[str], Sequence[str]]]) -> list[None]:
    """The chats of these channels are back: what failed in one of these ways need not wait any longer."""
    behind = or_(deliveries.c.wanted > deliveries.c.shown, deliveries.c.thread_wanted > deliveries.c.thread_shown)
    for channels, kinds in items:
        failed = among(conn, deliveries.c.channel, channels), deliveries.c.failure.in_(kinds), deliveries.c.retry_at > 0.0
        conn.execute(update(deliveries).where(behind, *failed).values(retry_at=0.0))
    return [None for _ in items]
