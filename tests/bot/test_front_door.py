"""The front door: who is let in, how often, how slowly, and from where; what stands open is said (G1, G7)."""

from __future__ import annotations

import asyncio
import hmac
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import func, select

from bot.store import tables
from bot.store.engine import Store
from bot.store.writer import StoreUnavailable
from tests.adapters.console_site import csrf_of
from tests.stories.story import BASE, Story, iso
from tests.stories.telling import telling
from tests.stories.until import until

SIGNED = "{type: alertmanager, auth: {hmac: {secret: hush, header: X-Sign, prefix: '', timestamp_header: X-Time}}}"
CONFIG = "trusted_proxies: [127.0.0.0/8]\n" + BASE.replace("  backups:", f"  signed: {SIGNED}\n  backups:")
HOOK = "/webhooks/signed"


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    async with telling(tmp_path, CONFIG) as found:
        yield found


class Sent:
    """A signed request, to be sent as often as one likes."""

    def __init__(self, story: Story, status: str, name: str = "Replayed") -> None:
        self.story = story
        alert = {**story.alert(name), "status": status, **({"endsAt": iso(story.now())} if status == "resolved" else {})}
        self.body = json.dumps({"alerts": [alert]}).encode()
        at = str(int(story.now()))
        digest = hmac.new(b"hush", at.encode() + b":" + self.body, "sha256").hexdigest()
        self.headers = {"X-Time": at, "X-Sign": digest}

    async def go(self, **more: str) -> tuple[int, str]:
        headers = {**self.headers, **more}
        async with self.story.http.post(HOOK, data=io.BytesIO(self.body), headers=headers) as answer:
            return answer.status, await answer.text()


BEFORE = (200, '{"status":"ok","taken":"before"}')


async def test_a_signed_request_is_taken_once(story: Story) -> None:
    """Whoever recorded it can do nothing with it, not even after a restart, and not by writing the signature in another way."""
    fires, resolves = Sent(story, "firing"), Sent(story, "resolved")
    assert (await fires.go())[0] == 200
    card = await story.card("ops", "Replayed")
    assert await fires.go() == BEFORE
    assert (await resolves.go())[0] == 200
    await story.passes("40s")
    await card.shows(state="resolved")
    await story.restart()
    for copy in (fires, resolves):
        assert await copy.go() == BEFORE
        assert await copy.go(**{"X-Sign": copy.headers["X-Sign"].upper(), "X-Other": "1"}) == BEFORE
    await story.shown()
    await card.shows(state="resolved")
    await story.passes("10m")
    assert (await fires.go())[0] == 401


async def test_a_repetition_that_changed_nothing_cannot_be_replayed_either(story: Story) -> None:
    """Known already, so nothing of it is stored, except that it was here."""
    assert (await Sent(story, "firing").go())[0] == 200
    await story.passes("1s")
    again = Sent(story, "firing")
    assert (await again.go())[0] == 200
    assert await again.go() == BEFORE


