"""The chat that needs no platform: cards are kept by Tocsin itself and shown in the browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import quote

import msgspec
from aiohttp import web
from pydantic import Field

from adapters.chat import ChatConfig, DeliveryError, Desk, Failure, Finding, Lane, ThreadNote
from adapters.chats.console.board import Board
from adapters.chats.console.commands import Commands
from adapters.chats.console.context import Context, private
from adapters.chats.console.guard import Guard
from adapters.chats.console.live import Event, Hub
from adapters.chats.console.pages import Pages
from adapters.chats.console.serve import serve
from adapters.chats.console.signin import SignIn
from adapters.chats.console.static import PATH, Static
from adapters.chats.console.stream import Stream
from adapters.chats.console.view import Views, body_hash
from rules.card import Card
from rules.channel import Channel, ChannelFacts


class ConsoleConfig(ChatConfig):
    """Channels and cards in the browser, at `public_url`. People sign in with their `token`."""

    type: Literal["console"] = Field("console", description="The console needs nothing else.")


class Console:
    """The Chat port over the desk's message log and server-sent events."""

    config_model = ConsoleConfig

    def __init__(self, name: str, config: ConsoleConfig, desk: Desk) -> None:
        self._name = name
        self._desk = desk
        self._static = Static()
        self._views = Views(self._static)
        self._hub = Hub()
        self._board = Board(name, desk.messages, desk.now)

    @property
    def trouble(self) -> str:
        return ""

    async def start(self) -> None:
        self._hub.closed = False

    async def stop(self) -> None:
        """Ends the streams of all pages, which would keep the server from ending; browsers come again by themselves."""
        self._hub.close()

    async def post(self, channel: Channel, card: Card, key: str) -> str:
        name = self._name_of(channel)
        body = _body(card)
        message_id = await self._desk.messages.add(self._name, name, key, body)
        await self._show(name, message_id, card, body)
        return str(message_id)

    async def update(self, channel: Channel, ref: str, card: Card) -> str:
        name = self._name_of(channel)
        body = _body(card)
        if not await self._desk.messages.edit(_id(ref), body):
            raise _gone(ref)
        await self._show(name, _id(ref), card, body)
        return ref

    async def reply_in_thread(self, channel: Channel, ref: str, note: ThreadNote, key: str) -> None:
        name = self._name_of(channel)
        await self._desk.messages.add(self._name, name, key, _body(note), parent=_id(ref))
        self._hub.publish(Event("thread", msgspec.json.encode({"id": f"card-{_id(ref)}"}), name, only_open=True))

    async def direct_message(self, account: str, text: str, key: str) -> str:
        """Shows a private note on the pages of one person for a day. `account`: the person's key."""
        known = await self._desk.messages.find(self._name, key)
        message_id = await self._desk.messages.add(self._name, private(account), key, _body(text))
        if known is None:
            now = self._desk.now()
            data = {"id": f"private-{message_id}", "html": self._views.note(message_id, text, now, now)}
            self._hub.publish(Event("private", msgspec.json.encode(data), person=account))
        return str(message_id)

    async def find(self, channel: Channel, key: str, thread: str = "", since: float = 0.0) -> str | None:
        found = await self._desk.messages.find(self._name, key)
        return None if found is None else str(found)

    def lanes(self, op: str, channel: Channel, ref: str = "") -> Sequence[Lane]:
        return ()

    async def inspect(self, channel: Channel) -> ChannelFacts:
        """Private by making: nobody is in it, every look is asked `may_read` anew."""
        return ChannelFacts(private=True, shared_outside=False, archived=False, members=frozenset())

    async def clear_thread(self, channel: Channel, ref: str) -> None:
        await self._desk.messages.clear_thread(_id(ref))
        data = msgspec.json.encode({"id": f"card-{_id(ref)}"})
        self._hub.publish(Event("thread", data, self._name_of(channel), only_open=True))

    async def name_of(self, account: str) -> str:
        """The console knows people by their keys."""
        caller = self._desk.caller(account)
        return caller.name if caller.key else account

    async def members_of(self, group: str) -> Mapping[str, str]:
        """The console has no groups of its own."""
        return {}

    def forget(self, channel_id: str, account: str) -> None:
        """Nothing is remembered of channels."""

    def link(self, channel: Channel, ref: str) -> str:
        return f"{self._desk.public_url.rstrip('/')}/?channel={quote(self._name_of(channel), safe='')}#card-{ref}"

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        context = Context(self._name, self._desk, self._views, Guard(self._desk), self._hub, self._board)
        pages, signin, commands = Pages(context), SignIn(context), Commands(context)
        get = {
            "/": pages.home, "/console/thread/{id}": pages.thread, "/console/events": Stream(context).events,
            "/console/suggest": commands.suggest, "/signin": signin.show, PATH: self._static.get,
        }  # fmt: skip
        post = {"/console/command": commands.command, "/signin": signin.sign_in, "/signout": signin.sign_out}
        return [
            *(web.get(path, serve(context, handler), allow_head=False) for path, handler in get.items()),
            *(web.post(path, serve(context, handler)) for path, handler in post.items()),
        ]

    async def diagnose(self, channels: Mapping[str, Channel], accounts: Mapping[str, str]) -> Sequence[Finding]:
        """Nothing can be wrong outside of Tocsin's own store."""
        return ()

    async def _show(self, name: str, message_id: int, card: Card, body: bytes) -> None:
        """Tells the open pages. What goes wrong here they learn at their next heartbeat."""
        self._board.learn(name, message_id, card)
        if not len(self._hub):
            return
        data = msgspec.json.encode(self._views.card(message_id, name, card, self._desk.now()))
        self._hub.publish(Event("card", data, name, only_open=True, card=(message_id, body_hash(body))))
        self._hub.publish(Event("count", self._views.count(name, await self._board.tally(name)), name))

    def _name_of(self, channel: Channel) -> str:
        return channel_name(channel, self._desk.channels(self._name))


def channel_name(channel: Channel, known: Mapping[str, Channel]) -> str:
    """The config's name of a channel: the very object, else (after a reload) the one equal to it. Raises DeliveryError."""
    same = [name for name, other in known.items() if other is channel] or [n for n, other in known.items() if other == channel]
    if len(same) != 1:
        raise DeliveryError(Failure.channel_unreachable, "the console has no such channel in the config any more")
    return same[0]


def _body(value: Card | ThreadNote | str) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError as error:  # half a character (a lone surrogate)
        raise DeliveryError(Failure.payload, "the text holds characters that are not valid Unicode") from error


def _id(ref: str) -> int:
    if not ref.isascii() or not ref.isdigit():
        raise _gone(ref)
    return int(ref)


def _gone(ref: str) -> DeliveryError:
    return DeliveryError(Failure.message_gone, f"the console has no post {ref[:40]!r}")
