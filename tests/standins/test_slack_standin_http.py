"""The stand-in Slack's HTTP mode as the real slack_bolt finds it: signatures, the challenge, answers, redelivery."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from tests.standins.httpchat import serving
from tests.standins.slack import Slack
from tests.standins.slack_http import Http


@pytest.fixture
async def http(slack: Slack, app: AsyncApp) -> AsyncIterator[Http]:
    async def receive(request: web.Request) -> web.Response:
        answer: web.Response = await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))
        return answer

    site = web.Application()
    site.add_routes([web.post("/slack/{what}", receive)])
    async with serving(site) as url:
        yield slack.use_http(f"{url}/slack/events", f"{url}/slack/commands", f"{url}/slack/actions")


async def test_the_signature_is_that_of_the_platform(http: Http) -> None:
    http.secret = "8f742231b10e8888abcd99yyyzzz85a5"
    headers = http.signed(b"token=x")
    base = f"v0:{headers['X-Slack-Request-Timestamp']}:token=x".encode()
    assert headers["X-Slack-Signature"] == "v0=" + hmac.new(http.secret.encode(), base, hashlib.sha256).hexdigest()


async def test_the_url_answers_the_challenge(http: Http) -> None:
    assert await http.verify_url()
    http.secret = "wrong"
    assert not await http.verify_url()
    assert [status for status, _ in http.answers] == [200, 401]


async def test_an_old_request_is_refused(http: Http, slack: Slack) -> None:
    http.skew = -400.0
    assert (await slack.slash("U01ANA", "C0DB", "/ack")).error == "operation_timeout"
    assert http.answers == [(401, {"error": "invalid request"})]


async def test_commands_presses_and_events_arrive(http: Http, slack: Slack, app: AsyncApp) -> None:
    heard = []

    @app.command("/ack")
    async def ack(ack: Any, command: dict[str, Any]) -> None:
        await ack(f"done: {command['text']}")

    @app.action("go")
    async def go(ack: Any, action: dict[str, Any]) -> None:
        heard.append(action["value"])
        await ack()

    @app.event("channel_rename")
    async def renamed(event: dict[str, Any]) -> None:
        heard.append(event["channel"]["name"])

    assert (await slack.slash("U01ANA", "C0DB", "/ack", "42 & more")).text == "done: 42 &amp; more"
    button = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go", "value": "ack 42"}
    blocks = [{"type": "actions", "elements": [button]}]
    ts = (await app.client.chat_postMessage(channel="C0DB", text="x", blocks=blocks))["ts"]
    assert (await slack.press("C0DB", ts, "Go", user="U01ANA")).acked
    assert (await slack.rename("C0DB", "databases")).acked
    await slack.until(lambda: heard == ["ack 42", "databases"])


async def test_what_is_refused_comes_again_with_the_reason(slack: Slack) -> None:
    slack.courier.redeliver_after = (0.0, 0.0, 0.0)
    seen: list[tuple[str | None, str | None]] = []

    async def refuse(request: web.Request) -> web.Response:
        seen.append((request.headers.get("X-Slack-Retry-Num"), request.headers.get("X-Slack-Retry-Reason")))
        more = {"X-Slack-No-Retry": "1"} if len(seen) == 3 else {}
        return web.Response(status=500, headers=more)

    site = web.Application()
    site.add_routes([web.post("/", refuse)])
    async with serving(site) as url:
        slack.use_http(url, url, url)
        told = await slack.archive("C0DB")
        await slack.until(lambda: len(told.attempts) == 3)
    assert seen == [(None, None), ("1", "http_error"), ("2", "http_error")]


async def test_nobody_there(slack: Slack, client: AsyncWebClient) -> None:
    slack.courier.redeliver_after = ()
    slack.use_http(*["http://127.0.0.1:9/slack"] * 3)
    assert [answer.problem for answer in (await slack.archive("C0DB")).attempts] == ["connection_failed"]
