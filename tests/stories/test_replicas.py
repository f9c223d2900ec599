"""Two replicas behind haproxy, killed in turn under load: no alert lost, no card twice, no command lost."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from tests.conftest import PROFILE
from tests.standins.faults import Fault
from tests.standins.httpchat import HttpChatServer, serving
from tests.stories.cluster import Cluster, cluster
from tests.stories.load import Load, check_commands
from tests.stories.test_chaos import FAULTS, QUICK, check_kept, check_shown, check_single
from tests.stories.until import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

KILLS, TERMS = (20, 10) if PROFILE == "nightly" else (4, 2)
AFTER_KILL, AFTER_TERM = 5.0, 1.0
"""Seconds within which another replica leads."""

Tell = Callable[[str, object], None]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[HttpChatServer, Cluster]]:
    async with AsyncExitStack() as stack:
        platform = HttpChatServer()
        url = await stack.enter_async_context(serving(platform.application()))
        yield platform, await stack.enter_async_context(cluster(tmp_path, f"{{type: httpchat, url: '{url}'}}", QUICK))


async def test_killed_in_turn_under_load(place: tuple[HttpChatServer, Cluster], seed: int, record_property: Tell) -> None:
    """Leader and follower in turn, each at any moment."""
    platform, both = place
    dice, took = random.Random(seed), list[float]()
    platform.break_with(*(msgspec.structs.replace(fault, seed=seed) for fault in FAULTS))
    load = Load(both.url, dice)
    running = asyncio.create_task(load.run())
    for turn in range(KILLS):
        leader = await both.leader()
        victim = both.other(leader) if turn % 2 else leader
        await asyncio.sleep(dice.uniform(0.3, 1.0))
        if victim is leader:
            took.append(await both.hands_over(victim, signal.SIGKILL))
            assert took[-1] < AFTER_KILL, told("kill -9 of the leader", took)
        await victim.kill()
        await asyncio.sleep(dice.uniform(0.1, 0.5))
        victim.start()
        await victim.ready()
        check_single(platform)
        assert not running.done(), running.exception()
    load.ending = True
    await running
    assert load.accepted > 50 * KILLS, f"only {load.accepted} alerts were accepted: this tested nothing"
    assert min(len(load.notes), len(load.acks), load.again) > 2 * KILLS, f"this tested nothing: {counted(load)}"
    assert {person for _, person in load.acks} == {"ana", "ben"}
    platform.break_with()
    one = await both.leader()
    await load.finish()
    await check_kept(one, load)
    await until(lambda: check_shown(one, platform), within=60, what="the latest state on every card")
    check_single(platform)
    await check_commands(both.other(one), load)
    record_property("tell", f"replicas: {told(f'{KILLS} kills; leaders', took)}; {counted(load)}, {len(platform.posts)} cards")


async def test_a_leader_that_is_told_to_stop_hands_over_at_once(
    place: tuple[HttpChatServer, Cluster], record_property: Tell
) -> None:
    """Both are replaced in turn, as in a rolling update."""
    platform, both = place
    platform.break_with(Fault("hang", op="post", seconds=0.05))
    load, took = Load(both.url, random.Random(0)), list[float]()
    running = asyncio.create_task(load.run())
    for _ in range(TERMS):
        leader = await both.leader()
        await asyncio.sleep(0.3)
        took.append(await both.hands_over(leader, signal.SIGTERM))
        assert took[-1] < AFTER_TERM, told("SIGTERM", took)
        assert await leader.ended() == 0
        leader.start()
        await leader.ready()
    load.ending = True
    await running
    await load.finish()
    await until(lambda: check_shown(both.replicas[0], platform), within=60, what="the latest state on every card")
    check_single(platform)
    await check_commands(both.replicas[1], load)
    record_property("tell", f"replicas: {told('SIGTERM', took)}; {counted(load)}")


def told(what: str, took: Sequence[float]) -> str:
    found = sorted(took)
    return f"{what}, {len(took)} hand-overs: {found[len(found) // 2]:.2f} s in the middle, {found[-1]:.2f} s at most"


def counted(load: Load) -> str:
    return f"{load.accepted} alerts accepted, {load.again} of them sent again, {len(load.acks)} acks, {len(load.notes)} notes"
