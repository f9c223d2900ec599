"""Whatever arrives over HTTP: a refusal that names what is wrong, or an acceptance that holds; never a traceback (G1, G7)."""

from __future__ import annotations

import asyncio
import functools
import gzip
import io
import json
import logging
import resource
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection

from bot.store.engine import Store
from tests.stories.story import BASE, Story
from tests.stories.telling import telling
from tests.stories.until import until

HOOK, API, GENERIC = "/webhooks/prometheus", "/api/v2/alerts", "/webhooks/backups"
TOKEN, ANA = ({"Authorization": f"Bearer token-of-{name}"} for name in ("prometheus", "ana"))


@pytest.fixture
async def story(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Story]:
    async with telling(tmp_path, BASE) as found:
        yield found
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR], "the server logged an error"


class Case(NamedTuple):
    """`status`: what it may be answered with. `told`: what the reason must name, where it is refused."""

    path: str
    body: bytes
    status: tuple[int, ...]
    told: str = ""
    headers: dict[str, str] = TOKEN
    method: str = "POST"


def hook(**alert: Any) -> bytes:
    """A webhook with one alert."""
    return json.dumps({"alerts": [{"status": "firing", "labels": {"alertname": "Bad"}, **alert}]}).encode()


def api(**alert: Any) -> bytes:
    return json.dumps([{"labels": {"alertname": "Bad"}, **alert}]).encode()


