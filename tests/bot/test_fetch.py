"""What a source wants fetched: asked for once, within bounds, of nobody else; and an Amazon SNS before a whole Tocsin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapters.source import Rejected, Wanted
from bot import fetch
from bot.fetch import Fetcher
from tests.standins.sns import CERTIFICATE, HOST, TOPIC, Signer, SnsServer, serving
from tests.stories.story import BASE, Story
from tests.stories.telling import telling
from tests.stories.until import until

PEM = CERTIFICATE.rpartition("/")[2]
SIGNER = Signer()


class Desk:
    """A fetcher before a stand-in for Amazon, with a clock that the test moves."""

    def __init__(self, server: SnsServer) -> None:
        self.server, self.now, self.kept = server, 1000.0, list[bytes]()
        self.told = 0
        self.fetcher = Fetcher(lambda: self.now)
        self.fetcher.resolver, self.fetcher.trust = server.resolver, server.trust
        self.fetcher.changed = self._tell

    def _tell(self) -> None:
        self.told += 1

    async def wants(self, path: str = PEM, source: str = "aws", host: str = HOST, scheme: str = "https") -> str:
        """Why it failed, or an empty text."""
        try:
            await self.fetcher.bring(source, Wanted(f"{scheme}://{host}/{path}", "certificate", self.kept.append))
        except Rejected as refused:
            assert refused.status == 503 and refused.retry_after > 0
            assert "?" not in refused.reason and "Token" not in refused.reason
            return refused.reason.removeprefix("the certificate cannot be fetched: ").split(";")[0]
        return ""

    async def is_asked(self, times: int) -> None:
        async def look() -> bool:
            return len(self.server.asked) >= times

        await until(look)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with serving(tmp_path, SnsServer(SIGNER)) as server:
        yield Desk(server)


async def test_what_is_wanted_is_kept(desk: Desk) -> None:
    assert await desk.wants(f"{PEM}?x=%41%2f") == ""
    assert desk.kept == [desk.server.signer.pem]
    assert desk.server.asked == [f"GET /{PEM}?x=%41%2f"] and desk.server.resolver.asked == [HOST]
    assert await desk.fetcher.notices() == {}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (web.Response(status=404), "the answer is 404"),
        (web.Response(status=302, headers={"Location": f"https://{HOST}/other"}), "the answer is 302"),
        (web.Response(body=b"x" * (16 * 1024 + 1)), "the answer is larger than 16384 bytes"),
    ],
)
async def test_what_is_no_answer_is_not_kept(desk: Desk, answer: web.Response, why: str) -> None:
    desk.server.answers[f"/{PEM}"] = answer
    assert await desk.wants() == why
    assert desk.kept == [] and len(desk.server.asked) == 1


async def test_what_is_just_not_too_large_is_kept(desk: Desk) -> None:
    desk.server.answers[f"/{PEM}"] = web.Response(body=b"x" * 16 * 1024)
    assert await desk.wants() == "" and len(desk.kept[0]) == 16 * 1024


async def test_nobody_else_is_believed(desk: Desk) -> None:
    """Another host's certificate; an authority that the machine does not know; no TLS at all."""
    assert await desk.wants(host="sns.us-east-1.amazonaws.com") == "ClientConnectorCertificateError"
    assert await desk.wants(scheme="http") == "it is not https"
    desk.fetcher.trust = True
    assert await desk.wants() == "ClientConnectorCertificateError"
    assert desk.kept == [] and desk.server.asked == []


async def test_who_does_not_answer_is_not_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SECONDS", 0.2)
    desk.server.open.clear()
    assert await desk.wants() == "no answer within 0.2 s"
    desk.server.open.set()


async def test_a_failure_is_remembered_for_a_minute_and_told_until_it_is_over(desk: Desk) -> None:
    desk.server.answers[f"/{PEM}"] = web.Response(status=503)
    for passed in (0.0, 59.0):
        desk.now = 1000.0 + passed
        assert await desk.wants() == "the answer is 503"
    assert len(desk.server.asked) == 1 and desk.told == 1
    ((key, notice),) = (await desk.fetcher.notices()).items()
    assert key == ("TocsinCannotFetch", "source aws")
    assert (
        notice.text
        == f"Source aws wants a certificate from {HOST}, which fails: the answer is 503. So long its alerts are refused."
    )
    desk.now += 2
    del desk.server.answers[f"/{PEM}"]
    assert await desk.wants() == "" and await desk.fetcher.notices() == {} and desk.told == 2


async def test_a_failure_that_nothing_contradicts_is_forgotten(desk: Desk) -> None:
    assert await desk.wants("x", scheme="http")
    desk.now += 599
    assert await desk.fetcher.notices()
    desk.now += 2
    assert not await desk.fetcher.notices()


async def test_who_wants_the_same_waits_for_the_same(desk: Desk) -> None:
    """And who hangs up ends nobody else's waiting."""
    desk.server.open.clear()
    tasks = [asyncio.create_task(desk.wants()) for _ in range(5)]
    await desk.is_asked(1)
    tasks[0].cancel()
    desk.server.open.set()
    assert await asyncio.gather(*tasks[1:]) == [""] * 4
    assert len(desk.server.asked) == 1 and len(desk.kept) == 1


async def test_one_at_a_time_for_each_source(desk: Desk) -> None:
    desk.server.open.clear()
    tasks = [asyncio.create_task(desk.wants(path, source)) for path in ("a", "b", "c") for source in ("one", "two")]
    await desk.is_asked(2)
    await asyncio.sleep(0.05)  # in which the others would have come
    assert desk.server.asked == ["GET /a", "GET /a"]
    desk.server.open.set()
    assert await asyncio.gather(*tasks) == [""] * 6 and len(desk.server.asked) == 6


