"""A clock that was set, or a machine that slept: noticed in one place, by the seconds that the machine counts itself.

What waits must not wait any longer by it. What has an end that people were told (a snooze, a silence) keeps that end.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from bot.policy import Policy
from bot.store import incidents, leaps
from rules.deadline import due_at, not_ahead

SMALLEST = 2.0
"""Seconds; smaller steps are how a clock is kept right."""

AT_ONCE = 200
"""Incidents looked at in one transaction."""


class Leap:
    """`clock`: seconds since the epoch; `ticks`: seconds that do not jump."""

    def __init__(self, clock: Callable[[], float], ticks: Callable[[], float]) -> None:
        self._clock, self._ticks = clock, ticks
        self._between = clock() - ticks()

    def taken(self) -> float:
        """By how many seconds the clock was set since this was asked last: 0.0 mostly, below that if it was set back."""
        before, self._between = self._between, self._clock() - self._ticks()
        jump = self._between - before
        return jump if abs(jump) >= SMALLEST else 0.0


def bring_back(conn: Connection, policy: Policy, jump: float, now: float) -> None:
    """After a jump of the clock to `now`; 0.0: nobody knows of one, for it may have been set while nobody looked.

    No card waits for longer than before, and none longer than anything may. Silences and time intervals are looked at anew.
    """
    leaps.cards(conn, now, min(jump, 0.0), policy.longest_wait)
    if jump:
        incidents.check_all(conn, now)


def bring_back_incidents(conn: Connection, policy: Policy, after: int, jump: float, now: float) -> int:
    """Of the next AT_ONCE incidents with a deadline, those that were quiet or told of in the future were so before the jump.

    Returns the number of the last that was looked at; 0: there are no more.
    """
    rows = leaps.waiting(conn, after, AT_ONCE)
    moved = []
    for row in rows:
        incident = not_ahead(row.incident, jump, now)
        if incident is not row.incident:
            row.incident, row.due_at = incident, due_at(incident, policy.timing(incident.route))
            moved.append(row)
    incidents.save(conn, moved)
    return rows[-1].incident.number if len(rows) == AT_ONCE else 0
