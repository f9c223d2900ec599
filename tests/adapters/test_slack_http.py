"""HTTP mode: only what Slack signed, now, is taken; what it sends twice is done once."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import aiohttp
import msgspec
import pytest

from adapters.chats.slack.http import MOST_BYTES, Forged, Seal
from tests.adapters.slack_site import ANA, DB, Site, site
from tests.standins.slack import Slack
from tests.standins.slack_http import Http, encoded

FORM = "application/x-www-form-urlencoded"
# The example of Slack's own page on verifying requests.
SECRET, AT = "8f742231b10e8888abcd99yyyzzz85a5", 1531420618
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121"
    b".803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


@pytest.fixture
async def place() -> AsyncIterator[Site]:
    async with Slack() as slack, site(slack, http=True) as found:
        yield found


def transport(place: Site) -> Http:
    found = place.slack.courier.transport
    assert isinstance(found, Http)
    return found


async def post(place: Site, body: bytes, headers: dict[str, str], path: str = "commands") -> tuple[int, str]:
    url = transport(place).urls["slash_commands"].replace("commands", path)
    async with aiohttp.ClientSession() as http, http.post(url, data=body, headers={"Content-Type": FORM, **headers}) as answer:
        return answer.status, await answer.text()


def command(text: str = "42", trigger: str = "1.1") -> bytes:
    fields = {"command": "/ack", "text": text, "user_id": ANA, "channel_id": DB, "trigger_id": trigger, "team_id": "T0"}
    return urlencode(fields).encode()


def test_slacks_own_example() -> None:
    headers = {"X-Slack-Request-Timestamp": str(AT), "X-Slack-Signature": SIGNATURE}
    for now in (AT, AT + 300, AT - 300):
        assert Seal(SECRET).check(headers, BODY, float(now)) == SIGNATURE
    for late in (AT + 301.0, AT - 301.0, 0.0, 1e18):
        with pytest.raises(Forged):
            Seal(SECRET).check(headers, BODY, late)
    with pytest.raises(Forged):
        Seal(SECRET).check(headers, BODY + b" ", float(AT))
    with pytest.raises(Forged):
        Seal("another").check(headers, BODY, float(AT))


async def test_the_address_is_proven(place: Site) -> None:
    assert await transport(place).verify_url()


async def test_what_slack_signed_is_done(place: Site) -> None:
    place.answers("fine")
    body = command()
    assert await post(place, body, transport(place).signed(body)) == (200, "")
    await place.slack.until(lambda: place.said)
    assert place.said == ["ack 42"]


@pytest.mark.parametrize("path", ["events", "commands", "actions"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"X-Slack-Signature": ""},
        {"X-Slack-Signature": "v0="},
        {"X-Slack-Signature": "v0=" + "0" * 64},
        {"X-Slack-Signature": "v0=ü€"},
        {"X-Slack-Signature": "v0=\udcff"},
        {"X-Slack-Signature": "x" * 7000},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Request-Timestamp": "now"},
        {"X-Slack-Request-Timestamp": "1.5"},
        {"X-Slack-Request-Timestamp": "-1"},
        {"X-Slack-Request-Timestamp": "٣"},
        {"X-Slack-Request-Timestamp": "9" * 4000},
        {"X-Slack-Request-Timestamp": "1e9"},
        {"X-Slack-Request-Timestamp": "nan"},
    ],
    ids=str,
)
async def test_a_wrong_header_is_401(place: Site, wrong: dict[str, str], path: str) -> None:
    body = command()
    assert (await post(place, body, {**transport(place).signed(body), **wrong}, path))[0] == 401
    assert place.said == []


async def test_no_headers_are_401(place: Site) -> None:
    for body in (command(), b"", b"\xff\xfe", b"{" * 1000):
        assert await post(place, body, {}) == (401, "unauthorized")


@pytest.mark.parametrize("skew", [-302.0, 302.0])
async def test_an_old_request_is_401(place: Site, skew: float) -> None:
    transport(place).skew = skew
    body = command()
    assert (await post(place, body, transport(place).signed(body)))[0] == 401


async def test_the_clock_is_the_desks(place: Site) -> None:
    body = command()
    place.desk.clock += 1000.0
    assert (await post(place, body, transport(place).signed(body)))[0] == 401
    place.desk.clock -= 900.0
    assert (await post(place, body, transport(place).signed(body)))[0] == 200


async def test_a_changed_body_is_401(place: Site) -> None:
    headers = transport(place).signed(command("42"))
    assert (await post(place, command("43"), headers))[0] == 401


async def test_a_replay_is_not_done_again(place: Site) -> None:
    """The very request, by whoever recorded it, at once or within the window."""
    place.answers("fine")
    body = command()
    headers = transport(place).signed(body)
    answers = await asyncio.gather(*(post(place, body, headers) for _ in range(20)))
    place.desk.clock += 200.0
    answers.append(await post(place, body, headers))
    assert set(answers) == {(200, "")} and place.said == ["ack 42"]


async def test_signed_anew_it_is_still_the_same_command(place: Site) -> None:
    place.answers("fine")
    for skew in (0.0, 1.0, 2.0):
        transport(place).skew = skew
        body = command()
        assert (await post(place, body, transport(place).signed(body)))[0] == 200
    assert place.said == ["ack 42"]


@pytest.mark.parametrize("length", [MOST_BYTES + 1, 5 * MOST_BYTES])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_huge_body_is_refused_unread(place: Site, length: int, chunked: bool) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(length // 65536 + 1):
            yield b"x" * 65536

    url = transport(place).urls["events_api"]
    async with aiohttp.ClientSession() as http:
        try:
            async with http.post(url, data=parts() if chunked else io.BytesIO(b"x" * length)) as answer:
                assert answer.status == 413
        except aiohttp.ClientConnectionError:
            pass  # hung up on, which is as good


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", FORM, 200),
        (b"", "application/json", 200),
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"null", "application/json", 400),
        (b"\xff\xfe", FORM, 400),
        (b"payload=%7B", FORM, 400),
        (b"payload=5", FORM, 400),
        (b"[" * 100_000, "application/json", 400),
        (b"{}", "application/json", 200),
        (b'{"type":"new_kind"}', "application/json", 200),
        (b'{"type":"event_callback"}', "application/json", 200),
        (b'{"type":"event_callback","event":5}', "application/json", 500),
        (b"ssl_check=1&token=x", FORM, 200),
        (b'{"type":"event_callback","event":{"type":5}}', "application/json", 500),
        (b'{"type":"event_callback","event":{"type":"some_new_event"},"event_id":"E1"}', "application/json", 200),
        (b'payload={"type":"block_actions"}', FORM, 200),
    ],
)
async def test_odd_bodies_that_are_signed(place: Site, body: bytes, kind: str, status: int) -> None:
    headers = {**transport(place).signed(body), "Content-Type": kind}
    found, _ = await post(place, body, headers)
    assert found == status
    assert place.said == []


async def test_an_event_that_is_sent_again_is_taken_once(place: Site) -> None:
    heard: list[str] = []
    place.chat._inbound._on_channel_event = lambda channel, _: heard.append(channel)
    place.slack.courier.redeliver_after = (0.0, 0.0)
    event = await place.slack.rename("C0OPS", "operations")
    for _ in range(3):
        await place.slack.again(event)
    assert heard == ["C0OPS"] and event.acked


async def test_no_body_of_a_refused_request_is_logged(place: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "tocsin")
    caplog.set_level(logging.DEBUG, "slack_bolt")
    logging.getLogger("tocsin.slack.bolt").setLevel(logging.WARNING)
    body = command("a-secret-word")
    await post(place, body, {})
    await post(place, body, transport(place).signed(body))
    assert "a-secret-word" not in caplog.text and place.slack.signing_secret not in caplog.text


async def test_stopped_it_asks_to_come_again(place: Site) -> None:
    await place.chat.stop()
    body = command()
    assert (await post(place, body, transport(place).signed(body)))[0] == 503
    assert place.said == []


async def test_many_forgeries_cost_little(place: Site) -> None:
    began = time.perf_counter()
    body = command()
    for _ in range(100):
        await post(place, body, {"X-Slack-Request-Timestamp": str(int(time.time())), "X-Slack-Signature": "v0=" + "a" * 64})
    assert time.perf_counter() - began < 5.0


def test_the_stand_in_signs_what_it_sends() -> None:
    """Else every test above would prove nothing."""
    kind, body = encoded("events_api", {"type": "event_callback"})
    assert kind == "application/json" and msgspec.json.decode(body) == {"type": "event_callback"}
    headers = Http("secret", "", "", "").signed(body)
    assert Seal("secret").check(headers, body, time.time())