async def test_what_was_not_stored_may_be_sent_again(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender that got 503, or no answer, must not find its alert refused as seen."""
    sent, absorb = Sent(story, "firing"), story.app.intake._absorb

    def away(*_: object) -> Any:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(story.app.intake, "_absorb", away)
    assert (await sent.go())[0] == 503
    monkeypatch.setattr(story.app.intake, "_absorb", absorb)
    first, second = await asyncio.gather(sent.go(), sent.go())
    assert [first, second].count(BEFORE) == 1 and first[0] == second[0] == 200
    await story.card("ops", "Replayed")


async def test_only_signed_requests_are_remembered(story: Story) -> None:
    await story.fires("Plain")
    await Sent(story, "firing").go()
    assert await _count(story.app.store) == 1


async def _count(store: Store) -> int:
    return await store.read(lambda conn: conn.scalar(select(func.count()).select_from(tables.seen_requests)) or 0)


async def test_an_open_source_is_told_at_every_start(story: Story) -> None:
    """In the log and in /readyz, which stays well: it was meant."""
    told = "sources.backups: anybody who can reach 127.0.0.1:0 can send alerts to it (auth: none)"
    await story.app.reload()
    assert [entry["warning"] for entry in story.logs if entry["event"] == "front_door"] == [told, told]
    async with story.http.get("/readyz") as answer:
        assert await answer.json() == {"status": "ok", "degraded": {}, "warnings": [told]}


async def test_who_has_not_proven_who_it_is_sends_no_body(story: Story) -> None:
    """The refusal comes on the head alone, so no stranger makes Tocsin hold or read anything."""
    head = "POST /webhooks/prometheus HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\nContent-Length: 5000000\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", story.app.port)
    writer.write(head.encode())
    assert (await asyncio.wait_for(reader.readline(), 2)).startswith(b"HTTP/1.1 401")
    writer.close()


async def test_strangers_and_neighbours_cannot_use_up_the_rate_of_a_source(story: Story) -> None:
    story.rewrite(lambda text: text.replace("token-of-prometheus}}", "token-of-prometheus}, rate: 3}"))
    await story.restart()
    for _ in range(10):
        assert (await story.post("/webhooks/prometheus", {"alerts": []}, "wrong"))[0] == 401
        assert (await story.post("/webhooks/backups", {"alertname": "Other"}, ""))[0] == 200
    answers = [await story.post("/webhooks/prometheus", {"alerts": []}) for _ in range(6)]
    assert [status for status, _ in answers[:3]] == [200] * 3 and answers[-1][0] == 429
    bearer = {"Authorization": "Bearer token-of-prometheus"}
    async with story.http.post("/webhooks/prometheus", json={"alerts": []}, headers=bearer) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")


ME, NEIGHBOUR = {"X-Forwarded-For": "192.0.2.7"}, {"X-Forwarded-For": "192.0.2.8"}


async def guess(story: Story, token: str, at: dict[str, str], path: str = "/api/v1/incidents") -> aiohttp.ClientResponse:
    method = "GET" if path.startswith("/api/v1") else "POST"
    headers = {"Authorization": f"Bearer {token}", **at}
    async with story.http.request(method, path, headers=headers, data=None if method == "GET" else b"[]") as answer:
        await answer.read()
        return answer


@pytest.mark.parametrize("path", ["/api/v1/incidents", "/api/v2/alerts", "/webhooks/prometheus"])
async def test_guesses_at_a_token_are_limited(story: Story, path: str) -> None:
    """20 at once, then one every 5 s, right or wrong; whoever was right before, or is elsewhere, notices nothing."""
    right = "token-of-ana" if "v1" in path else "token-of-prometheus"
    empty = 400 if path == "/webhooks/prometheus" else 200  # it is no webhook's body, and that is for the source to say
    assert (await guess(story, right, NEIGHBOUR, path)).status in (200, empty)
    statuses = [(await guess(story, f"wrong{n}", ME, path)).status for n in range(25)]
    assert statuses == [401] * 20 + [429] * 5
    refused = await guess(story, "token-of-ben", ME, path)
    assert refused.status == 429 and 0 < int(refused.headers["Retry-After"]) <= 5
    assert (await guess(story, right, ME, path)).status in (200, empty)
    assert (await guess(story, "wrong", NEIGHBOUR, path)).status == 401


async def test_guesses_at_the_sign_in_are_limited(story_on_console: Story) -> None:
    story = story_on_console
    async with aiohttp.ClientSession(story.url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:

        async def sign_in(token: str, at: dict[str, str]) -> aiohttp.ClientResponse:
            async with browser.get("/signin") as page:
                form = {"csrf": csrf_of(await page.text())}
            async with browser.post("/signin", data={**form, "token": token}, headers=at, allow_redirects=False) as answer:
                await answer.read()
                return answer

        assert [(await sign_in(f"wrong{n}", ME)).status for n in range(21)] == [401] * 20 + [429]
        refused = await sign_in("token-of-ana", ME)
        assert refused.status == 429 and "too many wrong tokens" in await refused.text() and refused.headers["Retry-After"]
        assert "default-src 'none'" in refused.headers["Content-Security-Policy"]
        assert (await sign_in("token-of-ana", NEIGHBOUR)).status == 303
        assert (await sign_in("token-of-ana", ME)).status == 303  # it was right elsewhere
        async with browser.get("/", headers=ME) as page:
            assert page.status == 200  # a session needs no try


@pytest.fixture
async def story_on_console(tmp_path: Path) -> AsyncIterator[Story]:
    async with telling(tmp_path, CONFIG, "console") as found:
        yield found


async def test_only_a_trusted_proxy_is_believed(story: Story) -> None:
    by_ip = "{type: generic, auth: {ip: [192.0.2.0/24]}}"
    story.rewrite(lambda text: text.replace("{type: generic, auth: none}", by_ip))
    await story.app.reload()

    async def ask(*told: str) -> int:
        headers = [("X-Forwarded-For", one) for one in told]
        async with story.http.post("/webhooks/backups", json={"alertname": "A"}, headers=headers) as answer:
            return answer.status

    assert await ask("192.0.2.7") == await ask("192.0.2.7, 127.0.0.9") == await ask("10.0.0.1, 192.0.2.7:4711") == 200
    assert await ask("10.0.0.1", "192.0.2.7") == await ask("::ffff:192.0.2.7") == 200
    for made_up in ("192.0.2.7, 10.0.0.1", "192.0.2.7, nobody", "192.0.2.7,", "", "10.0.0.1"):
        assert await ask(made_up) == 403, made_up
    assert await ask() == 403
    story.rewrite(lambda text: text.replace("trusted_proxies: [127.0.0.0/8]", "trusted_proxies: [10.0.0.0/8]"))
    await story.app.reload()
    assert await ask("192.0.2.7") == 403


async def test_cookies_are_for_https_where_the_proxy_speaks_it(story_on_console: Story) -> None:
    http = story_on_console.http
    async with http.get("/signin", headers={"X-Forwarded-Proto": "https"}) as answer:
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-tocsin-form=") and "Secure" in cookie and "HttpOnly" in cookie
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    async with http.get("/signin", headers={"X-Forwarded-Proto": "https, http"}) as answer:
        assert "Secure" not in answer.headers["Set-Cookie"] and "Strict-Transport-Security" not in answer.headers


async def test_every_page_tells_browsers_to_be_careful(story_on_console: Story) -> None:
    story = story_on_console
    bearer = {"Authorization": "Bearer token-of-ana"}
    routes = {r.resource.canonical for r in story.app._server.app.router.routes() if r.method == "GET" and r.resource}
    assert len(routes) > 8
    for path in (*routes, "/nothing-here", "/incidents/1", "/incidents/{"):
        async with story.http.get(path.replace("{number}", "1"), headers=bearer, allow_redirects=False) as answer:
            assert answer.headers["X-Content-Type-Options"] == "nosniff", path
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'"), path
            assert answer.headers["Server"] == "Tocsin" and answer.headers["Cache-Control"], path


# --- Connections ----------------------------------------------------------------------------------------------------


Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[..., Awaitable[Line]]


@pytest.fixture
async def connect(story: Story) -> AsyncIterator[Connect]:
    """Opens connections that end with the test."""
    writers = []

    async def opened(sent: bytes = b"") -> Line:
        reader, writer = await asyncio.open_connection("127.0.0.1", story.app.port)
        writers.append(writer)
        writer.write(sent)
        await writer.drain()
        return reader, writer

    yield opened
    for writer in writers:
        writer.transport.abort()
    await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the server hangs up within 2 s."""
    try:
        async with asyncio.timeout(2):
            while await reader.read(65536):
                pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


async def test_a_head_that_dribbles_is_hung_up_on(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.door.HEAD_SECONDS", 0.2)
    silent, _ = await connect()
    reader, writer = await connect(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")

    async def dribble() -> None:
        while True:
            writer.write(b"X-A: b\r\n")
            await asyncio.sleep(0.05)

    dribbling = asyncio.create_task(dribble())
    try:
        assert await ended(silent) and await ended(reader)
    finally:
        dribbling.cancel()
    idle, _ = await connect(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await idle.readuntil(b"alive")
    await asyncio.sleep(0.3)  # the time of heads is over; the next request of the same connection may take its own
    assert not idle.at_eof()


async def test_an_answer_that_nobody_reads_is_given_up(story: Story, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.door.ANSWER_SECONDS", 0.2)
    asked = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    reader, _ = await connect()
    reader._transport.pause_reading()  # type: ignore[attr-defined]  # a client that does not read
    reader._transport.write(asked * 3000)  # type: ignore[attr-defined]
    dropped = story.app._server.server
    assert dropped
    before = len(dropped.connections)
    await until(lambda: _fewer(story, before), within=8.0)


async def _fewer(story: Story, before: int) -> bool:
    assert story.app._server.server
    return len(story.app._server.server.connections) < before


async def test_one_address_may_not_have_all_connections(story: Story, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is silent longest goes, so whoever opens hundreds only drives out their own."""
    story.rewrite(lambda text: text.replace("trusted_proxies: [127.0.0.0/8]", "trusted_proxies: []"))
    monkeypatch.setattr("bot.door.MOST_CONNECTIONS", 16)
    await story.restart()
    await story.fires("Before")  # the story's own connection, of the same address, and the latest heard of below
    opened = [await connect() for _ in range(3)]
    await story.fires("Between")
    opened += [await connect() for _ in range(3)]
    assert [await ended(reader) for reader, _ in opened[:3]] == [True] * 3
    assert not any(reader.at_eof() for reader, _ in opened[3:])
    await story.fires("After")


async def test_too_many_requests_at_once_come_again(story: Story, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.web.MOST_UNDER_WAY", 2)
    head = b"POST /webhooks/backups HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
    waiting = [await connect(head) for _ in range(2)]
    await until(lambda: _under_way(story, 2))
    async with story.http.get("/readyz") as answer:
        assert answer.status == 503 and answer.headers["Retry-After"] == "1" and "too many requests" in await answer.text()
    for _, writer in waiting:
        writer.close()
    await until(lambda: _under_way(story, 0))
    await story.fires("After")


async def _under_way(story: Story, count: int) -> bool:
    return story.app._drain.under_way == count


async def test_bodies_that_arrive_are_held_within_bounds(story: Story, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.gate.MOST_HELD", 300_000)
    head = b"POST /webhooks/backups HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    readers = [(await connect(head + b"x" * 200_000))[0] for _ in range(2)]
    answers = [asyncio.create_task(reader.readline()) for reader in readers]
    done, late = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED, timeout=5)
    assert done and done.pop().result().startswith(b"HTTP/1.1 503")
    for task in late:
        task.cancel()
    await story.fires("After")


async def test_refusals_beyond_a_rate_are_not_logged(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or strangers could fill the disk; the metric has them all."""
    monkeypatch.setattr("bot.web.LINES", 5.0)
    await story.restart()
    for _ in range(30):
        assert (await story.post("/webhooks/prometheus", {"alerts": []}, "wrong"))[0] in (401, 429)
    assert 5 <= len([entry for entry in story.logs if entry["event"] == "webhook_rejected"]) <= 8
    async with story.http.get("/metrics") as answer:
        text = await answer.text()
    assert 'tocsin_webhook_requests_total{source="prometheus",status="429"}' in text and "tocsin_wrong_tokens_total" in text
