"""Tocsin's side of a Discord chat in a stand-in guild, for tests of what comes in: the real discord.py in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from adapters.chat import Invocation, Reply
from adapters.chats.discord.chat import Discord as DiscordChat
from adapters.chats.discord.config import DiscordConfig
from adapters.chats.discord.pace import WAITS, Waits
from rules.access import Caller
from rules.alert import Severity
from rules.card import Button, Card
from rules.channel import Channel
from rules.incident import State
from tests.standins.desk import StandinDesk
from tests.standins.discord import Discord, Message

ANA, BEN, EVE = "80351110224678912", "80351110224678913", "80351110224678914"
DB, OPS, ELSE = "41771983423143940", "41771983423143941", "41771983423143942"
CHANNELS = {
    "db": Channel(chat="guild", id=DB, clearance="confidential", audience=("dba",)),
    "ops": Channel(chat="guild", id=OPS, clearance="internal", audience=()),
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
    """`discord`: the guild; `chat`: Tocsin's side; `desk`: what is behind it. `said`: the lines that reached the desk."""

    def __init__(self, discord: Discord, chat: DiscordChat, desk: StandinDesk) -> None:
        self.discord, self.chat, self.desk = discord, chat, desk

    @property
    def said(self) -> list[str]:
        return [one.text for one in self.desk.invocations]

    async def card(self, card: Card | None = None, channel: str = "db") -> Message:
        """A card in a channel that commands edit."""
        card, where = card or a_card(), CHANNELS[channel]
        ref = await self.chat.post(where, card, f"key-{card.number}-{channel}")
        self.desk.watch(self.chat, where, ref, card)
        return self.discord.messages(where.id)[-1]

    def answers(self, text: str, ok: bool = True, after: float = 0.0) -> None:
        """What the desk says to any command from now on, `after` seconds."""

        async def answer(_: Invocation) -> Reply:
            await asyncio.sleep(after)
            return Reply(text, ok)

        self.desk.on_command = answer

    def previews(self, text: str, ok: bool = True, matchers: str = "", after: float = 0.0) -> None:
        """The same for what a command would do."""

        async def answer(_: Invocation) -> Reply:
            await asyncio.sleep(after)
            return Reply(text, ok, matchers)

        self.desk.on_preview = answer

    async def restart(self) -> None:
        """Another process of Tocsin, which remembers nothing."""
        await self.chat.stop()
        self.chat = DiscordChat("guild", config_for(self.discord), self.desk)
        self.desk._cards = {number: (self.chat, *entry[1:]) for number, entry in self.desk._cards.items()}
        await self.chat.start()
        await self.discord.connected()


def people_in(discord: Discord) -> None:
    """People and channels."""
    for one, name in ((ANA, "ana"), (BEN, "ben"), (EVE, "eve")):
        discord.user(one, name)
    discord.channel(DB, "db", [ANA, BEN, EVE], private=True)
    discord.channel(OPS, "ops")
    discord.channel(ELSE, "elsewhere")


def a_desk() -> StandinDesk:
    callers = {ANA: Caller(key="ana", name="Ana Petrova"), BEN: Caller(key="ben", name="Ben Okafor")}
    desk = StandinDesk(CHANNELS, callers, PUBLIC_URL)
    desk.clock = time.time()
    return desk


def config_for(discord: Discord, **more: str) -> DiscordConfig:
    whole = {
        "type": "discord", "token": discord.token, "guild": discord.guild, "api_url": discord.api_url,
        "gateway_url": discord.gateway_url, **more,
    }  # fmt: skip
    return DiscordConfig.model_validate(whole)


@asynccontextmanager
async def site(discord: Discord, waits: Waits = WAITS) -> AsyncIterator[Site]:
    """Tocsin's side, started and connected, its commands registered."""
    people_in(discord)
    place = Site(discord, DiscordChat("guild", config_for(discord), desk := a_desk(), waits), desk)
    await place.chat.start()
    try:
        await discord.connected()
        await discord.until(lambda: discord.commands)
        yield place
    finally:
        await place.chat.stop()
