"""What a channel merits now: the level it may show, judged from what its chat says of who can read there.

Whatever is unknown counts as the worst, so that silence never opens a channel.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from rules.access import Sensitivity
from rules.channel import Channel, ChannelFacts


class Why(StrEnum):
    """Why a channel is not verified."""

    not_private = "not_private"
    shared_outside = "shared_outside"
    archived = "archived"
    outsider = "outsider"  # a human who does not belong to the audience
    unknown_members = "unknown_members"
    role_outside = "role_outside"  # a role whose members can read, and which is no group of the audience
    unreachable = "unreachable"  # the chat has not said anything of it yet
    stale = "stale"  # what it said is too old
    changed = "changed"  # something happened there since


class Breach(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reason. `who`: the platform's own id of the account or the role it is about, if it is about one."""

    kind: Why
    who: str = ""


class Audience(msgspec.Struct, frozen=True):
    """Who may be in a channel, in the platform's own ids."""

    accounts: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()


class Standing(msgspec.Struct, frozen=True):
    """What a channel merits. Times are seconds since the epoch.

    `clearance`: the highest level that it may show now; None: none at all. `at`: when the chat was asked. `holds_until`: how long
    that counts; None where nothing needs to be proven. The rest is what the chat said, in the platform's own ids, sorted.
    """

    channel: str
    clearance: str | None
    at: float
    holds_until: float | None = None
    breaches: tuple[Breach, ...] = ()
    members: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    owner: str = ""
    administrators: tuple[str, ...] = ()

    @property
    def verdict(self) -> Standing:
        """All of it but its times: two of the same verdict let the same people see the same."""
        return replace(self, at=0.0, holds_until=None)


def unproven(clearance: str, sensitivity: Sensitivity) -> str | None:
    """The highest level that a channel of this clearance may show with nothing known of it; None: not even the lowest."""
    levels, proof_from = sensitivity.levels, sensitivity.verified_from
    if clearance not in levels or proof_from not in levels or proof_from == levels[0]:
        return None
    return min(clearance, levels[levels.index(proof_from) - 1], key=sensitivity.rank)


def needs_asking(channel: Channel, sensitivity: Sensitivity) -> bool:
    """Whether what the chat says of the channel decides what it may show."""
    return channel.clearance in sensitivity.levels and unproven(channel.clearance, sensitivity) != channel.clearance


def judge(
    name: str, channel: Channel, facts: ChannelFacts | None, audience: Audience, sensitivity: Sensitivity, now: float
) -> Standing:
    """The standing of a channel by what its chat said at `now`; None: it said nothing.

    The channel's own clearance if all of that holds, else the highest level that needs no proof.
    """
    if not needs_asking(channel, sensitivity):
        return Standing(name, unproven(channel.clearance, sensitivity), now)
    asked = facts or ChannelFacts()
    breaches = tuple(_breaches(facts, audience)) if facts else (Breach(Why.unreachable),)
    return Standing(
        channel=name,
        clearance=unproven(channel.clearance, sensitivity) if breaches else channel.clearance,
        at=now,
        holds_until=now + sensitivity.verify_every,
        breaches=breaches,
        members=tuple(sorted(_humans(asked) or ())),
        roles=tuple(sorted(_roles(asked))),
        owner=asked.owner,
        administrators=tuple(sorted(asked.administrators)),
    )


def doubt(standing: Standing, why: Why, channel: Channel, sensitivity: Sensitivity) -> Standing:
    """The same channel with nothing to rely on: it shows what needs no proof."""
    if standing.holds_until is None:
        return standing
    known = (Breach(why), *(breach for breach in standing.breaches if breach.kind != why))
    return replace(standing, clearance=unproven(channel.clearance, sensitivity), breaches=known)


def holds(standing: Standing, now: float) -> bool:
    """Whether it may still be relied on. What comes from the future is no better than what is too old: a clock was set."""
    return standing.holds_until is None or standing.at <= now < standing.holds_until


def facts_of(standing: Standing) -> tuple[ChannelFacts | None, Why | None]:
    """What the chat had said, and what makes that doubtful: whoever judges by it comes to the same standing.

    None: the chat had not said anything; nothing makes it doubtful.
    """
    kinds = {breach.kind for breach in standing.breaches}
    doubts = next((kind for kind in (Why.unreachable, Why.stale, Why.changed) if kind in kinds), None)
    if doubts == Why.unreachable:
        return None, doubts
    facts = ChannelFacts(
        private=Why.not_private not in kinds,
        shared_outside=Why.shared_outside in kinds,
        archived=Why.archived in kinds,
        members=None if Why.unknown_members in kinds else frozenset(standing.members),
        roles=frozenset(standing.roles),
        owner=standing.owner,
        administrators=frozenset(standing.administrators),
    )
    return facts, doubts


def _breaches(facts: ChannelFacts, audience: Audience) -> Iterator[Breach]:
    if facts.private is not True:
        yield Breach(Why.not_private)
    if facts.shared_outside is not False:
        yield Breach(Why.shared_outside)
    if facts.archived is not False:
        yield Breach(Why.archived)
    humans = _humans(facts)
    if humans is None:
        yield Breach(Why.unknown_members)
    yield from (Breach(Why.outsider, who) for who in sorted((humans or frozenset()) - audience.accounts))
    yield from (Breach(Why.role_outside, role) for role in sorted(_roles(facts) - audience.roles))


def _humans(facts: ChannelFacts) -> frozenset[str] | None:
    return facts.members if facts.members is None or not facts.owner else facts.members | {facts.owner}


def _roles(facts: ChannelFacts) -> frozenset[str]:
    """The roles that let in whoever has them; where there are none, all humans are known, the administrators among them."""
    return facts.roles | facts.administrators if facts.roles or facts.members is None else frozenset()
