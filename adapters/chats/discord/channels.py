"""Who can read a channel, as Discord says now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from adapters.chat import DeliveryError, Failure
from adapters.chats.discord.errors import UNKNOWN_MEMBER, UNKNOWN_USER, DiscordFailure
from adapters.chats.discord.permissions import (
    ADMINISTRATOR,
    Guild,
    Member,
    Place,
    can_view,
    permissions,
    read_guild,
    read_member,
    read_place,
)  # fmt: skip
from adapters.chats.discord.rest import Rest
from adapters.chats.discord.route import get_channel, get_guild, get_member, list_members
from rules.channel import ChannelFacts

KNOWN_SECONDS = 60.0
"""How long roles and members of the server are taken for granted, unless the gateway tells of a change."""
PAGE, MOST_PAGES = 1000, 50
NO_LIST = "it does not list members to the bot: switch Server Members Intent on (Developer Portal, the app, Bot)"
ANNOUNCEMENTS = 5
THREADS = (10, 11, 12)


class Server(msgspec.Struct, frozen=True):
    """`people`: each human by id, all of them; None where Discord does not list members to us."""

    guild: Guild
    people: Mapping[str, Member] | None


class Channels:
    """Looks at channels of one guild. `clock`: seconds since the epoch."""

    def __init__(self, rest: Rest, guild: str, clock: Callable[[], float]) -> None:
        self._rest, self._guild, self._clock = rest, guild, clock
        self._known: tuple[float, Server] | None = None
        self._changes = 0
        self._asking = asyncio.Lock()
        self._told: dict[str, Server] = {}  # from which it was told who reads a channel, or has a role
        self._parents: dict[str, str] = {}  # of channels that are threads

    def forget(self, channel: str = "", user: str = "") -> None:
        """Something changed. A channel's own overwrites are asked for each time, so only a change beyond them matters."""
        if user or not channel:
            self._known, self._changes = None, self._changes + 1
            self._told.clear()

    def told_with(self, user: str, roles: Collection[str]) -> bool:
        """Whether all that was told of channels and roles counted with just these roles of the user."""
        told = [server.people.get(user) if server.people else None for server in self._told.values()]
        return bool(told) and all(one is not None and set(one.roles) == set(roles) for one in told)

    def ruled_by(self, channel: str) -> list[str]:
        """The channels in which the overwrites of this one hold: itself, and its threads among those that were asked for."""
        return [channel, *(thread for thread, parent in self._parents.items() if parent == channel)]

    async def facts(self, channel: str) -> ChannelFacts:
        """Bots do not count, guests of the server do. Raises DeliveryError."""
        told, place = await self._look(channel)
        server = self._told[channel] = await self._server()
        guild = server.guild
        admins = frozenset(role for role, bits in guild.roles.items() if bits & ADMINISTRATOR) - guild.bot_roles - {guild.id}
        common: dict[str, Any] = {
            "private": not can_view(guild, place, ()),
            "shared_outside": told.get("type") == ANNOUNCEMENTS,  # other servers may follow it
            "archived": bool((told.get("thread_metadata") or {}).get("locked")),
            "owner": guild.owner, "administrators": admins,
        }  # fmt: skip
        if server.people is not None:
            readers = (user for user, member in server.people.items() if can_view(guild, place, member.roles, user))
            return ChannelFacts(members=frozenset(readers), **common)
        named = [user for user in place.members if user != guild.owner]
        found = await asyncio.gather(*(self._reads(guild, place, user) for user in named))
        members = frozenset({guild.owner, *(user for user, reads in zip(named, found, strict=True) if reads)})
        others = set(guild.roles) - guild.bot_roles - {guild.id}
        readers_by_role = frozenset(role for role in others if can_view(guild, place, (role,)))
        return ChannelFacts(members=members, roles=readers_by_role, **common)

    async def members_of(self, role: str) -> Mapping[str, str]:
        """account -> name of the humans who have a role; nobody if there is no such role. Raises DeliveryError."""
        server = self._told[role] = await self._server()
        if server.people is None:
            raise DeliveryError(Failure.channel_unreachable, NO_LIST)
        people = server.people.values() if role in server.guild.roles else ()
        return {one.id: one.name or one.id for one in people if role in one.roles}

    async def name_of(self, user: str) -> str:
        """What people call somebody there; the id itself of who is not in the server. Raises DeliveryError."""
        if self._known and self._known[1].people and (known := self._known[1].people.get(user)):
            return known.name or user
        try:
            return read_member(await self._rest.one(get_member(self._guild, user), named="user")).name or user
        except DiscordFailure as problem:
            if problem.code in (UNKNOWN_MEMBER, UNKNOWN_USER):
                return user
            raise

    async def own_bits(self, channel: str, me: str) -> int:
        """What we may do there. `me`: our own user id. Raises DeliveryError."""
        _, place = await self._look(channel)
        mine = read_member(await self._rest.one(get_member(self._guild, me), named="user"))
        return permissions((await self._server(people=False)).guild, place, mine.roles, me)

    async def _look(self, channel: str) -> tuple[Mapping[str, Any], Place]:
        """The channel, and whose overwrites hold there: a thread's are its parent's."""
        told = await self._channel(channel)
        if told.get("type") not in THREADS:
            return told, read_place(told)
        parent = self._parents[channel] = str(told.get("parent_id"))
        return told, read_place(await self._channel(parent))

    async def _channel(self, channel: str) -> Mapping[str, Any]:
        told = await self._rest.one(get_channel(channel))
        if told.get("guild_id") != self._guild:
            raise DeliveryError(Failure.channel_unreachable, "the channel is not in the server that the config names")
        return told

    async def _server(self, people: bool = True) -> Server:
        """Roles and, if wanted, people of the server; asked for once by all who want it now."""
        async with self._asking:
            now = self._clock()
            if self._known and 0.0 <= now - self._known[0] < KNOWN_SECONDS:
                return self._known[1]
            changes = self._changes
            guild = read_guild(await self._rest.one(get_guild(self._guild)))
            if not people:
                return Server(guild, None)
            server = Server(guild, await self._people())
            if changes == self._changes:
                self._known = now, server
            return server

    async def _people(self) -> Mapping[str, Member] | None:
        found: dict[str, Member] = {}
        asked = {"limit": str(PAGE)}
        for _ in range(MOST_PAGES):
            try:
                page = await self._rest.many(list_members(self._guild), asked, named="user")
            except DiscordFailure as problem:
                if problem.status == 403:  # the app lacks the intent to list members
                    return None
                raise
            members = [read_member(one) for one in page]
            found.update({member.id: member for member in members if not member.bot})
            if len(page) < PAGE:
                return found
            asked["after"] = max((member.id for member in members), key=int)
        return None

    async def _reads(self, guild: Guild, place: Place, user: str) -> bool:
        """Whether one whom an overwrite names is a human who can view the channel."""
        try:
            member = read_member(await self._rest.one(get_member(self._guild, user), named="user"))
        except DiscordFailure as problem:
            if problem.code in (UNKNOWN_MEMBER, UNKNOWN_USER):  # left the server
                return False
            raise
        return not member.bot and can_view(guild, place, member.roles, user)
