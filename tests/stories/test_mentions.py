"""Whom a new card calls is the channel's policy: its post calls them once, no edit calls anybody, and no alert can."""

from __future__ import annotations

import pytest

from tests.stories.story import BASE, Story
from tests.stories.views_discord import ACCOUNTS

POLICY = "mention: {critical: [sre, ben], high: [ben]}, audience: [sre, dba, web]}\n  vault:"
CALLING = BASE.replace("audience: [sre, dba, web]}\n  vault:", POLICY)
ROLE = "165511591545143296"
OWN = {"slack": "slack_usergroup: S0SRE", "discord": f"discord_role: '{ROLE}'"}
SRE = {"slack": "!subteam^S0SRE", "discord": f"<@&{ROLE}>"}
BEN = {"slack": "@U02BEN", "discord": f"<@{ACCOUNTS['ben']}>"}
POST = {"slack": "chat.postMessage", "discord": "messages.create"}


@pytest.fixture(params=["slack", "discord"])
def chat(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def config(chat: str) -> str:
    return CALLING.replace("sre: {members: [ana],", f"sre: {{members: [ana], {OWN[chat]},")


@pytest.fixture
async def story(story: Story) -> Story:
    if story.discord:
        story.discord.role(ROLE, "sre", mentionable=True)
    return story


def called(story: Story) -> list[tuple[str, str]]:
    """(the call that said it, whom it called), oldest first."""
    platform = story.slack or story.discord
    assert platform
    return [(ping.by, ping.whom) for ping in platform.mentions()]


async def test_a_new_card_calls_whom_the_policy_names(story: Story, chat: str) -> None:
    await story.fires("PgDown", severity="critical", summary=f"<!channel> @here @everyone <@U02BEN> <@{ACCOUNTS['ben']}>")
    await story.shown()
    assert [whom for by, whom in called(story) if by == POST[chat]] == [SRE[chat], BEN[chat]]


async def test_by_severity_and_else_nobody(story: Story, chat: str) -> None:
    await story.fires("DiskSlow", severity="high")
    await story.shown()
    await story.fires("DiskFull", severity="warning")
    await story.shown()
    assert called(story) == [(POST[chat], BEN[chat])]


async def test_whoever_has_it_is_not_called_again(story: Story, chat: str) -> None:
    await story.fires("PgDown")
    await story.shown()
    assert (await story.command("ana", "ack 1")).ok
    await story.shown()
    assert {by for by, _ in called(story)} == {POST[chat]}


async def test_a_stub_calls_too_and_tells_nothing(story: Story, chat: str) -> None:
    """Who is on call must know that something fires, even where they may not read what."""
    await story.fires("Fraud", team="payments", summary="card 4711 leaked")
    await story.shown()
    assert [whom for _, whom in called(story)] == [SRE[chat], BEN[chat]]
    [card] = await story.view.cards("ops")
    assert card.stub and "4711" not in card.text
