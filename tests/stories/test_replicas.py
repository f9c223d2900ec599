"""Two replicas behind haproxy, killed in turn under load: no alert lost, no card twice, no command lost."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import msgspec
import pytest

from tests.standins.faults import Fault
from tests.standins.httpchat import HttpChatServer, serving
from tests.stories.cluster import Cluster, cluster
from tests.stories.process import Process
from tests.stories.test_chaos import FAULTS, QUICK, Senders, check_kept, check_shown, check_single
from tests.stories.until import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

KILLS = 4 if os.environ.get("TOCSIN_TEST_PROFILE", "fast") == "fast" else 20
AFTER_KILL, AFTER_TERM = 5.0, 1.0
"""Seconds within which another replica leads."""


class Load(Senders):
    """Alerts that come and go, each told again until it is accepted, and notes by a person who does the same."""

    def __init__(self, url: str, dice: random.Random) -> None:
        super().__init__(url, dice)
        self.ending = False
        self.notes: list[str] = []

    async def run(self) -> None:
        await asyncio.gather(super().run(), self._write_notes())

    async def _send(self, http: aiohttp.ClientSession, keys: list[tuple[str, str]]) -> None:
        while not self.ending:
            some = self._dice.sample(keys, self._dice.randint(1, 3))
            while not await self._tell(http, some):  # noqa: ASYNC110 - the pace of a sender
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.01)

    async def _tell(self, http: aiohttp.ClientSession, keys: list[tuple[str, str]]) -> bool:
        try:
            return await super()._tell(http, keys)
        except AssertionError:  # haproxy's or a replica's 5xx
            return False

    async def _write_notes(self) -> None:
        async with aiohttp.ClientSession(self._url, headers={"Authorization": "Bearer token-of-ana"}) as http:
            while not self.ending:
                text = f"word {len(self.notes)}"
                while not await self._note(http, text):  # noqa: ASYNC110 - the pace of a person
                    await asyncio.sleep(0.05)
                self.notes.append(text)
                await asyncio.sleep(0.05)

    async def _note(self, http: aiohttp.ClientSession, text: str) -> bool:
        try:
            async with http.post("/api/v1/commands", json={"text": f"note 1 {text}"}) as answer:
                return answer.status == 200 and bool((await answer.json())["ok"])
        except aiohttp.ClientError:
            return False


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[HttpChatServer, Cluster]]:
    async with AsyncExitStack() as stack:
        platform = HttpChatServer()
        url = await stack.enter_async_context(serving(platform.application()))
        yield platform, await stack.enter_async_context(cluster(tmp_path, f"{{type: httpchat, url: '{url}'}}", QUICK))


async def test_killed_in_turn_under_load(place: tuple[HttpChatServer, Cluster], seed: int) -> None:
    platform, both = place
    dice = random.Random(seed)
    platform.break_with(*(msgspec.structs.replace(fault, seed=seed) for fault in FAULTS))
    load = Load(both.url, dice)
    running = asyncio.create_task(load.run())
    for turn in range(KILLS):
        leader = await both.leader()
        victim = both.other(leader) if turn % 2 else leader
        await asyncio.sleep(dice.uniform(0.3, 1.0))
        await victim.kill()
        took = await both.leads(both.other(victim), 20.0)
        assert took < AFTER_KILL, f"hand-over took {took:.2f} s"
        await asyncio.sleep(dice.uniform(0.1, 0.5))
        victim.start()
        await victim.ready()
        check_single(platform)
        assert not running.done(), running.exception()
    load.ending = True
    await running
    assert load.accepted > 50 * KILLS, f"only {load.accepted} alerts were accepted: this tested nothing"
    assert len(load.notes) > 2 * KILLS, f"only {len(load.notes)} notes were taken: this tested nothing"
    platform.break_with()
    one = await both.leader()
    await load.finish()
    await check_kept(one, load)
    await until(lambda: check_shown(one, platform), within=60, what="the latest state on every card")
    check_single(platform)
    await check_notes(both.other(one), load.notes)


async def test_a_leader_that_is_told_to_stop_hands_over_at_once(place: tuple[HttpChatServer, Cluster]) -> None:
    """Both are replaced in turn, as in a rolling update."""
    platform, both = place
    platform.break_with(Fault("hang", op="post", seconds=0.05))
    load = Load(both.url, random.Random(0))
    running = asyncio.create_task(load.run())
    for _ in range(2):
        leader = await both.leader()
        await asyncio.sleep(0.3)
        leader.tell(signal.SIGTERM)
        took = await both.leads(both.other(leader), 20.0)
        assert took < AFTER_TERM, f"hand-over took {took:.2f} s"
        assert await leader.ended() == 0
        leader.start()
        await leader.ready()
    load.ending = True
    await running
    await load.finish()
    await until(lambda: check_shown(both.replicas[0], platform), within=60, what="the latest state on every card")
    check_single(platform)


async def check_notes(process: Process, notes: list[str]) -> None:
    """Every note that was confirmed is in the timeline, whoever was killed then."""
    async with (
        aiohttp.ClientSession(process.url, headers={"Authorization": "Bearer token-of-ana"}) as http,
        http.get("/api/v1/incidents/1") as answer,
    ):
        assert answer.status == 200, await answer.text()
        said = msgspec.json.encode((await answer.json())["timeline"]).decode()
    missing = [note for note in notes if f'{note}"' not in said]
    assert not missing, f"confirmed and lost: {missing}"
