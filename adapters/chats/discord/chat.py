"""The Chat port over Discord: what goes out is here, what comes in is `Inbound`'s."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import structlog
from aiohttp import web

from adapters.chat import DeliveryError, Desk, Failure, Finding, Lane, ThreadNote
from adapters.chats.discord import history
from adapters.chats.discord.channels import Channels
from adapters.chats.discord.config import SNOWFLAKE, DiscordConfig
from adapters.chats.discord.diagnose import diagnose
from adapters.chats.discord.embed import Message, calling, draw
from adapters.chats.discord.errors import UNKNOWN_CHANNEL, DiscordFailure
from adapters.chats.discord.inbound import Inbound
from adapters.chats.discord.pace import WAITS, Waits
from adapters.chats.discord.permissions import READ_MESSAGE_HISTORY
from adapters.chats.discord.ref import Ref, message_in, read_ref
from adapters.chats.discord.rest import Rest
from adapters.chats.discord.route import OPEN_DIRECT, WHO_AM_I, edit_message, post_message
from adapters.chats.discord.thread import Threads, draw_text, with_nonce
from rules.card import Card
from rules.channel import Channel, ChannelFacts

log = structlog.get_logger()

MOST_GONE = 1000
SHOWN_AT = "https://discord.com/channels"


class Discord:
    """One server."""

    config_model = DiscordConfig

    def __init__(self, name: str, config: DiscordConfig, desk: Desk, waits: Waits = WAITS) -> None:
        self._name, self._config, self._desk = name, config, desk
        self._rest = Rest(config, desk.now)
        self._channels = Channels(self._rest, config.guild, desk.now)
        self._threads = Threads(self._rest)
        self._inbound = Inbound(name, config, desk, self._changed, waits)
        self._me = ""
        self._gone: deque[str] = deque(maxlen=MOST_GONE)  # ids of messages that people deleted

    @property
    def trouble(self) -> str:
        return self._inbound.trouble

    async def start(self) -> None:
        self._rest.open()
        await self._inbound.start()

    async def stop(self) -> None:
        await self._inbound.stop()
        await self._rest.close()

    async def post(self, channel: Channel, card: Card, key: str) -> str:
        where, message = _id_of(channel), calling(draw(card, key), card)
        made = await self._post(where, message, key)
        if made.message in self._gone:  # the nonce names a message that a person deleted since
            made = await self._post(where, message, key, again=made.message)
        return str(made)

    async def update(self, channel: Channel, ref: str, card: Card) -> str:
        message = read_ref(ref, channel.id)
        try:
            await self._rest.one(edit_message(message.channel, message.message), draw(card, message.key))
        except DeliveryError as problem:
            if problem.kind == Failure.message_gone:
                self._gone.append(message.message)
            raise
        self._rest.lanes.edited(message.channel, message.message, self._desk.now())
        return ref

    async def reply_in_thread(self, channel: Channel, ref: str, note: ThreadNote, key: str) -> None:
        await self._threads.reply(read_ref(ref, channel.id), note, key)

    async def direct_message(self, account: str, text: str, key: str) -> str:
        if not SNOWFLAKE.fullmatch(account):
            raise DeliveryError(Failure.channel_unreachable, f"{account[:40]!r} is no id of a Discord user")
        opened = await self._rest.one(OPEN_DIRECT, {"recipient_id": account})
        return str(await self._post(opened["id"], draw_text(text, key), key))

    async def find(self, channel: Channel, key: str, thread: str = "", since: float = 0.0) -> str | None:
        where = read_ref(thread, channel.id).message if thread else _id_of(channel)
        try:
            found, seen = await history.find(self._rest, await self._who_am_i(), where, key, since, bool(thread))
        except DiscordFailure as problem:
            if thread and problem.code == UNKNOWN_CHANNEL:  # there is no thread yet
                return None
            raise
        if not seen:
            await self._check_history(channel, "whether a post arrived")
        return str(Ref(where, found, key)) if found else None

    def lanes(self, op: str, channel: Channel, ref: str = "") -> Sequence[Lane]:
        message = message_in(ref)
        return self._rest.lanes.of(op, channel.id, message, self._desk.now(), self._threads.has(message))

    async def inspect(self, channel: Channel) -> ChannelFacts:
        return await self._channels.facts(_id_of(channel))

    async def clear_thread(self, channel: Channel, ref: str) -> None:
        if await self._threads.clear(read_ref(ref, channel.id), await self._who_am_i()):
            await self._check_history(channel, "what was said in a thread")

    async def name_of(self, account: str) -> str:
        return await self._channels.name_of(account)

    async def members_of(self, group: str) -> Mapping[str, str]:
        return await self._channels.members_of(group)

    def forget(self, channel_id: str, account: str) -> None:
        self._rest.denials.forget(channel_id)
        self._channels.forget(channel_id, account)

    def link(self, channel: Channel, ref: str) -> str:
        try:
            message = read_ref(ref, channel.id)
        except DeliveryError:  # a card that the channel had under another id
            return ""
        return f"{SHOWN_AT}/{self._config.guild}/{message.channel}/{message.message}"

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        return ()

    async def diagnose(self, channels: Mapping[str, Channel], accounts: Mapping[str, str] | None = None) -> Sequence[Finding]:
        """`accounts`: person key -> their Discord id, if those should be looked at, too."""
        return await diagnose(self._name, self._config, self._desk.now, channels, accounts or {})

    async def _post(self, where: str, message: Message, key: str, again: str = "") -> Ref:
        made = await self._rest.one(post_message(where), with_nonce(message, key, again))
        return Ref(where, made["id"], key)

    async def _who_am_i(self) -> str:
        if not self._me:
            self._me = (await self._rest.one(WHO_AM_I))["id"]
        return self._me

    async def _check_history(self, channel: Channel, what: str) -> None:
        """To those who may not read a channel's history, Discord shows an empty one: that is no proof of anything."""
        bits = await self._channels.own_bits(channel.id, await self._who_am_i())
        if not bits & READ_MESSAGE_HISTORY:
            reason = f"cannot tell {what}: give the bot Read Message History in the channel"
            raise DeliveryError(Failure.channel_unreachable, reason)

    def _changed(self, channel: str, user: str, roles: Sequence[str] | None = None) -> None:
        """`roles`: those of a user who was there before; often it is only their name that changed."""
        if roles is not None and self._channels.told_with(user, roles):
            return
        self._rest.denials.forget(channel)
        self._channels.forget(channel, user)
        for one in self._channels.ruled_by(channel) if channel else [""]:
            self._desk.channel_changed(self._name, one, user)
        if not channel:  # somebody came, left or has other roles; or there are other roles
            self._desk.group_changed(self._name)


def _id_of(channel: Channel) -> str:
    if not SNOWFLAKE.fullmatch(channel.id):
        raise DeliveryError(Failure.channel_unreachable, "the channel has no id of Discord in the config, a long number")
    return channel.id
