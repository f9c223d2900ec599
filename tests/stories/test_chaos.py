"""kill -9 at any moment loses nothing that got a 2xx, and leaves each incident one card with its latest state (G1, G2)."""

from __future__ import annotations

import asyncio
import os
import random
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.standins.faults import Fault
from tests.standins.httpchat import HttpChatServer, serving
from tests.stories.process import Process, free_port
from tests.stories.story import BASE, config_text, iso
from tests.stories.until import until

KILLS = 50 if os.environ.get("TOCSIN_TEST_PROFILE", "fast") == "fast" else 500
GROUPS, EACH, SENDERS = 24, 2, 4
LONGEST_LIFE = 0.6
"""Seconds from being ready to the kill, at most. One kill in five comes earlier, while it starts."""

QUICK = (
    BASE.replace("group_interval: 10s", "group_interval: 20ms")
    .replace("resolve_after: 30s", "resolve_after: 50ms")
    .replace("reopen_within: 10m", "reopen_within: 0s")  # so that there is always a new card to post
)
FAULTS = (
    Fault("hang", op="post", seconds=0.05),  # the card is there long before its post is answered
    Fault("delay", op="update", seconds=0.01),
    Fault("lose", op="update", p=0.05),
    Fault("lose", op="reply", p=0.05),
    Fault("status", status=500, p=0.02),
)


class Sent(msgspec.Struct):
    """What an alert's sender knows: the state it last told with success, and one it may or may not have told."""

    firing: bool = False
    trying: bool | None = None
    began: str = ""
    known: bool = False


class Senders:
    """Alerts that come and go, each told again until it is accepted, as Alertmanager does."""

    def __init__(self, url: str, dice: random.Random) -> None:
        self._url, self._dice = url, dice
        self.alerts = {(f"Group{g}", f"host{n}"): Sent() for g in range(GROUPS) for n in range(EACH)}
        self.accepted = 0

    async def run(self) -> None:
        """Until the other side is gone."""
        keys = list(self.alerts)
        async with aiohttp.ClientSession(self._url, headers={"Authorization": "Bearer token-of-prometheus"}) as http:
            await asyncio.gather(*(self._send(http, keys[n::SENDERS]) for n in range(SENDERS)))

    async def finish(self) -> None:
        """Tells again what was left open."""
        keys = [key for key, sent in self.alerts.items() if sent.trying is not None]
        async with aiohttp.ClientSession(self._url, headers={"Authorization": "Bearer token-of-prometheus"}) as http:
            for key in keys:
                assert await self._tell(http, [key])

    async def _send(self, http: aiohttp.ClientSession, keys: list[tuple[str, str]]) -> None:
        while await self._tell(http, self._dice.sample(keys, self._dice.randint(1, 3))):  # noqa: ASYNC110 - the pace of a sender
            await asyncio.sleep(0.01)

    async def _tell(self, http: aiohttp.ClientSession, keys: list[tuple[str, str]]) -> bool:
        """One request; False when it was not answered."""
        for key in keys:
            sent = self.alerts[key]
            if sent.trying is None:
                sent.trying = not sent.firing
                sent.began = iso(time.time()) if sent.trying else sent.began
        try:
            async with http.post("/webhooks/prometheus", json={"alerts": [self._alert(key) for key in keys]}) as answer:
                assert answer.status == 200, await answer.text()
        except (aiohttp.ClientError, ConnectionError):
            return False
        self.accepted += len(keys)
        for key in keys:
            sent = self.alerts[key]
            sent.firing, sent.trying, sent.known = bool(sent.trying), None, True
        return True

    def _alert(self, key: tuple[str, str]) -> dict[str, Any]:
        sent = self.alerts[key]
        labels = {"alertname": key[0], "instance": key[1], "severity": "high"}
        state = {"status": "firing"} if sent.trying else {"status": "resolved", "endsAt": iso(time.time())}
        return {**state, "labels": labels, "startsAt": sent.began}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[tuple[HttpChatServer, Process]]:
    async with AsyncExitStack() as stack:
        found = HttpChatServer()
        url = await stack.enter_async_context(serving(found.application()))
        port = free_port()
        config = tmp_path / "config.yaml"
        config.write_text(config_text(tmp_path, f"{{type: httpchat, url: '{url}'}}", QUICK, port))
        process = Process(config, port)
        try:
            yield found, process
        finally:
            process.end()
        process.check()


