"""Discord in a stand-in server, with discord.py at its gateway, for the contract of chats."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from typing import ClassVar, Self
from unittest.mock import patch

import aiohttp

from adapters.chat import Chat
from adapters.chats.discord import rest as rest_module
from adapters.chats.discord.chat import Discord as DiscordChat
from adapters.chats.discord.config import DiscordConfig
from adapters.chats.discord.pace import Waits
from tests.adapters.chat_bench import NAME, Bench, BenchDesk, Fault, a_channel
from tests.adapters.chat_calls import reached
from tests.standins.discord import Discord
from tests.standins.discord_faults import Fault as Wrong
from tests.stories.views_discord import ACCOUNTS, CHANNELS, DiscordView, move_in

WAITS = Waits(opening=1.0, longest_pause=0.2, settled=0.1, identify=0.0, refused=0.5, closing=0.3)
CALLS = ("messages.*", "channels.*", "guild*")
"""All but the making of threads and direct channels, which a lost answer leaves as they were."""
MENTIONS = ("user", "role", "everyone", "channel", "command", "guide", "custom")
OPS, SRE = CHANNELS["ops"], "165511591545143296"


class DiscordBench(Bench):
    cannot: ClassVar[Mapping[str, str]] = {
        Fault.archived_channel: "channels of Discord are there or they are not; only threads are archived, and a post wakes them",
        f"{Fault.removed_channel}: find in a thread": "with the channel its threads are gone: nothing is in them, surely",
        f"{Fault.removed_channel}: clear_thread": "with the channel its threads are gone: nothing is left to take back",
    }

    def __init__(self, discord: Discord, undo: ExitStack) -> None:
        self._discord, self._undo, self._is_down = discord, undo, False
        self._ops = discord.world.channels[OPS]
        self.channels = {name: a_channel(CHANNELS[name], level) for name, level in (("ops", "internal"), ("vault", "restricted"))}
        self._desk = BenchDesk(self.channels, discord.clock.now)
        self.account, self.group, self.secrets = ACCOUNTS["ana"], SRE, (discord.token,)
        self.patience = float(rest_module.TIMEOUT.total or 0.0)
        self._token = discord.token
        self.chat, self.view = self.build(), DiscordView(discord)

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Self]:
        async with Discord(rates=False) as discord:
            discord.role(SRE, "sre", mentionable=True)
            with ExitStack() as undo:
                bench = cls(move_in(discord), undo)
                discord.give(bench.account, SRE)
                await bench.chat.start()
                try:
                    yield bench
                finally:
                    await bench.chat.stop()

    def build(self) -> Chat:
        discord = self._discord
        where = {"guild": discord.guild, "api_url": discord.api_url, "gateway_url": discord.gateway_url}
        return DiscordChat(NAME, DiscordConfig.model_validate({"token": self._token, **where}), self._desk, WAITS)

    async def breaks(self, fault: Fault) -> None:
        discord = self._discord
        match fault:
            case Fault.unreachable:
                self._is_down = True
                await discord.down()
                await reached(self.chat, self.channels["ops"])
            case Fault.dead_token:
                discord.rest.token = "another"
            case Fault.removed_channel:
                discord.delete_channel(OPS)
            case Fault.removed_message:
                for message in discord.messages(OPS):
                    discord.delete_message(OPS, message.id)
            case Fault.refused_payload:
                discord.faults.error("messages.*", 400, 50035, "Invalid Form Body")
            case Fault.shut_inbox:
                discord.world.users[self.account].closed = True
            case Fault.hang:
                await self._grow_impatient()
                self._spoil(fault)
            case _:
                self._spoil(fault)

    def _spoil(self, fault: Fault) -> None:
        faults = self._discord.faults
        for call in CALLS:
            match fault:
                case Fault.lost_request:
                    faults.reset(call)
                case Fault.lost_reply:
                    faults.lose(call)
                case Fault.hang:
                    faults.hang(call)
                case Fault.error_page:
                    faults.html(call, 502)
                case Fault.broken_json:
                    faults.broken_json(call)
                case Fault.odd_json:
                    faults.add(Wrong("answer", call, content_type="application/json", body='{"id":[],"type":{},"roles":7}'))
                case Fault.rate_limit:
                    faults.limit(call, retry_after=7.0, times=-1)

    async def _grow_impatient(self) -> None:
        await self.chat.stop()
        self._undo.enter_context(patch.object(rest_module, "TIMEOUT", aiohttp.ClientTimeout(total=0.2)))
        await self.chat.start()

    async def mends(self) -> None:
        discord = self._discord
        discord.faults.clear()
        discord.rest.token = self._token
        discord.world.channels[OPS] = self._ops
        discord.world.users[self.account].closed = False
        if self._is_down:
            await discord.up()
        discord.clock.jump(300.0)

    async def now(self) -> float:
        return self._discord.clock.now()

    async def pings(self) -> list[str]:
        return [ping.whom for ping in self._discord.pings]

    async def forged(self) -> list[str]:
        """Also what would call people if the bot had more rights, and what is drawn as something of Discord's own."""
        drawn = [token.raw for token in self._discord.markup() if token.kind in MENTIONS]
        return [ping.whom for ping in self._discord.mentions()] + drawn

    async def links(self) -> list[str]:
        return [address for address, _ in self._discord.links()]

    async def notes(self) -> list[str]:
        return [self._discord.shown(message) for message in self._discord.direct_messages(self.account)]
