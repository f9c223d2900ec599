"""The Chat port over Slack: what goes out is here, what comes in is `Inbound`'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog
from aiohttp import web

from adapters.chat import DeliveryError, Desk, Failure, Finding, Lane, ThreadNote
from adapters.chats.slack import history
from adapters.chats.slack.blocks import Message, draw
from adapters.chats.slack.channels import Channels
from adapters.chats.slack.client import Client
from adapters.chats.slack.config import SlackConfig
from adapters.chats.slack.diagnose import diagnose
from adapters.chats.slack.errors import SlackFailure
from adapters.chats.slack.groups import Groups, called
from adapters.chats.slack.identity import Identity, read_identity
from adapters.chats.slack.inbound import Inbound
from adapters.chats.slack.lanes import lanes
from adapters.chats.slack.ref import Ref, made_ref, read_ref
from adapters.chats.slack.socket import WAITS, Waits
from adapters.chats.slack.thread import draw_note, draw_text
from rules.card import Card
from rules.channel import Channel, ChannelFacts

log = structlog.get_logger()

QUIET = {"unfurl_links": False, "unfurl_media": False, "link_names": False, "parse": "none"}
"""Slack adds nothing to what we say: no previews, no mentions, no links. chat.update forgets what is left out, so always."""


class Slack:
    """One workspace."""

    config_model = SlackConfig

    def __init__(self, name: str, config: SlackConfig, desk: Desk, waits: Waits = WAITS) -> None:
        self._name, self._config, self._desk = name, config, desk
        self._client = Client(config)
        self._channels = Channels(self._client, desk.now)
        self._groups = Groups(self._client, desk.now)
        self._inbound = Inbound(name, config, desk, self._client, self._channel_changed, waits)
        self._me: Identity | None = None

    @property
    def trouble(self) -> str:
        return self._inbound.trouble

    async def start(self) -> None:
        self._client.open()
        await self._try_to_learn()
        await self._inbound.start()

    async def stop(self) -> None:
        await self._inbound.stop()
        await self._client.close()

    async def post(self, channel: Channel, card: Card, key: str) -> str:
        return str(await self._post(channel.id, draw(card), key, asked=channel.id))

    async def update(self, channel: Channel, ref: str, card: Card) -> str:
        message = read_ref(ref, channel.id)
        told = await self._client.call("chat.update", channel=message.channel, ts=message.ts, **draw(card), **QUIET)
        if told.get("ts") != message.ts:
            raise DeliveryError(Failure.transient, "chat.update did not say what it changed")
        return ref

    async def reply_in_thread(self, channel: Channel, ref: str, note: ThreadNote, key: str) -> None:
        parent = read_ref(ref, channel.id)
        await self._post(parent.channel, draw_note(note), key, asked=channel.id, thread_ts=parent.ts)

    async def direct_message(self, account: str, text: str, key: str) -> str:
        opened = await self._client.part("conversations.open", "channel", users=account)
        if not isinstance(opened.get("id"), str):
            raise DeliveryError(Failure.transient, "conversations.open named no channel")
        return str(await self._post(opened["id"], draw_text(text), key, asked=opened["id"]))

    async def find(self, channel: Channel, key: str, thread: str = "", since: float = 0.0) -> str | None:
        parent = read_ref(thread, channel.id) if thread else None
        where, ts = (parent.channel, parent.ts) if parent else (channel.id, "")
        found = await history.find(self._client, await self._identity(), channel.id, where, key, ts, since)
        return str(found) if found else None

    def lanes(self, op: str, channel: Channel, ref: str = "") -> Sequence[Lane]:
        return lanes(op, channel, ref)

    async def inspect(self, channel: Channel) -> ChannelFacts:
        return await self._channels.facts(channel.id, await self._identity())

    async def clear_thread(self, channel: Channel, ref: str) -> None:
        parent = read_ref(ref, channel.id)
        instead = {**draw_text("This was taken back."), **QUIET}
        await history.clear(self._client, await self._identity(), parent, instead)

    async def name_of(self, account: str) -> str:
        try:
            return called(await self._client.part("users.info", "user", user=account), account)
        except SlackFailure as problem:
            if problem.code in ("user_not_found", "user_not_visible"):
                return account
            raise

    async def members_of(self, group: str) -> Mapping[str, str]:
        return await self._groups.members(group, await self._identity())

    def forget(self, channel_id: str, account: str) -> None:
        self._channels.forget(channel_id, account)
        self._groups.forget(account)

    def link(self, channel: Channel, ref: str) -> str:
        """As chat.getPermalink would write it, without asking; empty until we know the workspace."""
        if self._me is None or not self._me.url:
            return ""
        try:
            message = read_ref(ref, channel.id)
        except DeliveryError:  # a card that the channel had under another id
            return ""
        return f"{self._me.url.rstrip('/')}/archives/{message.channel}/p{message.ts.replace('.', '')}"

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        return self._inbound.routes()

    async def diagnose(self, channels: Mapping[str, Channel], accounts: Mapping[str, str] | None = None) -> Sequence[Finding]:
        """`accounts`: person key -> their Slack id, if those should be looked at, too."""
        return await diagnose(self._name, self._config, self._desk.public_url, channels, accounts or {})

    async def _post(self, where: str, message: Message, key: str, asked: str, **more: str) -> Ref:
        if not where:
            raise DeliveryError(Failure.channel_unreachable, "the channel has no id in the config")
        told = {**message, **QUIET, **more, "metadata": history.metadata(key)}
        made = made_ref(asked, await self._client.call("chat.postMessage", channel=where, **told))
        if self._me is None:
            await self._try_to_learn()
        return made

    def _channel_changed(self, channel: str, user: str) -> None:
        self._channels.forget(channel, user)
        self._desk.channel_changed(self._name, channel, user)

    async def _identity(self) -> Identity:
        if self._me is None:
            self._me = read_identity(await self._client.call("auth.test"))
        return self._me

    async def _try_to_learn(self) -> None:
        """Who we are is needed for links only now; whoever needs it asks again."""
        try:
            await self._identity()
        except DeliveryError as problem:
            log.warning("slack_not_reached", chat=self._name, kind=problem.kind.value, reason=problem.reason)