@pytest.mark.timeout(600)  # 50 starts of a process: a minute where nothing else runs
async def test_killed_again_and_again(server: tuple[HttpChatServer, Process], seed: int) -> None:
    platform, process = server
    dice = random.Random(seed)
    platform.break_with(*(msgspec.structs.replace(fault, seed=seed) for fault in FAULTS))
    senders = Senders(process.url, dice)
    for _ in range(KILLS):
        process.start()
        if dice.random() < 0.2:
            await asyncio.sleep(dice.uniform(0.0, 1.0))
        else:
            await process.ready()
            await check_kept(process, senders)
            check_single(platform)
            sending = asyncio.create_task(senders.run())
            await asyncio.sleep(dice.uniform(0.0, LONGEST_LIFE))
            await process.kill()
            await sending
        await process.kill()
    assert senders.accepted > 20 * KILLS, f"only {senders.accepted} alerts were accepted: this tested nothing"
    platform.break_with()
    process.start()
    await process.ready()
    await check_kept(process, senders)
    await senders.finish()
    await until(lambda: check_shown(process, platform), within=40, what="the latest state on every card")
    check_single(platform)


async def incidents(process: Process) -> list[dict[str, Any]]:
    headers = {"Authorization": "Bearer token-of-ana"}
    async with (
        aiohttp.ClientSession(process.url, headers=headers) as http,
        http.get("/api/v1/incidents?state=all&limit=1000") as answer,
    ):
        assert answer.status == 200, await answer.text()
        found: list[dict[str, Any]] = (await answer.json())["incidents"]
        return found


async def check_kept(process: Process, senders: Senders) -> None:
    """Every alert that got a 2xx is there, as it was last accepted."""
    states: dict[tuple[str, str], str] = {}
    for one in sorted(await incidents(process), key=lambda one: one["number"]):
        states |= {(a["labels"]["alertname"], a["labels"]["instance"]): a["state"] for a in one["alerts"]}
    for key, sent in senders.alerts.items():
        if sent.known and sent.trying is None:
            wanted = "firing" if sent.firing else "resolved"
            assert states.get(key) == wanted, f"{key}: accepted {sent}, found {states.get(key)}"
        elif sent.known:
            assert key in states, f"{key} is gone"


def check_single(platform: HttpChatServer) -> None:
    numbers = [post.shown["number"] for post in platform.posts.values() if not post.shown["storm"]]
    twice = {number for number in numbers if numbers.count(number) > 1}
    assert not twice, f"posted more than once: {twice}"


async def check_shown(process: Process, platform: HttpChatServer) -> bool:
    """Each incident has its card, and that shows what the API says. What came and went before it could be shown may share one."""
    shown = [post.shown for post in platform.posts.values()]
    cards = {card["number"]: card for card in shown if not card["storm"]}
    found = await incidents(process)
    check_shared(set(range(1, found[0]["number"] + 1)) - set(cards), [card for card in shown if card["storm"]])
    for one in found:
        firing = sum(alert["state"] == "firing" for alert in one["alerts"])
        if not (card := cards.get(one["number"])):
            assert (one["state"], firing) == ("resolved", 0), one
            continue
        wanted = (one["state"], firing, len(one["alerts"]))
        assert (card["state"], card["firing"], card["total"]) == wanted, (card, one["deliveries"])
        assert one["state"] == "resolved" or firing or card["closing"]
    return not any(card["closing"] for card in cards.values())


def check_shared(missing: set[int], shared: list[dict[str, Any]]) -> None:
    """Whether these incidents are on cards that many share, which name the worst and count the rest."""
    named = {int(number) for card in shared for line in card["lines"] for number in re.findall(r"^#(\d+) ", line["text"])}
    counted = sum(card["more"] for card in shared)
    assert len(missing - named) <= counted, f"no card: {sorted(missing - named)}, and only {counted} that are counted"
