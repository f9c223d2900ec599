"""Slack in a stand-in workspace, over Socket Mode, for the contract of chats."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from typing import ClassVar, Self
from unittest.mock import patch

import aiohttp

from adapters.chat import Chat
from adapters.chats.slack import Slack as SlackChat
from adapters.chats.slack import client as client_module
from adapters.chats.slack.config import SlackConfig
from adapters.chats.slack.socket import Waits
from tests.adapters.chat_bench import NAME, Bench, BenchDesk, Fault, Promise, a_channel
from tests.adapters.chat_calls import reached
from tests.standins.slack import Slack
from tests.standins.slack_faults import Fault as Wrong
from tests.stories.views_slack import ACCOUNTS, CHANNELS, SlackView, move_in

WAITS = Waits(opening=1.0, longest_pause=0.2, settled=0.1, linger=0.2)
CALLS = ("chat.*", "conversations.history", "conversations.replies", "conversations.info", "conversations.members", "user*")
"""All but the opening of a direct message, which a lost answer leaves as it was."""
OPS = CHANNELS["ops"]


class SlackBench(Bench):
    cannot: ClassVar[Mapping[str, str]] = {
        Promise.once: "chat.postMessage knows no key: who doubts asks `find` first",
    }

    def __init__(self, slack: Slack, undo: ExitStack) -> None:
        self._slack, self._undo = slack, undo
        self._ops = slack.workspace.channels[OPS]
        self.channels = {
            "ops": a_channel(OPS, "internal"),
            "vault": a_channel(CHANNELS["vault"], "restricted"),
        }
        self._desk = BenchDesk(self.channels, slack.clock.now)
        self.account, self.secrets = ACCOUNTS["ana"], (slack.bot_token, slack.app_token)
        self.group = "S0SRE"
        slack.usergroup(self.group, "sre", [self.account])
        self.patience = float(client_module.TIMEOUT.total or 0.0)
        self.chat, self.view = self.build(), SlackView(slack)

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Self]:
        async with Slack(rates=False) as slack:
            with ExitStack() as undo:
                bench = cls(move_in(slack), undo)
                await bench.chat.start()
                try:
                    yield bench
                finally:
                    await bench.chat.stop()

    def build(self) -> Chat:
        told = {"bot_token": self._slack.bot_token, "app_token": self._slack.app_token, "api_url": self._slack.api_url}
        return SlackChat(NAME, SlackConfig.model_validate(told), self._desk, WAITS)

    async def breaks(self, fault: Fault) -> None:
        slack = self._slack
        match fault:
            case Fault.unreachable:
                await slack.down()
                await reached(self.chat, self.channels["ops"])
            case Fault.dead_token:
                slack.bot.dead = slack.app.dead = "invalid_auth"
            case Fault.removed_channel:
                del slack.workspace.channels[OPS]
            case Fault.archived_channel:
                self._ops.archived = True
            case Fault.removed_message:
                for message in slack.messages(OPS):
                    slack.delete_message(OPS, message.ts)
            case Fault.refused_payload:
                slack.faults.error("chat.*", "invalid_blocks")
            case Fault.shut_inbox:
                slack.faults.error("conversations.open", "cannot_dm_bot")
            case Fault.hang:
                await self._grow_impatient()
                self._spoil(fault)
            case _:
                self._spoil(fault)

    def _spoil(self, fault: Fault) -> None:
        faults = self._slack.faults
        for method in CALLS:
            match fault:
                case Fault.lost_request:
                    faults.reset(method)
                case Fault.lost_reply:
                    faults.lose(method)
                case Fault.hang:
                    faults.hang(method)
                case Fault.error_page:
                    faults.html(method, 502)
                case Fault.broken_json:
                    faults.broken_json(method)
                case Fault.odd_json:
                    faults.add(Wrong("answer", method, content_type="application/json", body='{"ok":true,"channel":7,"ts":[]}'))
                case Fault.rate_limit:
                    faults.limit(method, retry_after=7, times=-1)

    async def _grow_impatient(self) -> None:
        await self.chat.stop()
        self._undo.enter_context(patch.object(client_module, "TIMEOUT", aiohttp.ClientTimeout(total=0.2)))
        await self.chat.start()

    async def mends(self) -> None:
        self._slack.faults.clear()
        self._slack.bot.dead = self._slack.app.dead = ""
        self._slack.workspace.channels[OPS] = self._ops
        self._ops.archived = False
        await self._slack.down()
        await self._slack.up()
        self._slack.clock.jump(300.0)

    async def now(self) -> float:
        return self._slack.clock.now()

    async def pings(self) -> list[str]:
        """Slack tells people of a message when it is posted."""
        return [ping.whom for ping in self._slack.mentions() if ping.by != "chat.update"]

    async def forged(self) -> list[str]:
        return [ping.whom for ping in self._slack.mentions()]

    async def links(self) -> list[str]:
        return [html.unescape(address) for address, _ in self._slack.links()]

    async def notes(self) -> list[str]:
        return [self._slack.shown(message) for message in self._slack.direct_messages(self.account)]
