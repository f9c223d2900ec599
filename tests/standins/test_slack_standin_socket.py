"""The stand-in Slack's Socket Mode as the real slack_bolt finds it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from tests.standins.slack import Slack

ANA = "U01ANA"
BUTTONS: list[dict[str, Any]] = [
    {
        "type": "actions",
        "elements": [
            {"type": "button", "text": {"type": "plain_text", "text": "Ack"}, "action_id": "tocsin:ack", "value": "ack 42"}
        ],
    }
]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """slack_sdk and slack_bolt would take these from the environment."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "SLACK_BOT_TOKEN", "SLACK_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack() as slack:
        slack.user(ANA, "ana")
        slack.channel("C0DB", "db", members=[ANA])
        yield slack


@pytest.fixture
async def app(slack: Slack) -> AsyncApp:
    return AsyncApp(client=AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[]))


@pytest.fixture
async def handler(slack: Slack, app: AsyncApp) -> AsyncIterator[AsyncSocketModeHandler]:
    handler = AsyncSocketModeHandler(app, slack.app_token, ping_interval=0.3)
    await handler.connect_async()  # type: ignore[no-untyped-call]  # slack_bolt leaves it untyped
    await slack.connected()
    yield handler
    await handler.close_async()  # type: ignore[no-untyped-call]  # the same


async def test_a_command_is_answered_by_its_ack(slack: Slack, app: AsyncApp, handler: AsyncSocketModeHandler) -> None:
    @app.command("/ack")
    async def ack(ack: Any, command: Any) -> None:
        await ack(f"done: {command['text']}")

    seen = await slack.slash(ANA, "C0DB", "/ack", "42")
    assert (seen.acked, seen.text) == (True, "done: 42")


async def test_a_press_reaches_the_app_which_edits_the_message(
    slack: Slack, app: AsyncApp, handler: AsyncSocketModeHandler
) -> None:
    @app.action("tocsin:ack")
    async def ack(ack: Any, body: Any, action: Any, client: AsyncWebClient) -> None:
        await ack()
        await client.chat_update(
            channel=body["channel"]["id"], ts=body["container"]["message_ts"], text=f"{action['value']} done"
        )

    card = await app.client.chat_postMessage(channel="C0DB", text="fire", blocks=BUTTONS)
    seen = await slack.press("C0DB", card["ts"], "Ack", user=ANA)
    assert seen.acked
    message = slack.messages("C0DB")[0]
    await slack.until(lambda: message.text == "ack 42 done")
    assert not message.blocks, "text without blocks deletes the blocks"
