"""A console on a real server, and sample cards: shared by its tests."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from adapters.chats.console import Console
from adapters.chats.console.console import ConsoleConfig
from rules.access import Caller
from rules.alert import Severity
from rules.card import Button, Card
from rules.channel import Channel
from rules.incident import State
from tests.standins.desk import StandinDesk

OPS = Channel(chat="console", id="", clearance="internal", audience=("sre",))
DB = Channel(chat="console", id="", clearance="confidential", audience=("dba",))
ANA = Caller(key="ana", name="Ana Petrova", groups=frozenset({"sre"}), clearance="restricted")
BEN = Caller(key="ben", name="Ben Okafor", groups=frozenset({"sre", "dba"}), clearance="restricted")
BUTTONS = ("ack", "resolve", "snooze", "silence", "note")


def make_card(number: int = 42, title: str = "Web servers are down", state: State = State.firing, **more: object) -> Card:
    """A card with all buttons; `more` are fields of Card."""
    buttons = tuple(Button(verb, verb.title(), f"{verb} {'#' if verb == 'silence' else ''}{number}") for verb in BUTTONS)
    fields: dict[str, object] = {
        "severity": Severity.critical, "summary": "", "started_at": 1_767_668_000.0, "changed_at": 1_767_668_400.0, "firing": 1,
        "total": 1, "buttons": buttons, **more,
    }  # fmt: skip
    return Card(number=number, revision=1, state=state, title=title, **fields)  # type: ignore[arg-type]  # a test's free choice


@dataclass
class Site:
    """A running console."""

    console: Console
    desk: StandinDesk
    url: str

    @asynccontextmanager
    async def visitor(self, person: str = "") -> AsyncIterator[aiohttp.ClientSession]:
        """A browser without JavaScript, signed in if `person` is given."""
        async with aiohttp.ClientSession(self.url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
            if person:
                async with await sign_in(client, f"token-of-{person}") as answer:
                    assert answer.status == 200, await answer.text()
            yield client


async def sign_in(client: aiohttp.ClientSession, token: str, **more: str) -> aiohttp.ClientResponse:
    """Fills in the form of the sign-in page."""
    csrf = csrf_of(await text_of(client, "/signin"))
    return await client.post("/signin", data={"csrf": csrf, "token": token, **more})


async def text_of(client: aiohttp.ClientSession, path: str, status: int = 200) -> str:
    async with client.get(path) as answer:
        assert answer.status == status, await answer.text()
        return await answer.text()


def csrf_of(html: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found, html
    return found[1]


@asynccontextmanager
async def running_site() -> AsyncIterator[Site]:
    """Channels `ops` (for ana and ben) and `db` (for ben only), and a stranger to all: `eve`."""
    desk = StandinDesk({"ops": OPS, "db": DB}, {"ana": ANA, "ben": BEN, "eve": Caller(key="eve", name="Eve")})
    console = Console("console", ConsoleConfig(type="console"), desk)
    app = web.Application()
    app.add_routes(console.routes())
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await console.start()
    desk.public_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield Site(console, desk, desk.public_url)
    finally:
        await console.stop()
        await runner.cleanup()
