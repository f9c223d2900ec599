"""The stand-in Slack's Socket Mode as the real slack_bolt finds it: tickets, envelopes, acknowledgements, and how links end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.standins.slack import Slack


@asynccontextmanager
async def another(slack: Slack, app: AsyncApp, links: int = 2) -> AsyncIterator[AsyncSocketModeHandler]:
    handler = AsyncSocketModeHandler(app, slack.app_token, ping_interval=0.2)
    await handler.connect_async()  # type: ignore[no-untyped-call]  # slack_bolt leaves it untyped
    await slack.connected(links)
    yield handler
    await handler.close_async()  # type: ignore[no-untyped-call]  # the same


def remembers(app: AsyncApp, *events: str) -> list[dict[str, Any]]:
    """The events that the app hears from now on."""
    heard: list[dict[str, Any]] = []

    async def listener(event: dict[str, Any]) -> None:
        heard.append(event)

    for event in events:
        app.event(event)(listener)
    return heard


async def back(slack: Slack, opened: int, within: float = 5.0) -> None:
    """Waits for a new link."""
    await slack.until(lambda: slack.sockets.opened > opened and slack.sockets.links, within, "a new link")


async def test_an_event_is_acknowledged_and_heard(slack: Slack, app: AsyncApp, handler: AsyncSocketModeHandler) -> None:
    heard = remembers(app, "channel_rename")
    told = await slack.rename("C0DB", "databases")
    assert told.acked and told.payload["event_id"]
    await slack.until(lambda: heard)
    assert heard[0]["channel"]["name"] == "databases"


async def test_what_nobody_listens_to_comes_again(slack: Slack, app: AsyncApp, handler: AsyncSocketModeHandler) -> None:
    slack.sockets.ack_within = 0.2
    slack.courier.redeliver_after = (0.0, 0.0, 0.0)
    told = await slack.archive("C0DB")
    assert not told.acked
    await slack.until(lambda: len(told.attempts) == 4)
    assert {answer.problem for answer in told.attempts} == {"timeout"}


async def test_a_redelivery_says_so_and_is_the_same_event(slack: Slack, app: AsyncApp, handler: AsyncSocketModeHandler) -> None:
    seen = []

    @app.event("channel_rename")
    async def renamed(body: dict[str, Any], request: Any) -> None:
        seen.append((body["event_id"], request.headers.get("x-slack-retry-num", [None])[0]))

    told = await slack.rename("C0DB", "x")
    await slack.again(told)
    await slack.until(lambda: len(seen) == 2)
    assert seen[0][0] == seen[1][0]
    assert [str(retry) for _, retry in seen] == ["0", "1"]


async def test_an_unacknowledged_command_times_out(slack: Slack, app: AsyncApp, handler: AsyncSocketModeHandler) -> None:
    slack.sockets.ack_within = 0.2
    seen = await slack.slash("U01ANA", "C0DB", "/nothing")
    assert (seen.acked, seen.error, seen.texts) == (False, "operation_timeout", [])
    assert len(slack.deliveries[-1].attempts) == 1, "only events come again"


async def test_without_a_link_a_person_is_told_at_once_and_an_event_waits(slack: Slack, app: AsyncApp) -> None:
    slack.courier.redeliver_after = (0.3,)
    heard = remembers(app, "channel_archive")
    assert (await slack.slash("U01ANA", "C0DB", "/ack")).error == "dispatch_failed"
    told = await slack.archive("C0DB")
    assert [answer.problem for answer in told.attempts] == ["no_connection"]
    async with another(slack, app, 1):
        await slack.until(lambda: heard)


async def test_each_payload_goes_to_one_of_the_links(slack: Slack, app: AsyncApp, handler: AsyncSocketModeHandler) -> None:
    heard = remembers(app, "channel_archive")
    async with another(slack, app):
        for _ in range(12):
            assert (await slack.archive("C0DB")).acked
        counts = [link.sent for link in slack.sockets.links]
    await slack.until(lambda: len(heard) == 12)
    assert sum(counts) == 12 and min(counts) > 0


async def test_a_ticket_opens_one_link(slack: Slack, client: AsyncWebClient) -> None:
    url = (await client.apps_connections_open(app_token=slack.app_token))["url"]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as link:
            hello = await link.receive_json()
            assert (hello["type"], hello["num_connections"]) == ("hello", 1)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(url)
    assert refused.value.status == 403
    assert slack.sockets.handshakes == [101, 403]


async def test_a_ticket_needs_the_app_token(slack: Slack, client: AsyncWebClient) -> None:
    slack.app.scopes.clear()
    with pytest.raises(SlackApiError) as refused:
        await client.apps_connections_open(app_token=slack.app_token)
    assert (refused.value.response["error"], refused.value.response["needed"]) == ("missing_scope", "connections:write")


async def test_the_eleventh_link_is_one_too_many(slack: Slack, client: AsyncWebClient) -> None:
    async with aiohttp.ClientSession() as session:
        links = []
        for _ in range(11):
            url = (await client.apps_connections_open(app_token=slack.app_token))["url"]
            links.append(await session.ws_connect(url))
        told = await links[-1].receive_json()
        assert (told["type"], told["reason"]) == ("disconnect", "too_many_websockets")
        assert (await links[-1].receive()).type == aiohttp.WSMsgType.CLOSE
        assert len(slack.sockets.links) == 10
        for link in links:
            await link.close()


async def test_a_refresh_brings_a_new_link(slack: Slack, app: AsyncApp, handler: AsyncSocketModeHandler) -> None:
    heard = remembers(app, "channel_archive")
    await slack.sockets.disconnect("refresh_requested")
    await back(slack, 1)
    await slack.until(lambda: len(slack.sockets.links) == 1, what="the old link to go")
    assert (await slack.archive("C0DB")).acked
    await slack.until(lambda: heard)


async def test_a_link_goes_on_after_a_warning(slack: Slack, app: AsyncApp, client: AsyncWebClient) -> None:
    url = (await client.apps_connections_open(app_token=slack.app_token))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as link:
        await link.receive_json()
        await slack.sockets.disconnect("warning", close_after=None)
        assert (await link.receive_json())["reason"] == "warning"
        telling = asyncio.create_task(slack.archive("C0DB"))
        envelope = await link.receive_json()
        assert (envelope["type"], envelope["retry_attempt"], envelope["accepts_response_payload"]) == ("events_api", 0, False)
        await link.send_json({"envelope_id": envelope["envelope_id"]})
        assert (await telling).acked


@pytest.mark.parametrize("how", ["close", "drop", "down", "disable"])
async def test_the_client_comes_back_after_a_link_ends(how: str, slack: Slack, handler: AsyncSocketModeHandler) -> None:
    opened = slack.sockets.opened
    if how == "close":
        await slack.sockets.close()
    elif how == "drop":
        slack.sockets.drop()
    elif how == "disable":
        await slack.sockets.disconnect("link_disabled", close_after=0.0)
    else:
        await slack.down()
        await slack.up()
    await back(slack, opened)


async def test_a_frozen_link_answers_nothing(slack: Slack, handler: AsyncSocketModeHandler) -> None:
    slack.sockets.freeze()
    slack.sockets.ack_within = 0.1
    assert not (await slack.archive("C0DB")).acked
    opened = slack.sockets.opened
    await back(slack, opened)


async def test_refused_handshakes_strand_the_client_on_a_used_ticket(slack: Slack, handler: AsyncSocketModeHandler) -> None:
    slack.sockets.refuse(503, times=1)
    slack.sockets.drop()
    await slack.until(lambda: slack.sockets.handshakes[-2:] == [403, 403], what="the same ticket again and again")
    assert slack.sockets.handshakes[:2] == [101, 503]
    handler.client.wss_uri = None
    await back(slack, 1)


async def test_a_storm_closes_every_new_link(slack: Slack, handler: AsyncSocketModeHandler) -> None:
    slack.sockets.storming = True
    slack.sockets.drop()
    await slack.until(lambda: slack.sockets.opened > 5, what="one attempt after the other")
    slack.sockets.accept()
    await slack.connected()


async def test_an_ack_may_come_over_another_link(slack: Slack, app: AsyncApp, handler: AsyncSocketModeHandler) -> None:
    @app.command("/ack")
    async def ack(ack: Any) -> None:
        await slack.sockets.disconnect("refresh_requested")
        await back(slack, 1)
        await ack("late, but here")

    assert (await slack.slash("U01ANA", "C0DB", "/ack")).text == "late, but here"


async def test_another_link_may_be_told_not_to_count(slack: Slack, app: AsyncApp, handler: AsyncSocketModeHandler) -> None:
    slack.sockets.any_link_acks, slack.sockets.ack_within = False, 1.0

    @app.command("/ack")
    async def ack(ack: Any) -> None:
        await slack.sockets.disconnect("refresh_requested")
        await back(slack, 1)
        await ack("over the wrong link")

    assert (await slack.slash("U01ANA", "C0DB", "/ack")).error == "operation_timeout"
