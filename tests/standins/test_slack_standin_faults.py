"""How much the stand-in Slack takes, and how it fails when a test asks for it, as the real slack_sdk feels it."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.standins.slack import Slack


async def post(client: AsyncWebClient, text: str = "x", channel: str = "C0DB") -> str:
    return str((await client.chat_postMessage(channel=channel, text=text))["ts"])


async def test_a_channel_takes_a_burst_and_then_one_a_second(slack: Slack, client: AsyncWebClient) -> None:
    slack.channel("C0OPS", "ops")
    for _ in range(5):
        await post(client)
    with pytest.raises(SlackApiError) as refused:
        await post(client)
    answer = refused.value.response
    assert (answer.status_code, answer["error"], answer.headers["Retry-After"]) == (429, "ratelimited", "1")
    await post(client, channel="C0OPS")
    slack.clock.jump(1.0)
    await post(client)
    assert slack.rates.refused == {"chat.postMessage": 1}


async def test_a_tier_is_of_a_method_in_the_workspace(slack: Slack, client: AsyncWebClient) -> None:
    ts = await post(client)
    for n in range(50):
        await client.chat_update(channel="C0DB", ts=ts, text=str(n))
    with pytest.raises(SlackApiError) as refused:
        await client.chat_update(channel="C0DB", ts=ts, text="one too many")
    assert refused.value.response.status_code == 429
    await client.conversations_info(channel="C0DB")
    assert slack.messages()[0].text == "49"


async def test_rates_can_be_set_and_switched_off(slack: Slack, client: AsyncWebClient) -> None:
    slack.rates.per_minute["conversations.info"] = 1.0
    await client.conversations_info(channel="C0DB")
    with pytest.raises(SlackApiError):
        await client.conversations_info(channel="C0DB")
    slack.rates.on = False
    await client.conversations_info(channel="C0DB")


async def test_a_fast_clock_gives_budgets_back_sooner() -> None:
    async with Slack(speed=100.0) as slack:
        slack.channel("C0DB", "db")
        slack.rates.posts_burst = 1.0
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        await post(client)
        await asyncio.sleep(0.02)
        await post(client)


async def test_a_lost_answer_leaves_the_message(slack: Slack, client: AsyncWebClient) -> None:
    fault = slack.faults.lose("chat.postMessage", times=1)
    with pytest.raises(aiohttp.ClientError):
        await post(client)
    assert (len(slack.messages()), fault.struck) == (1, 1)
    await post(client)


async def test_the_default_client_posts_a_lost_message_twice(slack: Slack) -> None:
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    slack.faults.lose("chat.postMessage", times=1)
    await post(client)
    assert len(slack.messages()) == 2


async def test_a_reset_before_the_work_leaves_nothing(slack: Slack, client: AsyncWebClient) -> None:
    slack.faults.reset("chat.*", times=1)
    with pytest.raises(aiohttp.ClientError):
        await post(client)
    assert not slack.messages()
    assert [request.status for request in slack.calls("chat.postMessage")] == [0]


async def test_chance_repeats_itself(slack: Slack, client: AsyncWebClient) -> None:
    slack.rates.on = False

    async def run() -> list[bool]:
        slack.faults.clear()
        slack.faults.error("chat.postMessage", "fatal_error", p=0.5)
        outcomes = []
        for _ in range(12):
            try:
                await post(client)
                outcomes.append(True)
            except SlackApiError:
                outcomes.append(False)
        return outcomes

    first = await run()
    assert first == await run()
    assert True in first and False in first


async def test_a_page_of_a_proxy(slack: Slack, client: AsyncWebClient) -> None:
    slack.faults.html("chat.postMessage", 502, keep=True)
    with pytest.raises(SlackApiError) as failed:
        await post(client)
    assert (failed.value.response.status_code, failed.value.response["error"]) == (502, None)
    assert slack.messages(), "kept, though the answer says nothing of it"


async def test_plain_text_and_broken_json(slack: Slack, client: AsyncWebClient) -> None:
    slack.faults.plain("chat.postMessage", times=1)
    with pytest.raises(SlackApiError) as failed:
        await post(client)
    assert failed.value.response.status_code == 503
    with pytest.raises(AttributeError):
        failed.value.response["error"]
    slack.faults.broken_json("chat.postMessage", times=1)
    with pytest.raises(SlackApiError) as failed:
        await post(client)
    assert not hasattr(failed.value.response, "get")
    assert not slack.messages()


async def test_slow_and_silent_answers(slack: Slack) -> None:
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[], timeout=1)
    slack.faults.slow("chat.postMessage", 0.05, times=1)
    began = time.monotonic()
    await post(client)
    assert time.monotonic() - began >= 0.05
    slack.faults.hang("chat.postMessage", times=1, keep=True)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(post(client), 0.1)
    assert len(slack.messages()) == 2


async def test_an_error_code_for_some_calls_in_one_channel(slack: Slack, client: AsyncWebClient) -> None:
    slack.channel("C0OPS", "ops")
    slack.faults.error("chat.postMessage", "fatal_error", times=1, channel="C0DB")
    await post(client, channel="C0OPS")
    with pytest.raises(SlackApiError) as refused:
        await post(client)
    assert refused.value.response["error"] == "fatal_error"
    await post(client)
    assert [request.error for request in slack.calls("chat.postMessage")] == ["", "fatal_error", ""]


@pytest.mark.parametrize("after", [7, None])
async def test_429_with_and_without_the_header(after: int | None, slack: Slack, client: AsyncWebClient) -> None:
    slack.faults.limit("chat.postMessage", after)
    with pytest.raises(SlackApiError) as refused:
        await post(client)
    assert refused.value.response.status_code == 429
    assert refused.value.response.headers.get("Retry-After") == (None if after is None else "7")
    await post(client)


async def test_down_and_up_again(slack: Slack, client: AsyncWebClient) -> None:
    await post(client, "before")
    await slack.down()
    with pytest.raises(aiohttp.ClientConnectorError):
        await post(client)
    await slack.up()
    await post(client, "after")
    assert [message.text for message in slack.messages()] == ["before", "after"]
