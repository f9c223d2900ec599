"""The real discord.py, pointed at a stand-in Discord, for tests of the stand-in and of what it stands for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from unittest.mock import patch

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.standins.discord import Discord

Listen = Callable[[discord.Interaction[Any]], Awaitable[None]]


class Listener(discord.Client):
    """Answers interactions with `listen`. `events`: the gateway events that it was told, by name."""

    def __init__(self, listen: Listen | None = None, **options: Any) -> None:
        quiet = {"max_messages": None, "chunk_guilds_at_startup": False, "member_cache_flags": discord.MemberCacheFlags.none()}
        options = {"intents": discord.Intents(guilds=True), "guild_ready_timeout": 0.01, **quiet, **options}
        super().__init__(**options)
        self.listen, self.events = listen, list[str]()

    async def on_socket_event_type(self, event: str) -> None:
        self.events.append(event)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        if self.listen:
            await self.listen(interaction)


@asynccontextmanager
async def listening(platform: Discord, listen: Listen | None = None, **options: Any) -> AsyncIterator[Listener]:
    """A client that is ready, until the end. discord.py keeps both addresses for the whole process: they are given back."""
    with (
        patch.object(Route, "BASE", platform.api_url.rstrip("/")),
        patch.object(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(platform.gateway_url)),
    ):
        async with _ready(platform, Listener(listen, **options)) as client:
            yield client


@asynccontextmanager
async def _ready(platform: Discord, client: Listener) -> AsyncIterator[Listener]:
    task = asyncio.create_task(client.start(platform.token))
    try:
        ready = asyncio.create_task(client.wait_until_ready())
        done, _ = await asyncio.wait({task, ready}, timeout=5.0, return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            await task
        yield client
    finally:
        ready.cancel()
        task.cancel()
        with suppress(asyncio.CancelledError, discord.DiscordException):
            await task
        await client.close()
