"""What `tocsin doctor` says of a Discord chat: each thing looked at, and for each that is amiss the one thing to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adapters.chat import DeliveryError, Failure, Finding
from adapters.chats.discord.config import SNOWFLAKE, DiscordConfig
from adapters.chats.discord.errors import MISSING_ACCESS, UNKNOWN_CHANNEL, UNKNOWN_MEMBER, UNKNOWN_USER, DiscordFailure, clip
from adapters.chats.discord.invite import invite_link
from adapters.chats.discord.permissions import (
    NEEDED,
    Guild,
    Overwrite,
    can_view,
    missing,
    permissions,
    read_guild,
    read_member,
    read_place,
)  # fmt: skip
from adapters.chats.discord.rest import Rest
from adapters.chats.discord.route import (
    WHICH_APP,
    WHO_AM_I,
    get_channel,
    get_guild,
    get_member,
    list_commands,
    list_members,
)  # fmt: skip
from rules.access import Sensitivity
from rules.channel import Channel

_PORTAL = "discord.com/developers/applications, the app"
_TOKEN = f"Open {_PORTAL}, Bot, Reset Token, and copy it into token."
_COPY = "Discord, User Settings, Advanced: switch Developer Mode on; then right-click {what}, Copy {what_id} ID"
_RIGHTS = "In Discord, right-click the channel, Edit Channel, Permissions, "
_KINDS = {
    2: "a voice channel", 4: "a category", 5: "an announcement channel", 10: "a thread", 11: "a thread", 12: "a thread",
    13: "a stage", 15: "a forum", 16: "a media channel",
}  # fmt: skip
_TEXT, _ANNOUNCEMENTS = 0, 5


async def diagnose(
    chat: str, config: DiscordConfig, clock: Callable[[], float], channels: Mapping[str, Channel], accounts: Mapping[str, str]
) -> list[Finding]:
    """`accounts`: person key -> Discord id. Makes connections of its own and ends them."""
    rest = Rest(config, clock)
    try:
        try:
            me, app = await rest.one(WHO_AM_I), await rest.one(WHICH_APP)
        except DeliveryError as problem:
            return [Finding(f"{chat}: token", False, _token_remedy(problem, config))]
        doctor = _Doctor(chat, config, rest, me["id"], clip(me.get("username")), app["id"])
        found = [Finding(f"{chat}: token (@{clip(me.get('username'))})", True), doctor.endpoint(app)]
        server = await doctor.server()
        found += server
        if all(finding.ok for finding in server):
            found += [await doctor.commands(), await doctor.members(channels)]
            found += [await doctor.channel(name, channel) for name, channel in channels.items()]
            found += [await doctor.account(person, account) for person, account in accounts.items()]
    finally:
        await rest.close()
    return found


class _Doctor:
    def __init__(self, chat: str, config: DiscordConfig, rest: Rest, me: str, name: str, app: str) -> None:
        self._chat, self._config, self._rest, self._me, self._name = chat, config, rest, me, name
        self._invite = invite_link(app, config.guild)
        self._guild = Guild("", "", {})
        self._roles: tuple[str, ...] = ()

    def endpoint(self, app: Mapping[str, Any]) -> Finding:
        """Where buttons and commands go: to an address, if the app has one, and then to nobody else."""
        taken = bool(app.get("interactions_endpoint_url"))
        remedy = (
            f"Open {_PORTAL}, General Information, and empty Interactions Endpoint URL: while it is set, no button and no "
            "command reaches Tocsin."
        )
        return Finding(f"{self._chat}: buttons and commands come to Tocsin", not taken, remedy if taken else "")

    async def server(self) -> list[Finding]:
        what = f"{self._chat}: guild {self._config.guild}"
        try:
            told = await self._rest.one(get_guild(self._config.guild))
            mine = await self._rest.one(get_member(self._config.guild, self._me), named="user")
            self._guild, self._roles = read_guild(told), read_member(mine).roles
        except DeliveryError as problem:
            absent = (
                f"Open {self._invite} and add the bot to the server, or correct chats.{self._chat}.guild: it is not in this one."
            )
            outside = problem.kind == Failure.channel_unreachable
            return [Finding(what, False, absent if outside else _again(problem))]
        return [Finding(f"{what} ({clip(told.get('name'))})", True)]

    async def commands(self) -> Finding:
        what = f"{self._chat}: slash commands"
        app = self._invite.partition("client_id=")[2].partition("&")[0]
        try:
            await self._rest.call(list_commands(app, self._config.guild))
        except DeliveryError as problem:
            denied = problem.kind == Failure.channel_unreachable
            remedy = f"Open {self._invite} once more: the bot was added without the scope applications.commands."
            return Finding(what, False, remedy if denied else _again(problem))
        return Finding(what, True)

    async def members(self, channels: Mapping[str, Channel]) -> Finding:
        """Whether we may know who is in the server: needed where it must be proved who can read."""
        what = f"{self._chat}: Server Members Intent"
        try:
            await self._rest.call(list_members(self._config.guild), query={"limit": "1"})
        except DiscordFailure as problem:
            if problem.status != 403:
                return Finding(what, False, _again(problem))
        except DeliveryError as problem:
            return Finding(what, False, _again(problem))
        else:
            return Finding(what, True)
        proven = [name for name, channel in channels.items() if _needs_proof(channel)]
        remedy = (
            f"Open {_PORTAL}, Bot, and switch Server Members Intent on: without it Tocsin cannot list who reads "
            f"{', '.join(proven)}, and may have to withhold what is confidential."
        )
        return Finding(f"{what} is off", not proven, remedy if proven else "")

    async def channel(self, name: str, channel: Channel) -> Finding:
        remedy = await self._channel_remedy(name, channel)
        return Finding(f"{self._chat}: channel {name} ({channel.id or 'no id'})", not remedy, remedy)

    async def _channel_remedy(self, name: str, channel: Channel) -> str:
        """Empty when all is well."""
        copy_it = f"channels.{name}.id: {_COPY.format(what='the channel', what_id='Channel')}"
        if not SNOWFLAKE.fullmatch(channel.id):
            return f"Write the id into {copy_it}."
        try:
            told = await self._rest.one(get_channel(channel.id))
        except DiscordFailure as problem:
            if problem.code == UNKNOWN_CHANNEL:
                return f"There is no such channel. Correct {copy_it}."
            if problem.code == MISSING_ACCESS:
                return f"{_RIGHTS}add the role {self._name} and allow it View Channel: the bot cannot see the channel."
            return _again(problem)
        except DeliveryError as problem:
            return _again(problem)
        if told.get("guild_id") != self._config.guild:
            return f"The channel is not in this server. Correct {copy_it}."
        if told.get("type") not in (_TEXT, _ANNOUNCEMENTS):
            return f"Use a text channel: {_KINDS.get(told.get('type', -1), 'another kind')} cannot hold cards and their threads."
        try:
            return self._rights_remedy(told) or self._proof_remedy(channel, told)
        except DeliveryError as problem:  # what it tells of the rights there is unreadable
            return _again(problem)

    def _rights_remedy(self, told: Mapping[str, Any]) -> str:
        place = read_place(told)
        lacking = missing(permissions(self._guild, place, self._roles, self._me))
        if not lacking:
            return ""
        own = place.members.get(self._me, Overwrite(0, 0)).deny
        denied = [name for bit, (name, _) in NEEDED.items() if name in lacking and own & bit]
        if denied:  # stronger than whatever a role is allowed
            return f"{_RIGHTS}the bot {self._name} itself: end the denial of {', '.join(denied)}."
        return f"{_RIGHTS}the role {self._name}: allow {', '.join(lacking)}."

    def _proof_remedy(self, channel: Channel, told: Mapping[str, Any]) -> str:
        if not _needs_proof(channel):
            return ""
        if can_view(self._guild, read_place(told), ()):
            return f"Make the channel private, or lower its clearance: {channel.clearance} alerts show in private channels only."
        if told.get("type") == _ANNOUNCEMENTS:
            return f"Use a text channel, or lower its clearance: other servers may follow {channel.clearance} alerts there."
        return ""

    async def account(self, person: str, account: str) -> Finding:
        what = f"{self._chat}: people.{person}.discord ({account})"
        correct = f"Correct people.{person}.discord: {_COPY.format(what='their name', what_id='User')}."
        if not SNOWFLAKE.fullmatch(account):
            return Finding(what, False, correct)
        try:
            member = read_member(await self._rest.one(get_member(self._config.guild, account), named="user"))
        except DeliveryError as problem:
            code = problem.code if isinstance(problem, DiscordFailure) else 0
            if code == UNKNOWN_USER:
                return Finding(what, False, f"There is no such user. {correct}")
            if code == UNKNOWN_MEMBER:
                return Finding(what, False, f"Invite them, or remove people.{person}.discord: they are not in the server.")
            return Finding(what, False, _again(problem))
        return Finding(what, not member.bot, f"{correct} This is a bot." if member.bot else "")


def _needs_proof(channel: Channel) -> bool:
    return Sensitivity.model_validate({}).needs_proof(channel.clearance)


def _again(problem: DeliveryError) -> str:
    return f"Run this again: {problem.reason}."


def _token_remedy(problem: DeliveryError, config: DiscordConfig) -> str:
    if problem.kind == Failure.credentials:
        if config.token.get_secret_value().count(".") != 2:
            return (
                f"That is no bot token (three parts with dots between), but maybe the app's public key or client secret. {_TOKEN}"
            )
        return f"Discord does not know the token: it is wrong, or was reset. {_TOKEN}"
    if problem.kind == Failure.rate_limited:
        return "Discord takes no more calls for now: run this again in a minute."
    return f"Discord does not answer at {config.api_url} ({problem.reason}): look at the network, the proxy and api_url."