async def test_nobody_can_make_tocsin_ask_without_end(desk: Desk) -> None:
    told = [await desk.wants(str(path)) for path in range(12)]
    assert told == [""] * 10 + ["too many were wanted lately"] * 2
    assert await desk.wants("0", "other") == ""
    desk.now += 5
    assert await desk.wants("10") == "" and len(desk.server.asked) == 12


# --- Amazon SNS and a whole Tocsin ----------------------------------------------------------------------------------

AWS = f'{{type: aws, auth: {{sns: {{topics: ["{TOPIC}"]}}}}}}'
CONFIG = BASE.replace("  backups:", f"  aws: {AWS}\n  backups:")


class Amazon:
    """Posts to Tocsin as SNS does."""

    def __init__(self, story: Story, server: SnsServer) -> None:
        self.story, self.server = story, server
        self.arrive()

    def arrive(self) -> None:
        """Has Tocsin find the stand-in where Amazon is; also after a restart."""
        self.story.app.gate.fetcher.resolver, self.story.app.gate.fetcher.trust = self.server.resolver, self.server.trust

    def alarm(self, state: str) -> dict[str, Any]:
        at = "2026-03-02T11:59:00.000+0000"
        arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:cpu-high"
        inner = {"AlarmName": "cpu-high", "NewStateValue": state, "StateChangeTime": at, "AlarmArn": arn}
        return self.server.signer.message(self.story.now(), inner)

    async def post(self, message: dict[str, Any]) -> tuple[int, str]:
        headers = {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": message["Type"]}
        async with self.story.http.post("/webhooks/aws", data=json.dumps(message), headers=headers) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def amazon(tmp_path: Path) -> AsyncIterator[Amazon]:
    async with serving(tmp_path, SnsServer(SIGNER)) as server, telling(tmp_path, CONFIG) as story:
        yield Amazon(story, server)


BEFORE = (200, '{"status":"ok","taken":"before"}')


async def test_an_alarm_comes_by_sns_and_goes(amazon: Amazon) -> None:
    """One certificate is fetched for all; a copy changes nothing, not even after a restart; a changed one is refused."""
    fires = amazon.alarm("ALARM")
    assert (await amazon.post(fires))[0] == 200
    card = await amazon.story.card("ops", "cpu-high: ALARM")
    await card.shows(state="firing")
    assert await amazon.post(fires) == BEFORE
    status, told = await amazon.post(fires | {"Message": fires["Message"].replace("ALARM", "OK")})
    assert (status, "Signature: is wrong" in told) == (401, True)
    await amazon.story.passes("1s")
    assert (await amazon.post(amazon.alarm("OK")))[0] == 200
    assert amazon.server.asked == [f"GET /{PEM}"]
    await amazon.story.restart()
    amazon.arrive()
    assert await amazon.post(fires) == BEFORE
    await amazon.story.passes("40s")
    await card.shows(state="resolved")


async def test_a_subscription_is_confirmed_before_sns_is_answered(amazon: Amazon) -> None:
    """Else a crash in between would leave it pending for ever. The token of the confirmation stands in no log and no answer."""
    asked = amazon.server.signer.message(amazon.story.now(), "Subscribe?", "SubscriptionConfirmation")
    amazon.server.answers["/"] = web.Response(status=500)
    status, told = await amazon.post(asked)
    assert status == 503 and "the confirmation cannot be fetched: the answer is 500" in told
    await amazon.story.card(
        "ops", f"Source aws wants a confirmation from {HOST}, which fails: the answer is 500. So long its alerts are refused."
    )
    async with amazon.story.http.get("/readyz") as answer:
        assert (answer.status, list((await answer.json())["degraded"])) == (200, ["source aws"])
    del amazon.server.answers["/"]
    amazon.story.app.gate.fetcher._failed.clear()  # as after a minute, by a clock that cannot be moved
    assert (await amazon.post(asked))[0] == 200
    assert await amazon.post(asked) == BEFORE
    confirm = f"GET /?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=70ken"
    assert amazon.server.asked == [f"GET /{PEM}", confirm, confirm]
    logged = str(amazon.story.logs)
    assert "fetch_failed" in logged and "'fetched'" in logged and "70ken" not in logged + told
    async with amazon.story.http.get("/metrics") as answer:
        text = await answer.text()
    assert 'tocsin_fetches_total{outcome="ok",source="aws",what="confirmation"}' in text and "70ken" not in text


async def test_a_certificate_that_cannot_be_had_loses_nothing(amazon: Amazon) -> None:
    """SNS is told to come again."""
    amazon.server.answers[f"/{PEM}"] = web.Response(status=404)
    status, told = await amazon.post(amazon.alarm("ALARM"))
    assert status == 503 and "the certificate cannot be fetched: the answer is 404; nothing was accepted" in told
    await until(lambda: amazon.story.app.gate.fetcher.notices())


async def test_the_end_of_a_subscription_is_shown(amazon: Amazon) -> None:
    ended = amazon.server.signer.message(amazon.story.now(), "Ended", "UnsubscribeConfirmation")
    assert (await amazon.post(ended))[0] == 200
    await amazon.story.card("ops", "Amazon SNS sends nothing of the topic alerts-prod any more: its subscription was ended")
    assert amazon.server.asked == [f"GET /{PEM}"]
