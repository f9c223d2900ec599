"""Who may do what in a channel: Discord's own arithmetic over roles and overwrites (its documentation, topics/permissions)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from adapters.chat import DeliveryError, Failure

ADMINISTRATOR = 1 << 3
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
EMBED_LINKS = 1 << 14
READ_MESSAGE_HISTORY = 1 << 16
CREATE_PUBLIC_THREADS = 1 << 35
SEND_MESSAGES_IN_THREADS = 1 << 38
EVERYTHING = (1 << 64) - 1

NEEDED: Mapping[int, tuple[str, str]] = {
    VIEW_CHANNEL: ("View Channel", "see the channel, and tell who else can"),
    SEND_MESSAGES: ("Send Messages", "post cards"),
    EMBED_LINKS: ("Embed Links", "show them as cards rather than as nothing"),
    READ_MESSAGE_HISTORY: ("Read Message History", "find a post whose answer was lost, and what to take back from a thread"),
    CREATE_PUBLIC_THREADS: ("Create Public Threads", "make the thread of a card"),
    SEND_MESSAGES_IN_THREADS: ("Send Messages in Threads", "tell there what happened"),
}
"""Each right of the bot, as Discord's settings call it, and what for."""
NEEDED_BITS = sum(NEEDED)


class Overwrite(msgspec.Struct, frozen=True):
    """What a channel gives and takes, for a role or a member."""

    allow: int
    deny: int


class Guild(msgspec.Struct, frozen=True):
    """`roles`: id -> permission bits; the id of @everyone is the guild's. `bot_roles`: those that only a bot can have."""

    id: str
    owner: str
    roles: Mapping[str, int]
    bot_roles: frozenset[str] = frozenset()


class Member(msgspec.Struct, frozen=True):
    """Somebody in the guild. `roles`: ids, without @everyone. `name`: what people call them there; they choose it."""

    id: str
    roles: tuple[str, ...]
    bot: bool
    name: str = ""


class Place(msgspec.Struct, frozen=True):
    """A channel's overwrites, by the id of the role or member."""

    roles: Mapping[str, Overwrite]
    members: Mapping[str, Overwrite]


def permissions(guild: Guild, place: Place, roles: Iterable[str], member: str = "") -> int:
    """The bits of a member with these roles (@everyone goes without saying); without VIEW_CHANNEL, none."""
    if member and member == guild.owner:
        return EVERYTHING
    held = [role for role in roles if role != guild.id]
    bits = guild.roles.get(guild.id, 0)
    for role in held:
        bits |= guild.roles.get(role, 0)
    if bits & ADMINISTRATOR:
        return EVERYTHING
    bits = _overwrite(bits, [place.roles[guild.id]] if guild.id in place.roles else [])
    bits = _overwrite(bits, [place.roles[role] for role in held if role in place.roles])
    bits = _overwrite(bits, [place.members[member]] if member in place.members else [])
    return bits if bits & VIEW_CHANNEL else 0


def can_view(guild: Guild, place: Place, roles: Iterable[str], member: str = "") -> bool:
    return bool(permissions(guild, place, roles, member) & VIEW_CHANNEL)


def missing(bits: int) -> list[str]:
    """The names of the rights that the bot needs and has not."""
    return [name for bit, (name, _) in NEEDED.items() if not bits & bit]


def read_guild(told: Mapping[str, Any]) -> Guild:
    """Of a guild object. Raises DeliveryError when it is none."""
    try:
        roles = {str(role["id"]): int(role["permissions"]) for role in told["roles"]}
        bots = frozenset(str(role["id"]) for role in told["roles"] if (role.get("tags") or {}).get("bot_id"))
        return Guild(str(told["id"]), str(told["owner_id"]), roles, bots)
    except (KeyError, ValueError, TypeError, AttributeError):
        raise DeliveryError(Failure.transient, "what Discord tells of the server is unreadable") from None


def read_member(told: Mapping[str, Any]) -> Member:
    """Of a guild member object. Raises DeliveryError when it is none."""
    try:
        user = told["user"]
        name = told.get("nick") or user.get("global_name") or user.get("username") or ""
        return Member(str(user["id"]), tuple(map(str, told["roles"])), user.get("bot") is True, str(name))
    except (KeyError, TypeError, AttributeError):
        raise DeliveryError(Failure.transient, "what Discord tells of a member is unreadable") from None


def read_place(told: Mapping[str, Any]) -> Place:
    """Of a channel object. Raises DeliveryError when it is none of a server."""
    written: dict[int, dict[str, Overwrite]] = {0: {}, 1: {}}
    try:
        for one in told["permission_overwrites"]:
            written[int(one["type"])][str(one["id"])] = Overwrite(int(one["allow"]), int(one["deny"]))
    except (KeyError, ValueError, TypeError, AttributeError):
        raise DeliveryError(Failure.transient, "what Discord tells of the channel is unreadable") from None
    return Place(written[0], written[1])


def _overwrite(bits: int, some: Sequence[Overwrite]) -> int:
    """All denials of one step, then all that it allows."""
    for one in some:
        bits &= ~one.deny
    for one in some:
        bits |= one.allow
    return bits
