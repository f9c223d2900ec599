"""Tocsin's outbound side in a stand-in workspace: the real slack_sdk in between. HTTP mode, so that no socket disturbs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from adapters.chat import DeliveryError, Desk
from adapters.chats.slack import Slack as SlackChat
from adapters.chats.slack.config import SlackConfig
from rules.channel import Channel
from tests.standins.desk import StandinDesk
from tests.standins.slack import Slack

ANA, BEN = "U01ANA", "U02BEN"
DB, OPS = "C0DB", "C0OPS"


def a_channel(channel_id: str) -> Channel:
    return Channel(chat="work", id=channel_id, clearance="internal", audience=())


CHANNELS: Mapping[str, Channel] = {
    "db": Channel(chat="work", id=DB, clearance="confidential", audience=("dba",)),
    "ops": a_channel(OPS),
}
PUBLIC_URL = "https://tocsin.example.com"


class Clocked(StandinDesk):
    """A desk whose clock is the workspace's."""

    def __init__(self, slack: Slack) -> None:
        super().__init__(CHANNELS, {}, PUBLIC_URL)
        self._slack = slack

    def now(self) -> float:
        return self._slack.clock.now() if hasattr(self, "_slack") else 0.0


def config(slack: Slack, **more: str) -> SlackConfig:
    """Of HTTP mode, unless `more` says something else."""
    way_in = {} if "app_token" in more else {"signing_secret": slack.signing_secret}
    return SlackConfig.model_validate({"bot_token": slack.bot_token, "api_url": slack.api_url, **way_in, **more})


def furnish(slack: Slack) -> None:
    slack.user(ANA, "ana")
    slack.user(BEN, "ben")
    slack.channel(DB, "db", [ANA, BEN], private=True)
    slack.channel(OPS, "ops", [ANA, BEN])


@asynccontextmanager
async def workspace(rates: bool = False) -> AsyncIterator[tuple[Slack, SlackChat]]:
    """The workspace, and a chat that is started."""
    async with Slack(rates=rates) as slack:
        furnish(slack)
        desk: Desk = Clocked(slack)
        chat = SlackChat("work", config(slack), desk)
        await chat.start()
        try:
            yield slack, chat
        finally:
            await chat.stop()


async def failure(call: object) -> DeliveryError:
    """What a call raises. It must raise, and nothing else than DeliveryError."""
    try:
        await call  # type: ignore[misc]  # any awaitable
    except DeliveryError as problem:
        return problem
    raise AssertionError("the call did its work")
