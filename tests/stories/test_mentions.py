"""Whom a new card calls is the channel's policy: its post calls them once, no edit calls anybody, and no alert can."""

from __future__ import annotations

import pytest

from tests.standins.slack import Slack
from tests.stories.story import BASE, Story

POLICY = "mention: {critical: [sre, ben], high: [ben]}, audience: [sre, dba, web]}\n  vault:"
CALLING = BASE.replace("audience: [sre, dba, web]}\n  vault:", POLICY).replace(
    "sre: {members: [ana],", "sre: {members: [ana], slack_usergroup: S0SRE,"
)


@pytest.fixture
def chat() -> str:
    return "slack"


@pytest.fixture
def config() -> str:
    return CALLING


def called(story: Story) -> list[tuple[str, str]]:
    """(the call that said it, whom it called), oldest first."""
    assert isinstance(story.slack, Slack)
    return [(ping.by, ping.whom) for ping in story.slack.mentions()]


async def test_a_new_card_calls_whom_the_policy_names(story: Story) -> None:
    await story.fires("PgDown", severity="critical", summary="<!channel> @here <@U02BEN>")
    await story.shown()
    assert [whom for by, whom in called(story) if by == "chat.postMessage"] == ["!subteam^S0SRE", "@U02BEN"]


async def test_by_severity_and_else_nobody(story: Story) -> None:
    await story.fires("DiskSlow", severity="high")
    await story.shown()
    await story.fires("DiskFull", severity="warning")
    await story.shown()
    assert called(story) == [("chat.postMessage", "@U02BEN")]


async def test_whoever_has_it_is_not_called_again(story: Story) -> None:
    await story.fires("PgDown")
    await story.shown()
    assert (await story.command("ana", "ack 1")).ok
    await story.shown()
    assert {by for by, _ in called(story)} == {"chat.postMessage"}


async def test_a_stub_calls_too_and_tells_nothing(story: Story) -> None:
    """Who is on call must know that something fires, even where they may not read what."""
    await story.fires("Fraud", team="payments", summary="card 4711 leaked")
    await story.shown()
    assert [whom for _, whom in called(story)] == ["!subteam^S0SRE", "@U02BEN"]
    assert isinstance(story.slack, Slack)
    assert "4711" not in str([message.last for message in story.slack.messages("C0OPS")])
