"""A stand-in Slack with one person and one channel, and the real clients that talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from tests.standins.slack import Slack
from tests.standins.slack_listener import Heard, buttons


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """slack_sdk and slack_bolt take these from the environment; a proxy they use even for loopback."""
    secrets = ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", *secrets):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack() as slack:
        slack.user("U01ANA", "ana")
        slack.channel("C0DB", "db", members=["U01ANA"])
        yield slack


@pytest.fixture
async def client(slack: Slack) -> AsyncWebClient:
    return AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])


@pytest.fixture
async def app(client: AsyncWebClient) -> AsyncApp:
    return AsyncApp(client=client, signing_secret=Slack.signing_secret)


@pytest.fixture
async def handler(slack: Slack, app: AsyncApp) -> AsyncIterator[AsyncSocketModeHandler]:
    """Connected, with pings fast enough for a test."""
    handler = AsyncSocketModeHandler(app, slack.app_token, ping_interval=0.2)
    await handler.connect_async()  # type: ignore[no-untyped-call]  # slack_bolt leaves it untyped
    await slack.connected()
    yield handler
    await handler.close_async()  # type: ignore[no-untyped-call]  # the same


@pytest.fixture
def heard(app: AsyncApp) -> Heard:
    heard = Heard()
    app.action({"action_id": "tocsin:ack"})(heard.listen)
    app.action({"action_id": "tocsin:snooze"})(heard.listen)
    app.action({"action_id": "time"})(heard.listen)
    app.command("/tocsin")(heard.listen)
    app.view("silence")(heard.listen)
    app.view_closed("silence")(heard.listen)
    return heard


@pytest.fixture
async def card(client: AsyncWebClient) -> str:
    return str((await client.chat_postMessage(channel="C0DB", text="fire", blocks=buttons("Ack", "Resolve")))["ts"])
