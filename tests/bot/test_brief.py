"""Answers that are made past aiohttp speak HTTP like all others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.bot.test_intake_web import HEAD
from tests.stories.story import Story
from tests.stories.telling import telling

BODY = json.dumps([{"labels": {"alertname": "Brief"}}])
POST = HEAD.replace("/webhooks/prometheus", "/api/v2/alerts")


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    async with telling(tmp_path) as found:
        yield found


def request(more: str = "", head: str = POST) -> bytes:
    return f"{head}{more}Content-Length: {len(BODY)}\n\n".replace("\n", "\r\n").encode() + BODY.encode()


async def exchange(story: Story, *sent: bytes, answers: int = 1) -> bytes:
    """What comes back, to the end of the connection or of so many heads."""
    reader, writer = await asyncio.open_connection("127.0.0.1", story.app.port)
    got = b""
    try:
        for part in sent:
            writer.write(part)
        async with asyncio.timeout(5):
            while got.count(b"\r\n\r\n") < answers and (more := await reader.read(65536)):
                got += more
        return got
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_brief_answer_is_whole(story: Story) -> None:
    """Two on one connection, sent at once: neither ends it."""
    got = await exchange(story, request(), request(), answers=2)
    for answer in got.decode().split("\r\n\r\n")[:2]:
        status, *lines = answer.split("\r\n")
        fields = dict(line.split(": ") for line in lines)
        assert status == "HTTP/1.1 200 OK" and fields["Content-Length"] == "0" and fields["Server"] == "Tocsin"
        assert abs(parsedate_to_datetime(fields["Date"]).timestamp() - story.now()) < 5
    await story.card("ops", "Brief")


@pytest.mark.parametrize(
    "sent", [request("Connection: close\n"), request(head=POST.replace("HTTP/1.1", "HTTP/1.0"))], ids=["close", "HTTP/1.0"]
)
async def test_who_wants_the_connection_closed_gets_that(story: Story, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", story.app.port)
    writer.write(sent)
    async with asyncio.timeout(5):
        assert (await reader.read()).split(b"\r\n")[0].endswith(b"200 OK")
    writer.close()
    await writer.wait_closed()


async def test_who_asks_before_the_body_is_answered(story: Story) -> None:
    """curl does, with a large body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", story.app.port)
    head, body = request("Expect: 100-continue\n").split(b"\r\n\r\n")
    writer.write(head + b"\r\n\r\n")
    async with asyncio.timeout(5):
        assert b" 100 " in await reader.readuntil(b"\r\n\r\n")
        writer.write(body)
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()


async def test_a_stop_ends_busy_connections(story: Story) -> None:
    """The answer says that the connection is over, or busy senders would keep Tocsin from stopping."""
    story.app._drain.ending = True
    assert b"Connection: close" in await exchange(story, request())
