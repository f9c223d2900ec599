"""The stand-in Slack as the real slack_sdk finds it: posts, edits, threads, limits, tokens, tiers and scripted faults."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from tests.standins.slack import Slack

ANA = "U01ANA"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """slack_sdk would use them even for loopback."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack() as slack:
        slack.user(ANA, "ana")
        slack.channel("C0DB", "db", members=[ANA])
        yield slack


@pytest.fixture
def client(slack: Slack) -> AsyncWebClient:
    return AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])


async def test_a_post_is_kept_and_answered(slack: Slack, client: AsyncWebClient) -> None:
    said = await client.chat_postMessage(channel="C0DB", text="hello")
    assert (said["channel"], said["message"]["text"]) == ("C0DB", "hello")
    assert [message.ts for message in slack.messages("C0DB")] == [said["ts"]]
