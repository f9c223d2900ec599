"""The console as a browser sees it, for the contract of chats."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from html.parser import HTMLParser
from typing import ClassVar, Self

from aiohttp import web
from msgspec.structs import replace

from adapters.chat import Chat, Message
from adapters.chats.console import Console
from adapters.chats.console.console import ConsoleConfig
from tests.adapters.chat_bench import NAME, Bench, BenchDesk, Fault, Promise, a_channel
from tests.standins.httpchat import serving
from tests.stories.views import ConsoleView

_NO_CALLS = "posts stand in Tocsin's own store: there is no call that could be lost"
_NO_TOKEN = "it needs none"
_KEPT = "keys are kept without a channel, and Tocsin itself says who may read"


class ConsoleBench(Bench):
    _look: Callable[[str], Awaitable[str]]
    _before: _Page

    cannot: ClassVar[Mapping[str, str]] = {
        Fault.lost_request: _NO_CALLS,
        Fault.lost_reply: _NO_CALLS,
        Fault.hang: _NO_CALLS,
        Fault.error_page: _NO_CALLS,
        Fault.broken_json: _NO_CALLS,
        Fault.odd_json: _NO_CALLS,
        Fault.rate_limit: "nobody counts",
        Fault.dead_token: _NO_TOKEN,
        f"{Fault.unreachable}: inspect": _KEPT,
        f"{Fault.unreachable}: name_of": "people are in the config",
        f"{Fault.unreachable}: members_of": "it has no groups of its own",
        f"{Fault.removed_channel}: find": _KEPT,
        f"{Fault.removed_channel}: find in a thread": _KEPT,
        f"{Fault.removed_channel}: inspect": _KEPT,
        Fault.archived_channel: "a channel is in the config or it is not",
        Fault.refused_payload: "the store takes any text",
        Fault.shut_inbox: "notes stand on the person's own page",
        Promise.pings: "a page calls nobody",
        Promise.closed: "nobody is in a channel: each look at it is asked for anew",
        Promise.doctor: "nothing can be wrong outside of Tocsin's own store",
    }

    def __init__(self) -> None:
        self.channels = {
            "ops": a_channel("", "internal"),
            "vault": a_channel("", "restricted"),
        }
        self._clock = 1_767_668_400.0
        self._desk = BenchDesk(self.channels, lambda: self._clock)
        self.account, self.secrets, self.patience = "ana", ("token-of-ana",), 0.0
        self.chat = self.build()

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Self]:
        bench = cls()
        app = web.Application()
        app.add_routes(bench.chat.routes())
        async with serving(app) as url:
            bench._desk.public_url = url
            bench.view = view = ConsoleView(url)
            await bench.chat.start()
            try:
                bench._look = partial(view._page, "ana")
                bench._before = await bench._page()
                yield bench
            finally:
                await view.close()
                await bench.chat.stop()

    def build(self) -> Chat:
        return Console(NAME, ConsoleConfig(type="console"), self._desk)

    async def breaks(self, fault: Fault) -> None:
        match fault:
            case Fault.unreachable:
                self._desk.log.broken = True
            case Fault.removed_channel:
                del self._desk.all_channels["ops"]
            case Fault.removed_message:
                self._lose(await self._desk.log.cards(NAME, "ops", 1000))

    def _lose(self, messages: Sequence[Message]) -> None:
        """As the store does: their numbers are never used again, which those of the stand-in would be."""
        for message in messages:
            self._desk.log.lose(message.id)
            self._desk.log._rows[-message.id] = replace(message, channel="lost")

    async def mends(self) -> None:
        self._desk.log.broken = False
        self._desk.all_channels |= self.channels

    async def now(self) -> float:
        return self._clock

    async def pings(self) -> list[str]:
        return []

    async def forged(self) -> list[str]:
        """What runs, loads or asks by itself on a page, beyond what does so on an empty one."""
        return list((Counter((await self._page()).active) - Counter(self._before.active)).elements())

    async def links(self) -> list[str]:
        pages = [await self._page()]
        for card in await self.view.cards("ops"):
            pages.append(_read(await self._look(f"/console/thread/{card.ref}")))
        found = {address for page in pages for address in page.addresses} - set(self._before.addresses)
        return sorted(address for address in found if not address.startswith(("/?", "/console/", "?", "#")))

    async def notes(self) -> list[str]:
        return (await self._page()).notes

    async def _page(self) -> _Page:
        return _read(await self._look("/?channel=ops"))


class _Page(HTMLParser):
    """`active`: elements and attributes that do something; `addresses`: where links lead; `notes`: only for its reader."""

    ACTIVE = ("script", "iframe", "object", "embed", "style", "link", "meta", "base", "img", "video", "audio")
    ADDRESSES = ("href", "src", "action", "formaction", "data", "poster", "srcset", "ping")

    def __init__(self) -> None:
        super().__init__()
        self.active: list[str] = []
        self.addresses: list[str] = []
        self.notes: list[str] = []
        self._in_note = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.active += [tag] * (tag in self.ACTIVE)
        self.active += [f"{tag} {name}" for name, _ in attrs if name.startswith("on") or name == "style"]
        self.addresses += [value or "" for name, value in attrs if name in self.ADDRESSES]
        if tag == "li":
            self._in_note = ("class", "private") in attrs
            self.notes += [""] * self._in_note

    def handle_data(self, data: str) -> None:
        if self._in_note:
            self.notes[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._in_note &= tag != "li"


def _read(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    page.close()
    return page
