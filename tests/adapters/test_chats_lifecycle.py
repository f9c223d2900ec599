"""How every chat begins and ends: a platform that is down delays nothing, and nothing is left when it stops."""

from __future__ import annotations

import asyncio
import threading

import pytest

from adapters.chat import Chat, DeliveryError, Failure
from tests.adapters.chat_bench import Bench, Fault
from tests.adapters.chat_calls import calls, outcome, posted
from tests.adapters.chat_cards import a_card
from tests.stories.until import until


async def test_a_platform_that_is_down_delays_nothing(bench: Bench) -> None:
    """A chat starts without it, says so at each call, and works when it is back."""
    if Fault.unreachable in bench.cannot:
        return
    await bench.breaks(Fault.unreachable)
    chat = bench.build()
    async with asyncio.timeout(3.0):
        await chat.start()
    try:
        assert (await outcome(chat.post(bench.channels["ops"], a_card(), "k-1"))).failure == Failure.transient
        assert not [secret for secret in bench.secrets if secret in chat.trouble]
        await bench.mends()
        ref = await until(lambda: _tried(chat, bench), what="a post after the outage")
        assert await chat.find(bench.channels["ops"], "k-1") == ref
    finally:
        async with asyncio.timeout(3.0):
            await chat.stop()
    assert len(await bench.view.cards("ops")) == 1


async def _tried(chat: Chat, bench: Bench) -> str:
    try:
        return await chat.post(bench.channels["ops"], a_card(), "k-1")
    except DeliveryError as problem:
        raise AssertionError(problem.reason) from problem


@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
async def test_stop_leaves_nothing_behind(bench: Bench, up: bool) -> None:
    """No task, no thread; also of a chat that never started, and when it is said twice."""
    if not up and Fault.unreachable not in bench.cannot:
        await bench.breaks(Fault.unreachable)
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    await bench.build().stop()
    chat = bench.build()
    await chat.start()
    await outcome(chat.post(bench.channels["ops"], a_card(), "k-1"))
    async with asyncio.timeout(3.0):
        await chat.stop()
        await chat.stop()

    async def gone() -> bool:
        left = [*(asyncio.all_tasks() - tasks), *(set(threading.enumerate()) - threads)]
        assert not left, left
        return True

    await until(gone, what="the end of all tasks and threads")


async def test_a_chat_that_is_stopped_says_so(bench: Bench) -> None:
    ref = await posted(bench)
    await bench.chat.stop()
    told = {op: (await outcome(call())).failure for op, call in calls(bench, ref, "k-2").items()}
    assert set(told.values()) <= {None, Failure.transient}


async def test_nothing_is_wrong_while_all_is_well(bench: Bench) -> None:
    async def well() -> bool:
        return not bench.chat.trouble

    await until(well, what="a chat without trouble")
