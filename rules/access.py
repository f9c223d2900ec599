"""Who may see and do what. Small enough to read in one sitting; every way out asks here.

Unknown people may do nothing and unknown levels are above all others: when in doubt, no.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from rules.duration import Duration
from rules.matcher import Matchers, match_all

LEVELS = ("public", "internal", "confidential", "restricted")
"""The levels of sensitivity, lowest first, unless the config names its own."""

Level = Annotated[str, Field(description="A level of sensitivity: public, internal, confidential, restricted or your own.")]


class Strict(BaseModel):
    """Base of everything that YAML fills: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Secret(SecretStr):
    """A text that no error, log or repr shows."""

    def _display(self) -> str:
        return "<secret>"


class Person(Strict):
    """One person and all their accounts: beside the fields below, one key per type of chat (`slack: U01ANA`)."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, str]

    name: str = Field(description="How cards and timelines name this person.")
    token: Secret | None = Field(None, description="Signs in to the console and the API. Write ${NAME} or ${file:PATH}.")

    def account(self, chat_type: str) -> str | None:
        """The person's id on a type of chat, as the platform gives it."""
        return self.__pydantic_extra__.get(chat_type)


class Group(Strict):
    """People who share a clearance and permissions. Beside the fields below, its id on a chat (`slack_usergroup: S0DBA`)."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, str]

    members: tuple[str, ...] = Field((), description="Keys of `people`; may be left out where a chat tells who is in it.")
    clearance: Level = Field("internal", description="The highest sensitivity that members may see.")

    def on(self, group_key: str) -> str | None:
        """The platform's own id of the group, under the key that its kind of chat uses (`slack_usergroup`, `discord_role`)."""
        return self.__pydantic_extra__.get(group_key)


class Permission(Strict):
    """Lets groups use verbs, on every incident or on those that match `where`. What is not listed is not allowed."""

    allow: tuple[str, ...] = Field(description="Verbs such as ack, resolve, silence; `*` is all of them.")
    groups: tuple[str, ...] = Field(description="Names from `groups`.")
    where: Matchers = Field((), description="Matchers on the incident's labels; all must hold.")


class SensitivityRule(Strict):
    """Alerts that match are at least of this level."""

    match: Matchers = Field(description="Matchers on the alert's labels; all must hold.")
    level: Level


class Sensitivity(Strict):
    """How secret alerts are: the highest level of all rules that match, else the default."""

    levels: tuple[str, ...] = Field(LEVELS, description="All levels, lowest first.")
    verified_from: Level = Field("confidential", description="From this level on, a channel must be verified to show an alert.")
    verify_every: Duration = Field(600.0, gt=0, description="For how long what a chat says of a channel counts.")
    default: Level = Field("internal", description="The level of an alert that no rule matches.")
    rules: tuple[SensitivityRule, ...] = Field((), description="What makes alerts more secret than the default.")

    def rank(self, level: str) -> int:
        """The place of a level, lowest 0. An unknown one ranks above all."""
        return self.levels.index(level) if level in self.levels else len(self.levels)

    def of(self, labels: Mapping[str, str]) -> str:
        """The sensitivity of an alert with these labels."""
        if not self.rules:
            return self.default
        found = [rule.level for rule in self.rules if match_all(rule.match, labels)]
        return max([self.default, *found], key=self.rank) if found else self.default

    def highest(self, one: str, other: str) -> str:
        return max(one, other, key=self.rank)

    def may_see(self, clearance: str | None, level: str) -> bool:
        """Whether somebody with this clearance (None: nobody we know) may see this level."""
        return clearance in self.levels and self.rank(level) <= self.rank(clearance or "")

    def needs_proof(self, level: str) -> bool:
        """Whether a channel must be verified to show this level. Each must, if nobody can tell from which on."""
        return self.verified_from not in self.levels or self.rank(level) >= self.rank(self.verified_from)


class Reveal(Strict):
    """Breaking the glass: who may look at an incident beyond their clearance for a while, with a reason, the admins watching."""

    groups: tuple[str, ...] = Field(description="Names from `groups`: whose members may.")
    up_to: Level = Field(description="The highest sensitivity that may be looked at.")
    lasts: Duration = Field(900.0, gt=0, description="How long one may look.")


class Caller(Strict):
    """A person as the access rules see them: who, in which groups, cleared how far. `key` is empty for a stranger.

    `granted`: numbers of incidents that they may see for a while beyond their clearance, and which level they count as there.
    """

    key: str = ""
    name: str = "somebody unknown"
    groups: frozenset[str] = frozenset()
    clearance: str | None = None
    granted: Mapping[int, str] = {}


STRANGER = Caller()


def caller_of(
    key: str,
    people: Mapping[str, Person],
    groups: Mapping[str, Group],
    sensitivity: Sensitivity,
    joined: Collection[str] = (),
) -> Caller:
    """The caller for a key of `people`; a stranger when there is none. `joined`: the groups they are in as their chat says."""
    person = people.get(key)
    if person is None:
        return STRANGER
    mine = {name: group for name, group in groups.items() if key in group.members or name in joined}
    clearance = max((group.clearance for group in mine.values()), key=sensitivity.rank, default=None)
    return Caller(key=key, name=person.name, groups=frozenset(mine), clearance=clearance)


def may(caller: Caller, verb: str, labels: Mapping[str, str], permissions: Sequence[Permission]) -> bool:
    """Whether the caller may use the verb on something with these labels."""
    return any(
        (verb in rule.allow or "*" in rule.allow) and caller.groups.intersection(rule.groups) and match_all(rule.where, labels)
        for rule in permissions
    )


def may_reveal(caller: Caller, level: str, reveal: Reveal | None, sensitivity: Sensitivity) -> bool:
    """Whether the caller may look at an incident of this level by breaking the glass."""
    return bool(reveal and caller.groups.intersection(reveal.groups) and sensitivity.may_see(reveal.up_to, level))


def who_may(verb: str, labels: Mapping[str, str], permissions: Sequence[Permission]) -> tuple[str, ...]:
    """The groups that could do it: what a refusal tells."""
    found = {
        group
        for rule in permissions
        if (verb in rule.allow or "*" in rule.allow) and match_all(rule.where, labels)
        for group in rule.groups
    }
    return tuple(sorted(found))