CASES = {
    "empty": Case(HOOK, b"", (400,), "empty"),
    "half": Case(HOOK, b'{"alerts": [', (400,), "JSON"),
    "nonsense": Case(HOOK, b"help!", (400,), "JSON"),
    "a number": Case(API, b"7", (400,), "JSON"),
    "null": Case(HOOK, b"null", (400,), "JSON"),
    "not utf-8": Case(HOOK, b'{"alerts": [{"labels": {"a": "\xff\xfe"}}]}', (400,), "UTF-8"),
    "no alerts": Case(HOOK, b'{"alerts": []}', (200,)),
    "no alerts in the API": Case(API, b"[]", (200,)),
    "without alerts": Case(HOOK, b'{"version": "4"}', (400,), "alerts"),
    "alerts are text": Case(HOOK, b'{"alerts": "all"}', (400,), "alerts"),
    "an alert is a number": Case(HOOK, b'{"alerts": [1]}', (400,), "alerts[0]"),
    "no labels": Case(HOOK, hook(labels={}), (400,), "alerts[0].labels"),
    "labels missing": Case(API, b'[{"annotations": {}}]', (400,), "alerts[0].labels"),
    "labels are a list": Case(API, api(labels=["a"]), (400,), "alerts[0].labels"),
    "a label is a number": Case(HOOK, hook(labels={"alertname": 1}), (400,), "alerts[0].labels"),
    "a label is nested": Case(API, api(labels={"alertname": {"a": "b"}}), (400,), "alerts[0].labels"),
    "annotations are text": Case(HOOK, hook(annotations="no"), (400,), "alerts[0].annotations"),
    "an odd status": Case(HOOK, hook(status="burning"), (400,), "alerts[0].status"),
    "an odd start": Case(HOOK, hook(startsAt="yesterday"), (400,), "alerts[0].startsAt"),
    "an odd end": Case(API, api(endsAt="2026-13-45T00:00:00Z"), (400,), "alerts[0].endsAt"),
    "the year 9999": Case(API, api(startsAt="9999-12-31T23:59:59Z", endsAt="9999-12-31T23:59:59Z"), (200,)),
    "NaN": Case(HOOK, b'{"alerts": [{"status": "firing", "labels": {"alertname": NaN}}]}', (400,), "JSON"),
    "NaN elsewhere": Case(GENERIC, b'{"alertname": "Bad", "value": NaN}', (400,), "NaN"),
    "a key twice": Case(GENERIC, b'{"alertname": "A", "alertname": "B"}', (400,), "alertname"),
    "half a surrogate": Case(HOOK, rb'{"alerts": [{"status": "firing", "labels": {"a": "\ud800"}}]}', (200, 400), "labels"),
    "half a surrogate elsewhere": Case(GENERIC, rb'{"alertname": "Bad\udfff", "more": "\ud83d"}', (200, 400)),
    "control characters": Case(HOOK, hook(labels={"alertname": "a\u0000\u0007\u001b[31mb\u202e"}), (200, 400)),
    "a bare control character": Case(HOOK, b'{"alerts": [{"status": "firing", "labels": {"alertname": "a\x00b"}}]}', (200, 400)),
    "a label of 100,000 bytes": Case(HOOK, hook(labels={"alertname": "x" * 100_000}), (200, 400), "alerts[0].labels"),
    "an annotation of a million": Case(HOOK, hook(annotations={"summary": "x" * 1_000_000}), (200, 400)),
    "10,000 labels": Case(API, api(labels={f"l{n}": "x" for n in range(10_000)}), (200, 400), "alerts[0].labels"),
    "10 MB": Case(HOOK, hook(annotations={"summary": "x" * 10_000_000}), (413,), "max_body"),
    "bottomless": Case(HOOK, b"[" * 100_000, (400,), "nested"),
    "bottomless inside": Case(HOOK, b'{"alerts": [], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", (200, 400)),
    "a bottomless command": Case(
        "/api/v1/commands", b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", (400,), "", ANA
    ),
    "half a surrogate in a command": Case(
        "/api/v1/commands", rb'{"text": "note 1 \ud800"}', (200, 400), "", ANA
    ),
    "plain text": Case(HOOK, hook(), (200,), "", {**TOKEN, "Content-Type": "text/plain"}),
    "multipart": Case(GENERIC, b"--x", (415,), "multipart", {"Content-Type": "multipart/form-data; boundary=x"}),
    "an odd type": Case(HOOK, hook(), (200, 400, 415), "", {**TOKEN, "Content-Type": ";;;\t=%%charset=klingon"}),
    "gzip": Case(HOOK, gzip.compress(hook()), (200,), "", {**TOKEN, "Content-Encoding": "gzip"}),
    "broken gzip": Case(HOOK, b"\x1f\x8b not so", (400,), "", {**TOKEN, "Content-Encoding": "gzip"}),
    "a gzip bomb": Case(HOOK, gzip.compress(b"[" + b" " * 80_000_000), (400, 413), "", {**TOKEN, "Content-Encoding": "gzip"}),
    "no token": Case(HOOK, hook(), (401,), "Authorization", {}),
    "a wrong token": Case(HOOK, b"{", (401,), "Authorization", {"Authorization": "Bearer wrong"}),
    "a wrong token at the API": Case(API, api(), (401,), "Authorization", {"Authorization": "Bearer wrong"}),
    "a token of bytes": Case(HOOK, hook(), (401,), "Authorization", {"Authorization": "Bearer \xfc\xff"}),
    "a person's token": Case(HOOK, hook(), (401,), "Authorization", {"Authorization": "Bearer token-of-ana"}),
    "an unknown source": Case("/webhooks/nagios", hook(), (404,), "prometheus, backups"),
    "no source": Case("/webhooks/", hook(), (404,)),
    "an odd source": Case("/webhooks/%00%2e%2e%2f", hook(), (404,)),
    "GET": Case(HOOK, b"", (400,), "the body is empty", method="GET"),
    "PATCH": Case(HOOK, b"", (405,), "send POST, PUT, GET", method="PATCH"),
    "DELETE": Case(API, b"", (405,), method="DELETE"),
}


@pytest.mark.parametrize("name", CASES)
async def test_bad_input(story: Story, name: str) -> None:
    case = CASES[name]
    headers = {**case.headers, "Connection": "close"}  # after a broken body the server hangs up anyway
    async with story.http.request(case.method, case.path, data=io.BytesIO(case.body), headers=headers) as answer:
        told = await answer.text()
    assert answer.status in case.status, told
    if answer.status != 200:
        assert case.told in told and "Traceback" not in told and len(told) < 2000, told
        assert "token-of" not in told
    await story.fires("Good")
    card = await story.card("ops", "Good")
    await card.shows(state="firing")
    await story.shown()


async def test_the_good_neighbours_of_a_bad_alert_are_kept(story: Story) -> None:
    alerts = [story.alert("Good1"), {"status": "firing", "labels": {"alertname": 1}}, story.alert("Good2"), 7]
    status, answer = await story.post(HOOK, {"alerts": alerts})
    assert status == 200 and "alerts[1].labels" in answer and "alerts[3]" in answer
    status, answer = await story.post(API, [{"labels": {"alertname": "Good3"}}, {"labels": []}])
    assert status == 400 and "alerts[1].labels" in answer  # as Alertmanager does: told, and the good one kept
    await until(lambda: _count(story, 3))


async def _count(story: Story, count: int) -> bool:
    return len(await story.view.cards("ops")) == count


async def test_many_distinct_values_are_kept_within_bounds(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source gone mad: every alert has another value. What is remembered of it in memory is bounded, and the card too."""
    monkeypatch.setattr("bot.known.MOST", 1000)
    await story.fires("Mad", pod="warm")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for start in range(0, 8000, 1000):
        labels = [{"alertname": "Mad", "cluster": "eu1", "pod": f"{start + n}"} for n in range(1000)]
        await story.accepts([{"status": "firing", "labels": one} for one in labels])
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert len(story.app.intake._known["prometheus"]) <= 1000 and grown < 150, f"{grown:.0f} MB more"
    await story.passes("10s")
    card = await story.card("ops")
    seen = await card.shows(state="firing", text='"total":8001')
    assert len(seen.text) < 20_000


async def raw(story: Story, head: str, *chunks: bytes, pause: float = 0.0) -> bytes:
    """Sends bytes as they are, chunk by chunk, and returns what is answered. Ends the connection after the last chunk."""
    reader, writer = await asyncio.open_connection("127.0.0.1", story.app.port)
    try:
        writer.write(head.replace("\n", "\r\n").encode())
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(65536), 10)
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


HEAD = f"POST {HOOK} HTTP/1.1\nHost: x\nAuthorization: Bearer token-of-prometheus\n"


async def test_a_body_in_slow_chunks_is_taken(story: Story) -> None:
    body = hook(labels={"alertname": "Slow"})
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (body[n : n + 20] for n in range(0, len(body), 20))]
    answer = await raw(story, HEAD + "Transfer-Encoding: chunked\n\n", *chunks, b"0\r\n\r\n", pause=0.02)
    assert answer.startswith(b"HTTP/1.1 200")
    await story.card("ops", "Slow")


async def test_a_sender_that_dawdles_is_told(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.reading.BODY_SECONDS", 0.2)
    answer = await raw(story, HEAD + "Content-Length: 1000\n\n", b"{")
    assert answer.startswith(b"HTTP/1.1 408") and b"did not arrive" in answer


async def test_a_chunked_body_without_end_is_cut_off(story: Story) -> None:
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    try:
        answer = await raw(story, HEAD + "Transfer-Encoding: chunked\n\n", *[chunk] * 80)
    except ConnectionError:
        answer = b"HTTP/1.1 413"  # hung up on, which says it too
    assert answer.startswith(b"HTTP/1.1 413")
    await story.fires("Good")


@pytest.mark.parametrize(
    "head",
    ["GARBAGE\n\n", "POST / HTTP/9.9\n\n", f"{HEAD}Content-Length: -5\n\n", f"{HEAD}X: {'x' * 100_000}\n\n",
     f"{HEAD}Bad header\n\n", f"{HEAD}Content-Length: 3\nTransfer-Encoding: chunked\n\n"],
    ids=lambda head: head[-40:].strip()[-20:],
)  # fmt: skip
async def test_broken_http(story: Story, head: str) -> None:
    answer = await raw(story, head)
    assert answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.0 4"), answer
    await story.fires("Good")


async def test_a_sender_that_hangs_up_leaves_nothing_behind(story: Story) -> None:
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", story.app.port)
        writer.write((HEAD + "Content-Length: 1000\n\n{").replace("\n", "\r\n").encode())
        await writer.drain()
        writer.transport.abort()
    await story.fires("Good")
    await story.card("ops", "Good")


async def test_more_than_its_rate_is_refused(story: Story) -> None:
    story.rewrite(lambda text: text.replace("{type: generic, auth: none}", "{type: generic, auth: none, rate: 5}"))
    await story.restart()
    answers = [await story.post(GENERIC, {"alertname": f"A{n}"}) for n in range(10)]
    assert [status for status, _ in answers[:5]] == [200] * 5
    refused = [text for status, text in answers if status == 429]
    assert len(refused) >= 4 and "`rate` of source backups" in refused[0]


async def test_a_locked_database_acknowledges_nothing(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "open", functools.partial(Store.open, busy_seconds=0.3))
    await story.restart()
    await story.fires("Before")
    await story.card("ops", "Before")
    other = sqlite3.connect(story.path.parent / "tocsin.db")
    try:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        alert = story.alert("During")
        status, told = await story.post(HOOK, {"alerts": [alert]})
        assert status == 503 and "try again" in told and time.monotonic() - began < 5
        async with story.http.get("/readyz") as answer:
            assert answer.status == 503 and "locked" in await answer.text()
        reply = await story.order("ana", "ack 1")
        assert not reply["ok"] and "nothing was changed" in reply["text"]
    finally:
        other.rollback()
        other.close()
    assert [one["title"] for one in (await story.get("/api/v1/incidents"))["incidents"]] == ["Before"]
    async with story.http.get("/readyz") as answer:
        assert answer.status == 200
    await story.accepts([alert])
    await story.card("ops", "During")


async def test_a_full_disk_acknowledges_nothing(story: Story) -> None:
    """The file may not grow: SQLite says that the disk is full, as it does when it is."""
    await story.fires("Before")
    await story.card("ops", "Before")
    await story.shown()
    await _limit_pages(story, 1)  # SQLite takes it as: no more than there are
    big = [story.alert(f"Big{n}", summary="x" * 4000) for n in range(100)]
    status, told = await story.post(HOOK, {"alerts": big})
    assert status == 503 and "nothing was accepted" in told
    assert [one["title"] for one in (await story.get("/api/v1/incidents"))["incidents"]] == ["Before"]
    await _limit_pages(story, 1_000_000)
    await story.accepts(big)
    await story.shown()
    assert len(await story.view.cards("ops")) == 101


async def _limit_pages(story: Story, pages: int) -> None:
    def limit(conn: Connection, items: Sequence[None]) -> Sequence[None]:
        conn.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        return items

    await story.app.store.write(limit, None)
