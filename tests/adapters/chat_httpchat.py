"""The stand-in platform of tests and benchmarks, for the contract of chats."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import ClassVar, Self

from msgspec.structs import replace

from adapters.chat import Chat
from tests.adapters.chat_bench import NAME, Bench, BenchDesk, Fault, Promise, a_channel
from tests.standins.chat import HttpChat, HttpChatConfig
from tests.standins.faults import Fault as Wrong
from tests.standins.httpchat import HttpChatServer, serving
from tests.stories.views import HttpChatView

_NO_JSON = "it is ours, and speaks JSON or breaks"
_OPS = ("post", "update", "reply", "dm", "find", "inspect", "clear", "name_of", "members_of")
WRONG = {
    Fault.lost_request: Wrong("lose", keep=False),
    Fault.lost_reply: Wrong("lose"),
    Fault.hang: Wrong("hang", seconds=0.3),
    Fault.error_page: Wrong("status", status=500),
    Fault.rate_limit: Wrong("status", status=429, retry_after=7.0),
    Fault.dead_token: Wrong("status", status=401),
    Fault.removed_channel: Wrong("status", status=410),
    Fault.refused_payload: Wrong("status", status=400),
}


class HttpChatBench(Bench):
    cannot: ClassVar[Mapping[str, str]] = {
        Fault.broken_json: _NO_JSON,
        Fault.odd_json: _NO_JSON,
        Fault.archived_channel: "channels are there or they are not",
        Fault.shut_inbox: "people are whoever somebody wrote to",
        Promise.once: "it shows twice what is told twice, so that tests see it",
        Promise.pings: "nobody reads along there",
        Promise.closed: "it says of a channel what a test says",
        Promise.doctor: "a test knows what it broke",
    }

    def __init__(self) -> None:
        self._server, self._port = HttpChatServer(), 0
        self.channels = {
            "ops": a_channel("ops", "internal"),
            "vault": a_channel("vault", "restricted"),
        }
        self._desk = BenchDesk(self.channels, time.time)
        self.account, self.secrets = "account-of-ana", ()
        self.group = "g-sre"
        self._server.groups[self.group] = {self.account: "Ana"}
        self.patience = float(HttpChatConfig.model_fields["timeout"].default)

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Self]:
        bench = cls()
        await bench._up()
        bench.chat = bench.build()
        bench.view = HttpChatView(bench._server, bench.chat)
        await bench.chat.start()
        try:
            yield bench
        finally:
            await bench.chat.stop()
            await bench._serving.aclose()

    def build(self, timeout: float = 10.0) -> Chat:
        url = f"http://127.0.0.1:{self._port}"
        return HttpChat(NAME, HttpChatConfig.model_validate({"url": url, "timeout": timeout}), self._desk)

    async def breaks(self, fault: Fault) -> None:
        if fault == Fault.unreachable:
            await self._serving.aclose()
        elif fault == Fault.removed_message:
            for post in self._server.posts.values():
                post.deleted = True
        else:
            self._server.break_with(*(replace(WRONG[fault], op=op) for op in _OPS))
        if fault == Fault.hang:
            await self.chat.stop()
            self.chat = self.build(timeout=0.1)
            await self.chat.start()

    async def mends(self) -> None:
        self._server.break_with()
        await self._serving.aclose()
        await self._up()

    async def now(self) -> float:
        return time.time()

    async def pings(self) -> list[str]:
        return []

    async def forged(self) -> list[str]:
        return []

    async def links(self) -> list[str]:
        return []

    async def notes(self) -> list[str]:
        return [note.text for note in self._server.notes if note.account == self.account]

    async def _up(self) -> None:
        self._serving = AsyncExitStack()
        url = await self._serving.enter_async_context(serving(self._server.application(), self._port))
        self._port = int(url.rpartition(":")[2])
