"""What a clock that was set back leaves waiting in the outbox, and incidents that wait."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from bot.store.deliveries import BEHIND
from bot.store.incidents import IncidentRow, load
from bot.store.tables import deliveries, incidents
from rules.retry import LONGEST_WAIT


def cards(conn: Connection, now: float, jump: float, longest: float) -> None:
    """Has cards wait as long as they had to before a jump of the clock to `now`, which may be 0.0; and none for ever.

    `jump`: seconds, at most 0.0. `longest`: what a card waits at most before it is due.
    """
    for column, most in ((deliveries.c.due_at, longest), (deliveries.c.retry_at, LONGEST_WAIT)):
        if jump < 0.0:
            conn.execute(update(deliveries).where(BEHIND, column > now).values({column: column + jump}))
        conn.execute(update(deliveries).where(BEHIND, column > now + most).values({column: now}))


def waiting(conn: Connection, after: int, limit: int) -> list[IncidentRow]:
    """Incidents that have a deadline, with numbers above `after`, in order."""
    where = incidents.c.number > after, incidents.c.due_at.is_not(None)
    numbers = conn.scalars(select(incidents.c.number).where(*where).order_by(incidents.c.number).limit(limit)).all()
    found = load(conn, numbers)
    return [found[number] for number in numbers]
