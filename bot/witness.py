"""Bears witness in the audit log: who did what, who was refused what, and who is about to be shown what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from bot.policy import Policy
from bot.store import audit, incidents
from bot.store.engine import Store
from rules.access import Caller
from rules.audit_entry import Entry, Event
from rules.command import Command, render

MOST_KNOWN = 10_000
"""Disclosures that are remembered, so that one and the same is told once."""


class Origin(NamedTuple):
    """Where somebody spoke: `via` is `CHAT:ACCOUNT` or `api`, `channel` the config's name of the channel, if it was in one."""

    via: str = ""
    channel: str = ""


UNKNOWN = Origin()


def act(caller: Caller, command: Command, origin: Origin, now: float, outcome: str, incident: int = 0) -> Entry:
    """A command that was carried out."""
    return _entry(Event.act, caller, command, origin, now, outcome, incident)


def refusal(caller: Caller, command: Command, origin: Origin, now: float, why: str, incident: int = 0) -> Entry:
    """A command that was not, and why."""
    return _entry(Event.refusal, caller, command, origin, now, why, incident)


def _entry(kind: Event, caller: Caller, command: Command, origin: Origin, now: float, outcome: str, incident: int) -> Entry:
    body = {"verb": command.verb, "line": render(command), "outcome": outcome, "via": origin.via}
    incident = incident or (command.numbers[0] if len(command.numbers) == 1 else 0)
    return Entry(now, kind, caller.key or origin.via, origin.channel, incident, body)


class Shown(NamedTuple):
    """An incident that a person, or whoever can read a channel, gets to see. `news`: noted again when it is another."""

    person: str
    channel: str
    incident: int
    level: str
    news: object
    body: Mapping[str, Any]


class Witness:
    """Notes disclosures, of levels that need proof, before they happen: what cannot be noted must not be shown.

    Noted the first time in the life of the process, and again when there is more to learn: a person sees another revision, a
    card has other readers.
    """

    def __init__(self, store: Store, policy: Callable[[], Policy], clock: Callable[[], float]) -> None:
        self._store, self._policy, self._clock = store, policy, clock
        self._known: dict[tuple[str, str, int], object] = {}

    async def shown_to(self, person: str, numbers: Iterable[int], origin: Origin) -> None:
        """A person is about to be told of these incidents. Raises StoreUnavailable."""
        rows = await self._store.read(incidents.load, list(numbers))
        found = [(row.incident, row.incident.revision) for row in rows.values()]
        await self._note(
            Shown(person, origin.channel, one.number, one.sensitivity, revision, {"revision": revision, "via": origin.via})
            for one, revision in found
        )

    async def shown_in(self, channel: str, told: Iterable[tuple[int, int, str]], members: Iterable[str]) -> None:
        """Incidents (number, revision, level) are about to stand where these people can read. Raises StoreUnavailable.

        Nobody is in a channel of the console: who belongs to its audience can read it.
        """
        policy = self._policy()
        place = policy.channels.get(channel)
        on_console = place and policy.config.chats[place.chat].type == "console"
        readers = sorted(policy.audience(place).accounts if place and on_console else members)
        await self._note(
            Shown("", channel, number, level, readers, {"revision": revision, "members": readers})
            for number, revision, level in told
        )

    async def _note(self, shown: Iterable[Shown]) -> None:
        needs_proof, now = self._policy().sensitivity.needs_proof, self._clock()
        new = [one for one in shown if needs_proof(one.level) and self._known.get(one[:3]) != one.news]
        if not new:
            return
        entries = [
            Entry(now, Event.disclosure, one.person, one.channel, one.incident, {"level": one.level, **one.body}) for one in new
        ]
        await self._store.write(audit.note, entries, len(entries))
        self._known |= {one[:3]: one.news for one in new}
        while len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
