"""Incidents that no channel shows in full: an alert must reach nobody in silence (G3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from bot.notice import Key, Notice
from bot.policy import Policy
from bot.store import deliveries, incidents
from bot.store.engine import Store
from rules.alert import OWN_SOURCE
from rules.incident import Incident, State

ALERT = "TocsinWithheldFromAll"
MOST_TOLD = 50


class Withheld:
    def __init__(self, store: Store, policy: Callable[[], Policy]) -> None:
        self._store, self._policy = store, policy

    async def now(self) -> list[Incident]:
        """Open incidents that no channel shows in full, worst first. Raises StoreUnavailable."""
        return await self._store.read(withheld_from_all, self._policy())

    async def notices(self) -> Mapping[Key, Notice]:
        """One for each of the worst: its number, severity and sensitivity, and nothing else of it. Raises StoreUnavailable."""
        return {(ALERT, f"#{one.number}"): Notice(_text(one)) for one in (await self.now())[:MOST_TOLD]}


def withheld_from_all(conn: Connection, policy: Policy) -> list[Incident]:
    """Of the open incidents that some channel shows as a stub, those for which there is no other one now."""
    found = [row.incident for row in incidents.load(conn, deliveries.stubbed(conn)).values()]
    found = [one for one in found if one.state != State.resolved and one.route != OWN_SOURCE]
    places: dict[int, set[str]] = {one.number: set(policy.destinations(one)) for one in found}
    for row in deliveries.of_incidents(conn, list(places)):
        places[row.incident].add(row.channel)
    hidden = [one for one in found if not any(policy.expects(name, one.sensitivity) for name in places[one.number])]
    return sorted(hidden, key=lambda one: (one.severity, one.number))


def _text(incident: Incident) -> str:
    what = f"#{incident.number} ({incident.severity.name}, {incident.sensitivity}) is shown in full in no channel"
    return f"{what}: mend its channel, or name one in `withheld_to` that is cleared and verified"
