"""A clock that is set, one hour forth or back: nobody waits longer, nothing is over for it, nothing is shown twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.leap import Leap
from tests.standins.faults import Fault
from tests.stories.story import BASE, Story
from tests.stories.telling import telling
from tests.stories.until import until

HOUR = 3600.0


def test_a_jump_is_noticed_once_and_what_keeps_a_clock_right_never() -> None:
    clock, ticks = [1000.0], [50.0]
    leap = Leap(lambda: clock[0], lambda: ticks[0])
    clock[0], ticks[0] = 1100.0, 150.0
    assert leap.taken() == 0.0
    for _ in range(10):
        clock[0] += 1.0
        assert leap.taken() == 0.0
    clock[0] -= HOUR
    assert leap.taken() == -HOUR
    assert leap.taken() == 0.0
    clock[0], ticks[0] = clock[0] + HOUR + 60.0, ticks[0] + 60.0
    assert leap.taken() == HOUR


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    async with telling(tmp_path, BASE) as found:
        yield found


async def noticed(story: Story, times: int = 1) -> None:
    """Waits until Tocsin saw that its clock was set."""
    story.app.wake()

    async def look() -> bool:
        return [entry["event"] for entry in story.logs].count("clock_jumped") == times

    await until(look)


async def test_what_waits_after_a_failure_waits_no_longer(story: Story) -> None:
    assert story.server
    story.server.break_with(Fault("status", op="post"))
    await story.fires("PgDown")

    async def failed() -> bool:
        return any(entry["event"] == "delivery_put_off" for entry in story.logs)

    await until(failed)
    story.jumps(-HOUR)
    await noticed(story)
    story.server.break_with()
    await story.fires("Other")
    await (await story.card(title="PgDown")).shows(within=10.0, state="firing")
    assert len(story.server.posts) == 2


async def test_set_back_while_nobody_looked(story: Story) -> None:
    """It was stopped meanwhile: rows tell that they wait for longer than anything may."""
    assert story.server
    story.server.break_with(Fault("status", op="post"))
    await story.fires("PgDown")

    async def failed() -> bool:
        return any(entry["event"] == "delivery_put_off" for entry in story.logs)

    await until(failed)
    await story.stop()
    story.jumps(-HOUR)
    story.server.break_with()
    await story.start()
    await (await story.card(title="PgDown")).shows(state="firing")


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
async def test_an_alert_that_fires_resolves_and_fires_again(story: Story, jump: float) -> None:
    """Its sender's clock is set as well, so that its end is before its start."""
    await story.fires("PgDown")
    card = await story.card()
    await card.shows(state="firing", closing=False)
    story.jumps(jump)
    await noticed(story)
    await story.resolves("PgDown")
    await card.shows(closing=True)
    await story.fires("PgDown")
    await card.shows(state="firing", closing=False)
    await story.resolves("PgDown")
    await card.shows(closing=True)
    await story.passes("31s")
    await card.shows(state="resolved")


async def test_quiet_before_its_clock_was_set_back(story: Story) -> None:
    """What is to close in a while closes then, not an hour later."""
    await story.fires("PgDown")
    card = await story.card()
    await story.resolves("PgDown")
    await card.shows(closing=True)
    story.jumps(-HOUR)
    await noticed(story)
    await story.passes("31s")
    await card.shows(state="resolved")


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
async def test_what_is_sent_again_does_not_expire(story: Story, jump: float) -> None:
    """Nor does what is not, before its sender had time to: five minutes. Then it is over, as ever."""
    for name in ("Told", "Gone"):
        assert (await story.post("/api/v2/alerts", [{"labels": {"alertname": name}}]))[0] == 200
        await story.card(title=name)
    told, gone = await story.card(title="Told"), await story.card(title="Gone")
    story.jumps(jump)
    await noticed(story)
    await story.passes("4m50s")
    await story.shown()
    await gone.shows(state="firing", closing=False)
    assert (await story.post("/api/v2/alerts", [{"labels": {"alertname": "Told"}}]))[0] == 200
    await story.passes("11s")
    if jump > 0:
        await gone.shows(closing=True)
    await told.shows(state="firing", closing=False)


async def test_an_alert_that_expired_before_its_clock_was_set_back_fires_again(story: Story) -> None:
    story.app._jobs.begin()
    assert (await story.post("/api/v2/alerts", [{"labels": {"alertname": "PgDown"}}]))[0] == 200
    card = await story.card(title="PgDown")
    await story.passes("5m1s")
    await card.shows(closing=True)
    story.jumps(-HOUR)
    await noticed(story)
    assert (await story.post("/api/v2/alerts", [{"labels": {"alertname": "PgDown"}}]))[0] == 200
    await card.shows(state="firing", closing=False)


async def test_a_silence_counts_by_the_clock(story: Story) -> None:
    """People were told until when, so it begins and ends then, whatever was set."""
    await story.fires("PgDown")
    card = await story.card()
    await story.command("ana", 'silence alertname="PgDown" 30m works')
    await card.shows(silenced=True)
    story.jumps(HOUR)
    await noticed(story)
    await card.shows(silenced=False)
    story.jumps(-HOUR)
    await noticed(story, 2)
    await card.shows(silenced=True)


async def test_a_channel_that_could_not_be_asked_is_asked_again(story: Story) -> None:
    assert story.server
    story.server.break_with(Fault("status", op="inspect"))
    story.app.standings.channel_changed("work", "vault")

    async def failed() -> bool:
        return any(entry["event"] == "channel_not_asked" for entry in story.logs)

    await until(failed)
    story.jumps(-HOUR)
    story.server.break_with()
    await story.fires("Fraud", team="payments")
    await (await story.card("vault")).shows(stub=False)
