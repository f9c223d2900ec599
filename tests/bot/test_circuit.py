"""A chat that is down: one call at a time asks for it, and all that waited goes out when it is back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.chat import DeliveryError, Failure
from bot.circuit import LONGEST, TRIES, Circuit
from rules.retry import SLOW
from tests.standins.faults import Fault
from tests.stories.story import BASE, Story
from tests.stories.telling import telling
from tests.stories.until import until

DOWN = DeliveryError(Failure.transient, "nobody there")


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    async with telling(tmp_path, BASE) as found:
        yield found


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def opened() -> tuple[Clock, Circuit]:
    clock = Clock()
    circuit = Circuit("work", clock)
    for card in range(TRIES):
        assert circuit.room(16) == 16
        circuit.failed(DOWN, card)
    return clock, circuit


def test_one_at_a_time_and_ever_more_rarely() -> None:
    clock, circuit = opened()
    pauses = []
    for _ in range(8):
        assert circuit.room(16) == 0
        circuit.failed(DOWN, 99)  # one that was under way
        pauses.append(circuit.wait())
        clock.now += circuit.wait() + 0.001
        assert circuit.room(16) == 1
        circuit.failed(DOWN, 99)
    assert pauses == pytest.approx([0.5, 1, 2, 4, 8, LONGEST, LONGEST, LONGEST])
    assert circuit.trouble == "nobody there"
    clock.now += LONGEST
    assert circuit.answered() and not circuit.answered()
    assert (circuit.room(16), circuit.trouble) == (16, "")


def test_a_chat_that_refuses_answers() -> None:
    _, circuit = opened()
    assert circuit.failed(DeliveryError(Failure.payload, "too long"), 1)
    assert circuit.room(16) == 16


def test_one_card_alone_is_no_outage() -> None:
    circuit = Circuit("work", Clock())
    for _ in range(3 * TRIES):
        circuit.failed(DOWN, 1)
    assert circuit.room(16) == 16  # it may be the card: others are not kept back by it
    circuit.failed(DOWN, 2)
    assert circuit.room(16) == 0


def test_dead_credentials_are_an_outage_at_once() -> None:
    circuit = Circuit("work", Clock())
    circuit.failed(DeliveryError(Failure.credentials, "the token is dead"), 1)
    assert circuit.room(16) == 0 and circuit.wait() == pytest.approx(SLOW)


def test_a_clock_that_jumps_keeps_nobody_waiting_for_longer() -> None:
    clock, circuit = opened()
    clock.now -= 3600.0
    assert circuit.wait() <= 0.5


async def test_no_flood_while_down_and_all_at_once_when_back(story: Story) -> None:
    assert story.server
    story.server.break_with(Fault("status", status=503))
    await story.accepts([story.alert(f"Down{n}", "high") for n in range(60)])

    async def tripped() -> bool:
        return bool((await story.get("/readyz"))["degraded"].get("chat work"))

    await until(tripped)
    before = len(story.heard)
    for _ in range(6):
        await story.passes("5m")  # whatever time passes, it is one call that asks
    assert len(story.heard) - before <= 7
    story.server.break_with()
    await story.passes("1m")
    await story.shown()
    assert len([post for post in story.server.posts.values() if not post.deleted]) == 60
    assert not await tripped()
