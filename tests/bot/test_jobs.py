"""What comes due with time, on the clock of the story."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store import incidents
from tests.stories.story import BASE, Story
from tests.stories.telling import telling
from tests.stories.until import until


@pytest.fixture
def config() -> str:
    return BASE


@pytest.fixture
async def story(config: str, tmp_path: Path) -> AsyncIterator[Story]:
    async with telling(tmp_path, config) as found:
        yield found


async def test_what_came_due_while_it_was_down_is_done_at_the_start(story: Story) -> None:
    await story.fires("PgDown")
    card = await story.card()
    await story.command("ana", "ack 1 for 2h")
    await card.shows(state="acknowledged")
    await story.stop()
    await story.passes("3h")
    await story.start()
    await card.shows(state="firing", who="")
    await card.tells("the acknowledgement by Ana Petrova ended")


async def test_a_longer_repeat_interval_is_taken_over(story: Story) -> None:
    """What was due at the old time is not, and is not looked at again and again until it is."""
    await story.fires("PgDown")
    card = await story.card()
    story.rewrite(lambda text: text.replace("repeat_interval: 4h", "repeat_interval: 8h"))
    assert await story.app.reload()
    await story.passes("4h1m")
    assert await until(lambda: _next_due_in(story, 3.5 * 3600))
    before = time.process_time()
    await asyncio.sleep(0.3)
    assert time.process_time() - before < 0.2, "it spins"
    assert await card.thread() == []
    await story.passes("4h")
    await card.tells("reminder")


async def _next_due_in(story: Story, seconds: float) -> bool:
    return await story.app.store.read(incidents.next_due) > story.now() + seconds


@pytest.mark.parametrize("config", [BASE.replace("repeat_interval: 4h", "repeat_interval: 9999h")])
async def test_hundreds_due_at_once_do_not_keep_a_webhook_waiting(story: Story) -> None:
    for start in range(0, 900, 300):
        await story.accepts([story.alert(f"A{start + n}", "low") for n in range(300)])
    for start in range(0, 900, 300):
        await story.accepts([{**story.alert(f"A{start + n}", "low"), "status": "resolved"} for n in range(300)])
    await story.passes("31s")
    slowest = 0.0
    for n in range(20):
        began = time.perf_counter()
        await story.fires(f"During{n}")
        slowest = max(slowest, time.perf_counter() - began)
    await until(lambda: _open(story, 20))
    assert slowest < 1.0, f"a webhook waited {slowest:.2f} s"
    await story.shown(step="10s")


async def _open(story: Story, count: int) -> bool:
    return len((await story.get("/api/v1/incidents?limit=1000"))["incidents"]) == count


async def test_after_a_start_nothing_expires_before_its_sender_had_time_to_speak(story: Story) -> None:
    """Re-sent alerts cost no row write: what the row says is older than what was promised."""
    labels = {"alertname": "PgDown", "severity": "critical"}
    gone = {"alertname": "Gone", "severity": "critical"}
    await story.post("/api/v2/alerts", [{"labels": labels}, {"labels": gone}])
    card, other = await story.card(title="PgDown"), await story.card(title="Gone")
    await story.stop()
    await story.passes("20m")
    await story.start()
    await story.passes("4m50s")
    assert (await story.post("/api/v2/alerts", [{"labels": labels}]))[0] == 200
    await story.fires("Now")
    await story.card(title="Now")
    await card.shows(state="firing", closing=False)
    await other.shows(state="firing", closing=False)
    await story.passes("20s")
    await other.shows(closing=True)
    await card.shows(state="firing", closing=False)


async def test_an_expired_alert_that_comes_again_is_news(story: Story) -> None:
    await story.passes("6m")
    for _ in range(2):
        assert (await story.post("/api/v2/alerts", [{"labels": {"alertname": "PgDown"}}]))[0] == 200
        card = await story.card(title="PgDown")  # the admins may hear that channels are asked again after so long
        await card.shows(state="firing", closing=False)
        await story.passes("5m1s")
        await card.shows(closing=True)


async def test_a_clock_that_jumps_back_loses_nothing(story: Story) -> None:
    await story.fires("PgDown")
    card = await story.card()
    await story.command("ana", "ack 1 for 10m")
    story.offset -= 7200
    story.app.wake()
    await story.fires("Other")
    await story.card(title="Other")
    await story.passes("2h11m")
    await card.shows(state="firing", who="")


async def test_jobs_go_on_after_the_database_was_locked(story: Story) -> None:
    await story.fires("PgDown")
    card = await story.card()
    await story.command("ana", "ack 1 for 1h")
    await story.shown()
    other = sqlite3.connect(story.path.parent / "tocsin.db")
    try:
        other.execute("BEGIN EXCLUSIVE")
        await story.passes("61m")
        await until(lambda: _logged(story, "jobs_wait_for_store"), within=20)
    finally:
        other.rollback()
        other.close()
    await card.shows(state="firing", who="")


async def _logged(story: Story, event: str) -> bool:
    return any(entry["event"] == event for entry in story.logs)
