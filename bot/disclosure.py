"""Who sees what, and which words of it: every way out asks these eyes (G3). What they are not shown never leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection

from adapters.chat import Reply
from bot.policy import Policy
from bot.store import grants, incidents
from rules.access import Caller, may_reveal
from rules.alert import Alert, Link
from rules.card import Card
from rules.change import Change
from rules.incident import Incident
from rules.matcher import Matcher, match_all

T = TypeVar("T")

OURS: Mapping[type, frozenset[str]] = {
    Card: frozenset({"url", "buttons", "pings", "silenced"}),
    Incident: frozenset({"route", "channels", "sensitivity", "silenced"}),
    Alert: frozenset({"source", "fingerprint"}),
}
"""Fields whose texts are Tocsin's own or the config's. All others may hold what a sender or a person wrote."""

PEOPLE = frozenset({(Incident, "owner"), (Incident, "resolved_by"), (Change, "by")})
"""Fields that hold the key of a person, which stays as it is, or whom a sender named."""

PAIRS = frozenset({(Card, "fields")})
"""Fields that list (name, value)."""


class Eyes(NamedTuple):
    """A person, or all who can read a channel, with a clearance. `granted`: see rules.access.Caller."""

    policy: Policy
    clearance: str | None
    granted: Mapping[int, str] = {}

    def cleared_for(self, level: str) -> bool:
        """Whether they may see something of this level that is no incident: a silence, a single alert."""
        return self.policy.sensitivity.may_see(self.clearance, level)

    def sees(self, incident: Incident) -> bool:
        return self.about(incident.number).cleared_for(incident.sensitivity)

    def about(self, number: int) -> Eyes:
        """The same eyes on one incident, with what was granted for that."""
        level = self.granted.get(number)
        if level is None or self.cleared_for(level):
            return self
        return self._replace(clearance=level)

    def within(self, clearance: str | None) -> Eyes:
        """The same eyes where others look on who are cleared only so far; nobody there was granted anything."""
        lower = clearance if clearance is None or self.cleared_for(clearance) else self.clearance
        return self._replace(clearance=lower, granted={})

    def match(self, matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
        """Whether all hold for the labels as they see them: what they may not read cannot be sounded out either."""
        if self.policy.redactor.hides_from(self.clearance):
            labels = {one.name: self._pair(one.name, labels.get(one.name, ""))[1] for one in matchers}
        return match_all(matchers, labels)

    def reads(self, name: str, value: str) -> bool:
        """Whether they may read this label as it is."""
        return self._pair(name, value) == (name, value)

    def text(self, text: str) -> str:
        """The text without what they may not read. To be asked before anything is cut short."""
        return self.policy.redactor.text(text, self.clearance)

    def shown(self, thing: T) -> T:
        """A card, an incident, an alert, a change or what is made of such, likewise. For showing only: never to be stored.

        A link whose address would not be whole is left out.
        """
        return self._shown(thing) if self.policy.redactor.hides_from(self.clearance) else thing

    def reply(self, reply: Reply, numbers: tuple[int, ...]) -> Reply:
        """The answer to a command that named these incidents. Matchers that would not be whole are left out."""
        eyes = self.about(numbers[0]) if len(numbers) == 1 else self
        whole = eyes.text(reply.matchers) == reply.matchers
        return replace(reply, text=eyes.text(reply.text), matchers=reply.matchers if whole else "")

    def _shown(self, thing: Any) -> Any:
        match thing:
            case Enum() | bool() | int() | float() | None:
                return thing
            case str():
                return self.text(thing)
            case dict():
                return dict(self._pair(name, value) for name, value in thing.items())
            case list() | tuple():
                whole = [one for one in thing if not isinstance(one, Link) or self.text(one.url) == one.url]
                return type(thing)(self._shown(one) for one in whole)
            case msgspec.Struct():
                return replace(thing, **self._texts(thing))
        raise TypeError(f"no telling what of a {type(thing).__name__} may be shown")

    def _texts(self, thing: msgspec.Struct) -> dict[str, Any]:
        kind, kept = type(thing), OURS.get(type(thing), frozenset())
        texts = {name: getattr(thing, name) for name in thing.__struct_fields__ if name not in kept}
        return {
            name: tuple(self._pair(*pair) for pair in value) if (kind, name) in PAIRS else self._shown(value)
            for name, value in texts.items()
            if (kind, name) not in PEOPLE or value not in self.policy.names
        }

    def _pair(self, name: str, value: Any) -> tuple[str, Any]:
        if isinstance(value, str):
            return self.policy.redactor.pair(name, value, self.clearance)
        return self.text(name), self._shown(value)


def eyes_of(caller: Caller, policy: Policy) -> Eyes:
    return Eyes(policy, caller.clearance, caller.granted)


def caller_now(conn: Connection, person: str, policy: Policy, now: float) -> Caller:
    """What is known of a person's key, with what they are granted at this time (seconds since the epoch).

    A grant counts as long as the config would let them have it: not once they left the group, or the incident became too secret.
    """
    caller, rule, numbers = policy.caller(person), policy.config.reveal, grants.of(conn, person, now)
    if not numbers:
        return caller
    levels = {number: row.incident.sensitivity for number, row in incidents.load(conn, sorted(numbers)).items()}
    granted = {number: level for number, level in levels.items() if may_reveal(caller, level, rule, policy.sensitivity)}
    return caller.model_copy(update={"granted": granted})
