"""Tocsin's outbound side in a stand-in server. Its gateway is out of reach, so that nothing that comes in disturbs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from adapters.chat import DeliveryError
from adapters.chats.discord import Discord as DiscordChat
from adapters.chats.discord.config import DiscordConfig
from rules.channel import Channel
from tests.standins.desk import StandinDesk
from tests.standins.discord import Discord, Message

ANA, BEN = "80351110224678912", "80351110224678913"
DB, OPS = "41771983423143940", "41771983423143941"


def a_channel(channel_id: str, clearance: str = "internal") -> Channel:
    return Channel(chat="guild", id=channel_id, clearance=clearance, audience=())


CHANNELS: Mapping[str, Channel] = {"db": a_channel(DB, "confidential"), "ops": a_channel(OPS)}


class Clocked(StandinDesk):
    """A desk whose clock is the server's."""

    def __init__(self, discord: Discord) -> None:
        super().__init__(CHANNELS, {}, "https://tocsin.example.com")
        self._discord = discord

    def now(self) -> float:
        return self._discord.clock.now() if hasattr(self, "_discord") else 0.0


def config(discord: Discord, **more: str) -> DiscordConfig:
    where = {"api_url": discord.api_url, "gateway_url": discord.gateway_url}
    return DiscordConfig.model_validate({"token": discord.token, "guild": discord.guild, **where, **more})


def furnish(discord: Discord) -> None:
    discord.user(ANA, "ana")
    discord.user(BEN, "ben")
    discord.channel(DB, "db", [ANA, BEN], private=True)
    discord.channel(OPS, "ops")


@asynccontextmanager
async def server(rates: bool = False) -> AsyncIterator[tuple[Discord, DiscordChat]]:
    """The server, and a chat whose outbound side is ready; it never started, so that it hears of no changes."""
    async with Discord(rates=rates) as discord:
        furnish(discord)
        chat = DiscordChat("guild", config(discord), Clocked(discord))
        try:
            yield discord, chat
        finally:
            await chat.stop()


async def failure(call: object) -> DeliveryError:
    """What a call raises. It must raise, and nothing else than DeliveryError."""
    try:
        await call  # type: ignore[misc]  # any awaitable
    except DeliveryError as problem:
        return problem
    raise AssertionError("the call did its work")


def key_of(message: Message) -> str:
    """The key in the footer of a message."""
    return str(message.embeds[0]["footer"]["text"]).removeprefix("tocsin · ")
