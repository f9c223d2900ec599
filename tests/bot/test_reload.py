"""The process and its signals: SIGHUP takes a config over or keeps the old (G7), SIGTERM lets what is under way end (G1)."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.stories.process import Process, free_port, open_slowly, told
from tests.stories.story import BASE, config_text
from tests.stories.until import until

TOKEN = {"Authorization": "Bearer token-of-prometheus"}


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    port = free_port()
    config = tmp_path / "config.yaml"
    config.write_text(config_text(tmp_path, "{type: console}", BASE, port))
    found = Process(config, port)
    found.start()
    try:
        await found.ready()
        yield found
    finally:
        found.end()
    found.check()


async def post(process: Process, path: str, name: str, headers: dict[str, str] | None = None) -> int:
    body = {"alerts": [{"status": "firing", "labels": {"alertname": name}}]}
    async with aiohttp.ClientSession(process.url) as http, http.post(path, json=body, headers=headers or TOKEN) as answer:
        return answer.status


async def get(process: Process, path: str) -> dict[str, object]:
    headers = {"Authorization": "Bearer token-of-ana"}
    async with aiohttp.ClientSession(process.url) as http, http.get(path, headers=headers) as answer:
        found: dict[str, object] = await answer.json()
        return found


async def titles(process: Process) -> set[str]:
    found = await get(process, "/api/v1/incidents?state=all&limit=1000")
    return {one["title"] for one in found["incidents"]}  # type: ignore[attr-defined]  # JSON


async def test_a_reload(process: Process) -> None:
    good = process.config.read_text()
    assert await post(process, "/webhooks/more", "A") == 404
    process.config.write_text(good.replace("  backups:", "  more: {type: alertmanager, auth: {bearer: another}}\n  backups:"))
    process.tell(signal.SIGHUP)
    await told(process, "reloaded")
    assert await post(process, "/webhooks/more", "A", {"Authorization": "Bearer another"}) == 200
    assert await titles(process) == {"A"}

    process.config.write_text(good.replace("channels: [ops]", "channels: [oops]").replace("auth: none", "auth: nonne"))
    process.tell(signal.SIGHUP)
    refused = await told(process, "reload_refused")
    assert "oops" in refused["reason"] and "config.yaml:" in refused["reason"] and "auth" in refused["reason"]
    assert await post(process, "/webhooks/more", "B", {"Authorization": "Bearer another"}) == 200
    body = await get(process, "/readyz")
    assert body["status"] == "degraded" and "oops" in str(body["degraded"])
    assert "TocsinConfigRefused" in str(await until(lambda: _own(process)))

    process.config.write_text("{")
    process.tell(signal.SIGHUP)
    await told(process, "reload_refused", 2)
    process.config.write_text(good.replace("chats: {work:", "chats: {second: {type: httpchat, url: 'http://127.0.0.1:1'}, work:"))
    process.tell(signal.SIGHUP)
    refused = await told(process, "reload_refused", 3)
    assert refused["reason"] == "`chats` changed: that needs a restart, and until then all stays as it was"
    process.config.write_text(good)
    process.tell(signal.SIGHUP)
    await told(process, "reloaded", 2)
    assert (await get(process, "/readyz"))["status"] == "ok"
    assert await post(process, "/webhooks/more", "C", {"Authorization": "Bearer another"}) == 404
    assert await post(process, "/webhooks/prometheus", "D") == 200


async def _own(process: Process) -> list[object]:
    found = await get(process, "/api/v1/incidents")
    return [one for one in found["incidents"] if "TocsinConfigRefused" in str(one)]  # type: ignore[attr-defined]  # JSON


async def test_sigterm_ends_what_is_under_way(process: Process) -> None:
    body = json.dumps({"alerts": [{"status": "firing", "labels": {"alertname": "Late"}}]}).encode()
    reader, writer = await open_slowly(process.url, "/webhooks/prometheus", TOKEN, len(body))
    writer.write(body[:10])
    await writer.drain()
    accepted: set[str] = set()
    senders = [asyncio.create_task(_send(process, n, accepted)) for n in range(8)]
    await until(lambda: _some(accepted, 20))
    process.tell(signal.SIGTERM)
    await told(process, "stopping")
    writer.write(body[10:])
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert await process.ended() == 0
    await asyncio.gather(*senders)
    process.start()
    await process.ready()
    assert accepted | {"Late"} <= await titles(process)


async def _some(accepted: set[str], count: int) -> bool:
    return len(accepted) >= count


async def _send(process: Process, sender: int, accepted: set[str]) -> None:
    """Sends alert after alert over one connection until nobody listens any more."""
    async with aiohttp.ClientSession(process.url, headers=TOKEN) as http:
        for n in range(10_000):
            name = f"A{sender}-{n}"
            try:
                alerts = [{"status": "firing", "labels": {"alertname": name}}]
                async with http.post("/webhooks/prometheus", json={"alerts": alerts}) as answer:
                    if answer.status == 200:
                        accepted.add(name)
            except aiohttp.ClientError:
                return


async def test_a_sender_that_dawdles_does_not_keep_it_from_stopping(process: Process) -> None:
    _, writer = await open_slowly(process.url, "/webhooks/prometheus", TOKEN, 1000)
    await asyncio.sleep(0.1)
    began = time.monotonic()
    process.tell(signal.SIGTERM)
    assert await process.ended() == 0
    writer.close()
    assert time.monotonic() - began < 8.0


async def test_a_second_process_on_the_same_file_is_refused(process: Process) -> None:
    port = free_port()
    other = process.config.with_name("other.yaml")
    other.write_text(process.config.read_text().replace(process.url.rpartition(":")[2], str(port), 1))
    second = Process(other, port)
    second.start()
    try:
        assert await second.ended() == 1
    finally:
        second.end()
    assert "is in use by another Tocsin" in second.logged("start_failed")[0]["reason"]


async def test_a_port_in_use_is_told(process: Process, tmp_path: Path) -> None:
    other = tmp_path / "other" / "config.yaml"
    other.parent.mkdir()
    other.write_text(process.config.read_text().replace(str(tmp_path), str(other.parent)))
    second = Process(other, 0)
    second.start()
    try:
        assert await second.ended() == 1
    finally:
        second.end()
    assert process.url.rpartition(":")[2] in second.logged("start_failed")[0]["reason"]
    second.check()
