"""When chats are asked who can read a channel, and what counts meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rules.standing import Why
from tests.standins.faults import Fault
from tests.standins.httpchat import Facts
from tests.stories.story import Story
from tests.stories.telling import telling
from tests.stories.until import until


@pytest.fixture
def chat() -> str:
    return "httpchat"


@pytest.fixture
async def story(tmp_path: Path, chat: str) -> AsyncIterator[Story]:
    async with telling(tmp_path, chat=chat) as found:
        yield found


def clearance(story: Story, channel: str = "vault") -> str | None:
    return story.app.standings.of(channel).clearance


async def trusted(story: Story) -> bool:
    return clearance(story) == "restricted"


def asked(story: Story) -> int:
    return sum(call.method == "GET" and call.path == "/channels/vault" for call in story.heard)


async def test_only_channels_that_need_it_are_asked_and_only_when_it_is_time(story: Story) -> None:
    await until(lambda: trusted(story))
    assert {call.path for call in story.heard if call.path.startswith("/channels/")} == {"/channels/vault"}
    assert (asked(story), clearance(story, "ops"), clearance(story, "nowhere")) == (1, "internal", None)
    await story.passes("4m")
    story.app.standings.wake()
    await asyncio.sleep(0.1)
    assert asked(story) == 1
    await story.passes("1m1s")
    story.app.standings.wake()
    await until(lambda: so(asked(story) == 2))
    assert clearance(story) == "restricted"


async def so(fact: bool) -> bool:
    return fact


async def test_at_rest_nothing_is_done(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    await until(lambda: trusted(story))
    await asyncio.sleep(0.1)
    turns: list[None] = []
    monkeypatch.setattr(story.app.standings, "_settled", lambda: turns.append(None))
    await asyncio.sleep(0.5)
    assert len(turns) <= 1


async def test_an_answer_that_something_overtook_does_not_count(story: Story) -> None:
    """Somebody joins while the platform says who is there: it may have looked before."""
    assert story.server
    await until(lambda: trusted(story))
    story.server.break_with(Fault("delay", op="inspect", seconds=0.2, times=2))
    before = asked(story)
    story.app.standings.channel_changed("work", "vault")
    assert clearance(story) == "internal"
    await asyncio.sleep(0.1)
    story.app.standings.channel_changed("work", "vault")
    await until(lambda: so(asked(story) == before + 1))
    assert clearance(story) == "internal"
    await until(lambda: trusted(story))
    assert asked(story) == before + 2


async def test_an_event_of_another_channel_changes_nothing(story: Story) -> None:
    await until(lambda: trusted(story))
    story.app.standings.channel_changed("work", "ops")
    story.app.standings.channel_changed("nowhere")
    assert clearance(story) == "restricted"
    story.app.standings.channel_changed("work")
    assert [breach.kind for breach in story.app.standings.of("vault").breaches] == [Why.changed]


async def test_a_channel_that_the_chat_does_not_know_any_more_is_not_trusted(story: Story) -> None:
    assert story.server
    await until(lambda: trusted(story))
    story.server.break_with(Fault("status", op="inspect", status=404))
    await story.passes("5m1s")
    story.app.standings.wake()
    await until(lambda: so(clearance(story) == "internal"))


@pytest.mark.parametrize("status", [401, 500, 503])
async def test_a_chat_that_fails_is_believed_as_long_as_its_word_counts(story: Story, status: int) -> None:
    assert story.server
    await until(lambda: trusted(story))
    story.server.break_with(Fault("status", op="inspect", status=status))
    await story.passes("9m50s")
    story.app.standings.wake()
    await until(lambda: so(asked(story) > 1))
    assert clearance(story) == "restricted"
    await story.passes("10s")
    assert [breach.kind for breach in story.app.standings.of("vault").breaches] == [Why.stale]
    assert clearance(story) == "internal"


async def test_a_clock_that_was_set_back_makes_no_answer_younger(story: Story) -> None:
    await until(lambda: trusted(story))
    story.offset -= 3600.0
    assert clearance(story) == "internal"
    await until(lambda: trusted(story))


async def test_another_channel_under_the_same_name_is_unknown(story: Story) -> None:
    assert story.server
    await until(lambda: trusted(story))
    story.server.facts["other"] = Facts(private=False)
    story.rewrite(lambda text: text.replace("id: vault", "id: other"))
    assert await story.app.reload()
    assert clearance(story) == "internal"
    await until(lambda: so(Why.not_private in [breach.kind for breach in story.app.standings.of("vault").breaches]))


async def test_an_audience_that_the_config_makes_smaller_counts_at_once(story: Story) -> None:
    await story.view.lets_in("ana", "vault")
    await until(lambda: trusted(story))
    story.rewrite(lambda text: text.replace("clearance: restricted, audience: [sre]", "clearance: restricted, audience: [web]"))
    assert await story.app.reload()
    assert clearance(story) == "internal"


@pytest.mark.parametrize("chat", ["slack"])
async def test_what_a_deaf_chat_did_not_hear_is_asked_for(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.standings.LONGEST_SLEEP", 0.05)
    assert story.slack
    await until(lambda: trusted(story))
    story.app.standings.wake()
    story.slack.sockets.refuse()
    story.slack.sockets.drop()
    await until(lambda: so(bool(story.app._chats["work"].trouble)))
    story.slack.workspace.channels["C0VAULT"].members.append("U03CLEO")
    await asyncio.sleep(0.2)
    story.slack.sockets.accept()
    await until(lambda: so(clearance(story) == "internal"))
    await until(lambda: so(Why.outsider in [breach.kind for breach in story.app.standings.of("vault").breaches]))
