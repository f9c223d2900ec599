"""A Slack chat of Tocsin in a stand-in workspace, for tests of what comes in: the real slack_bolt and slack_sdk in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from adapters.chat import Invocation, Reply
from adapters.chats.slack.config import SlackConfig
from adapters.chats.slack.slack import Slack as SlackChat
from adapters.chats.slack.socket import WAITS, Waits
from rules.access import Caller
from rules.alert import Severity
from rules.card import Button, Card
from rules.channel import Channel
from rules.incident import State
from tests.standins.desk import StandinDesk
from tests.standins.httpchat import serving
from tests.standins.slack import Message, Slack

ANA, BEN, EVE = "U01ANA", "U02BEN", "U03EVE"
DB, OPS, LOBBY = "C0DB", "C0OPS", "C0LOBBY"
CHANNELS = {
    "db": Channel(chat="work", id=DB, clearance="confidential", audience=("dba",)),
    "ops": Channel(chat="work", id=OPS, clearance="internal", audience=()),
    "lobby": Channel(chat="work", id=LOBBY, clearance="public", audience=()),
}
PUBLIC_URL = "https://tocsin.example.com"


def a_card(number: int = 42, **changes: Any) -> Card:
    verbs = ("ack", "resolve", "snooze", "silence", "note")
    buttons = tuple(Button(verb, verb.title(), f"{verb} {'#' if verb == 'silence' else ''}{number}") for verb in verbs)
    whole: dict[str, Any] = {
        "number": number,
        "revision": 1,
        "state": State.firing,
        "severity": Severity.critical,
        "title": "orders-db does not answer",
        "summary": "",
        "started_at": 1_767_668_000.0,
        "changed_at": 1_767_668_000.0,
        "firing": 1,
        "total": 1,
        "url": f"{PUBLIC_URL}/incidents/{number}",
        "buttons": buttons,
        **changes,
    }
    return Card(**whole)


class Site:
    """`slack`: the workspace; `chat`: Tocsin's side; `desk`: what is behind it. `said`: the lines that reached the desk."""

    def __init__(self, slack: Slack, chat: SlackChat, desk: StandinDesk) -> None:
        self.slack, self.chat, self.desk = slack, chat, desk

    @property
    def said(self) -> list[str]:
        return [one.text for one in self.desk.invocations]

    @property
    def last(self) -> Invocation:
        return self.desk.invocations[-1]

    async def card(self, card: Card | None = None, channel: str = "db") -> Message:
        """A card in a channel that commands edit."""
        card, where = card or a_card(), CHANNELS[channel]
        ref = await self.chat.post(where, card, f"key-{card.number}-{channel}")
        self.desk.watch(self.chat, where, ref, card)
        return self.slack.messages(where.id)[-1]

    def answers(self, text: str, ok: bool = True, after: float = 0.0) -> None:
        """What the desk says to any command from now on, `after` seconds."""

        async def answer(_: Invocation) -> Reply:
            await asyncio.sleep(after)
            return Reply(text, ok)

        self.desk.on_command = answer


def workspace(slack: Slack) -> None:
    """People, channels, and the domain whose links the app hears of."""
    slack.user(ANA, "ana")
    slack.user(BEN, "ben")
    slack.user(EVE, "eve")
    slack.channel(DB, "db", [ANA, BEN, EVE], private=True)
    slack.channel(OPS, "ops", [ANA, BEN, EVE])
    slack.channel(LOBBY, "lobby", [ANA, BEN, EVE])
    slack.channel("C0ELSE", "elsewhere", [ANA], bot=True)
    slack.workspace.unfurl_domains = ["tocsin.example.com"]


def a_desk() -> StandinDesk:
    callers = {ANA: Caller(key="ana", name="Ana Petrova"), BEN: Caller(key="ben", name="Ben Okafor")}
    desk = StandinDesk(CHANNELS, callers, PUBLIC_URL)
    desk.clock = time.time()
    return desk


def config_for(slack: Slack, http: bool = False) -> SlackConfig:
    way_in = {"signing_secret": slack.signing_secret} if http else {"app_token": slack.app_token}
    return SlackConfig.model_validate({"type": "slack", "bot_token": slack.bot_token, "api_url": slack.api_url, **way_in})


@asynccontextmanager
async def site(slack: Slack, http: bool = False, waits: Waits = WAITS) -> AsyncIterator[Site]:
    """Tocsin's side, started and connected. `waits`: of its sockets."""
    workspace(slack)
    desk = a_desk()
    chat = SlackChat("work", config_for(slack, http), desk, waits)
    app = web.Application()
    app.add_routes(chat.routes())
    async with serving(app) as url:
        if http:
            slack.use_http(*(f"{url}/slack/work/{path}" for path in ("events", "commands", "actions")))
        await chat.start()
        try:
            if not http:
                await slack.connected(2)
            yield Site(slack, chat, desk)
        finally:
            await chat.stop()
