"""What administrators of the stand-in Discord's guild do: rename, permit, give roles, delete. The app hears of it by events."""

from __future__ import annotations

from collections.abc import Iterable

from tests.standins import discord_shapes as shapes
from tests.standins.discord_permissions import bits
from tests.standins.discord_state import Body, Channel, Overwrite, User, World


class Admin:
    """Each act changes what there is and tells the gateway; nothing has to be awaited."""

    world: World
    bot_role: str

    def rename(self, channel: str, name: str) -> None:
        self.world.channels[channel].name = name
        self._changed(channel)

    def overwrite(self, channel: str, target: str, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> None:
        """Sets what a role, a person or (by the guild's id) @everyone may in a channel, by names such as VIEW_CHANNEL."""
        set_overwrite(self.world, self.world.channels[channel], target, allow, deny)
        self._changed(channel)

    def clear_overwrite(self, channel: str, target: str) -> None:
        self.world.channels[channel].overwrites.pop(target, None)
        self._changed(channel)

    def make_private(self, channel: str, *targets: str) -> None:
        """Nobody sees it any more but these roles and people."""
        place = self.world.channels[channel]
        set_overwrite(self.world, place, self.world.guild, deny=["VIEW_CHANNEL"])
        for target in targets:
            set_overwrite(self.world, place, target, allow=["VIEW_CHANNEL"])
        self._changed(channel)

    def delete_channel(self, channel: str) -> None:
        place = self.world.channels.pop(channel)
        for thread in [one for one in self.world.channels.values() if one.parent == channel and one.is_thread]:
            del self.world.channels[thread.id]
        body = shapes.channel(self.world, place)
        self.world.tell("THREAD_DELETE" if place.is_thread else "CHANNEL_DELETE", body)

    def archive(self, thread: str, archived: bool = True, locked: bool = False) -> None:
        place = self.world.channels[thread]
        place.archived, place.locked = archived, locked
        self.world.tell("THREAD_UPDATE", shapes.channel(self.world, place))

    def delete_message(self, channel: str, message: str) -> None:
        found = self.world.find(channel, message)
        assert found, f"no message {message} in {channel}"
        found.deleted = True
        self.world.tell("MESSAGE_DELETE", {"id": message, "channel_id": channel, "guild_id": self.world.guild})

    def permit(self, role: str, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> None:
        """Adds permissions to a role of the guild (@everyone: its id) and takes others away."""
        one = self.world.roles[role]
        one.permissions = (one.permissions | bits(*allow)) & ~bits(*deny)
        self._role_told("GUILD_ROLE_UPDATE", role)

    def mentionable(self, role: str, can: bool = True) -> None:
        self.world.roles[role].mentionable = can
        self._role_told("GUILD_ROLE_UPDATE", role)

    def delete_role(self, role: str) -> None:
        del self.world.roles[role]
        for one in self.world.users.values():
            one.roles = [name for name in one.roles if name != role]
        self.world.tell("GUILD_ROLE_DELETE", {"guild_id": self.world.guild, "role_id": role})

    def give(self, user: str, *roles: str) -> None:
        one = self.world.users[user]
        one.roles = [*one.roles, *(role for role in roles if role not in one.roles)]
        self._member_told("GUILD_MEMBER_UPDATE", one)

    def take(self, user: str, *roles: str) -> None:
        one = self.world.users[user]
        one.roles = [role for role in one.roles if role not in roles]
        self._member_told("GUILD_MEMBER_UPDATE", one)

    def join(self, user: str) -> None:
        """Joins without roles; the bot with its own, and hears GUILD_CREATE."""
        one = self.world.users[user]
        one.member, one.roles = True, []
        if user == self.world.bot:
            self.world.installed, one.roles = True, [self.bot_role]
            self.world.tell("GUILD_CREATE", shapes.guild_created(self.world))
            return
        self._member_told("GUILD_MEMBER_ADD", one)

    def leave(self, user: str) -> None:
        """Leaves or is removed. The bot itself hears GUILD_DELETE, and is out of everything."""
        one = self.world.users[user]
        one.member, one.roles = False, []
        if user == self.world.bot:
            self.world.installed = False
            self.world.tell("GUILD_DELETE", {"id": self.world.guild})
            return
        self.world.tell("GUILD_MEMBER_REMOVE", {"guild_id": self.world.guild, "user": shapes.user(one)})

    def set_owner(self, user: str) -> None:
        self.world.owner = user
        self.world.tell("GUILD_UPDATE", shapes.guild(self.world))

    def unavailable(self, now: bool = True) -> None:
        """An outage of the guild at Discord, or its end."""
        if now:
            self.world.tell("GUILD_DELETE", {"id": self.world.guild, "unavailable": True})
        else:
            self.world.tell("GUILD_CREATE", shapes.guild_created(self.world))

    def _changed(self, channel: str) -> None:
        self.world.tell("CHANNEL_UPDATE", shapes.channel(self.world, self.world.channels[channel]))

    def _role_told(self, event: str, role: str) -> None:
        self.world.tell(event, {"guild_id": self.world.guild, "role": shapes.role(self.world.roles[role])})

    def _member_told(self, event: str, one: User) -> None:
        body: Body = {"guild_id": self.world.guild, **shapes.member(self.world, one)}
        self.world.tell(event, body)


def set_overwrite(world: World, place: Channel, target: str, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> None:
    one = place.overwrites.setdefault(target, Overwrite(target, 0 if target in world.roles else 1))
    yes, no = bits(*allow), bits(*deny)
    one.allow, one.deny = (one.allow | yes) & ~no, (one.deny | no) & ~yes
