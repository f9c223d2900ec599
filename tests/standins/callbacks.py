"""What the stand-in platform of httpchat.py tells Tocsin: what people do there, and what is otherwise now. Beside Tocsin's pages:

POST /httpchat/{chat}/command  {account, text, channel} -> {ok, text}
POST /httpchat/{chat}/card     {account, text, channel} -> the card of that number as it may be shown there, or null
POST /httpchat/{chat}/changed  {place} or {group}       -> {}; who reads a channel, who is in a group
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from aiohttp import web

from adapters.chat import Desk, Invocation


class Told(msgspec.Struct):
    account: str = ""
    text: str = ""
    channel: str = ""
    place: str = ""
    group: str = ""


class Callbacks:
    """Those of the chat of that name."""

    def __init__(self, chat: str, desk: Desk) -> None:
        self._chat, self._desk = chat, desk

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        works = {"command": self._command, "card": self._card, "changed": self._changed}
        return [web.post(f"/httpchat/{self._chat}/{name}", _serve(work)) for name, work in works.items()]

    async def _command(self, told: Told) -> object:
        return await self._desk.command(self._invocation(told))

    async def _card(self, told: Told) -> object:
        return await self._desk.card(self._invocation(told))

    async def _changed(self, told: Told) -> object:
        if told.group:
            self._desk.group_changed(self._chat, told.group)
        else:
            self._desk.channel_changed(self._chat, told.place, told.account)
        return {}

    def _invocation(self, told: Told) -> Invocation:
        return Invocation(self._chat, told.account, told.text, told.channel)


def _serve(work: Callable[[Told], Awaitable[object]]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        told = msgspec.json.decode(await request.read(), type=Told)
        return web.Response(body=msgspec.json.encode(await work(told)), content_type="application/json")

    return handle
