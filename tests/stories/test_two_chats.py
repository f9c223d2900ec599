"""One incident in two chats: what is done in one shows in the other at once, and both tell who did it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

import pytest

from adapters.chat import Reply
from tests.standins.discord import Discord
from tests.standins.slack import Slack
from tests.stories import views_discord
from tests.stories.story import BASE, CardOf, Story
from tests.stories.until import until
from tests.stories.views_discord import DiscordView

SOON = 1.0
"""Seconds within which a person in the other chat sees it."""
DECK = f"deck: {{chat: guild, id: '{views_discord.CHANNELS['ops']}', clearance: internal, audience: [sre, dba, web]}}"
TWO = (
    BASE.replace("chats: {work: CHAT}", "chats: {work: CHAT, guild: SECOND}")
    .replace("channels:\n  ops:", f"channels:\n  {DECK}\n  ops:")
    .replace("  channels: [ops]", "  channels: [ops, deck]")
)


@pytest.fixture
def chat() -> str:
    return "slack and discord"


@pytest.fixture
def config() -> str:
    return TWO


def platforms(story: Story) -> tuple[Slack, Discord]:
    assert story.slack and story.discord
    return story.slack, story.discord


async def fired(story: Story) -> tuple[CardOf, CardOf]:
    """An incident and its two cards: in Slack, in Discord."""
    await story.fires("PgDown", summary="orders-db is down")
    here = await story.card("ops")
    there = CardOf(story, "ops", here.number, await DiscordView.of(platforms(story)[1]))
    await there.shows(state="firing", title="orders-db is down")
    return here, there


async def seconds(what: str, press: Awaitable[Reply], look: Awaitable[object]) -> float:
    """From the press until it is seen. Printed, to be read with `pytest -rP`."""
    began = time.monotonic()
    assert (await press).ok
    await look
    took = time.monotonic() - began
    print(f"{what}: {1000 * took:.0f} ms")  # noqa: T201  # the figure is what one asks this test for
    return took


async def test_what_is_done_in_one_shows_in_the_other(story: Story) -> None:
    here, there = await fired(story)
    acked = there.shows(state="acknowledged", who="Ana Petrova")
    noted = here.shows(note="it is the cable")
    resolved = here.shows(state="resolved", who="Ben Okafor")
    took = [
        await seconds("an ack in Slack shows in Discord after", here.press("Ack", by="ana"), acked),
        await seconds("a note in Discord shows in Slack after", there.press("Note", by="ben", rest="it is the cable"), noted),
        await seconds("a resolve in Discord shows in Slack after", there.press("Resolve", by="ben"), resolved),
    ]
    assert max(took) < SOON
    for card in (here, there):
        await card.shows(state="resolved", who="Ben Okafor", buttons={})
        await card.tells("acknowledged by Ana Petrova")
        await card.tells("it is the cable")
        await card.tells("resolved by Ben Okafor")
    assert [len(await card.view.cards("ops")) for card in (here, there)] == [1, 1]


async def test_both_press_at_once(story: Story) -> None:
    """Whoever comes last has it, in both chats; both threads name both."""
    here, there = await fired(story)
    replies = await asyncio.gather(here.press("Ack", by="ana"), there.press("Ack", by="ben"))
    assert all(reply.ok for reply in replies)
    changes = (await story.get("/api/v1/incidents/1"))["timeline"]
    last = [change["by"] for change in changes if change["change"] == "acknowledged"][-1]
    for card in (here, there):
        await card.shows(state="acknowledged", who={"ana": "Ana Petrova", "ben": "Ben Okafor"}[last])
        await card.tells("acknowledged by Ana Petrova")
        await card.tells("acknowledged by Ben Okafor")


@pytest.mark.parametrize("down", ["slack", "discord"])
async def test_one_chat_is_down(story: Story, down: str) -> None:
    """The other does not wait for it; the one that was down shows the latest when it is back."""
    slack, discord = platforms(story)
    here, there = await fired(story)
    broken: Slack | Discord = slack if down == "slack" else discord
    late, alive = (here, there) if down == "slack" else (there, here)
    await broken.down()
    acked = alive.shows(state="acknowledged", who="Ana Petrova")
    assert await seconds(f"an ack while {down} is down shows after", alive.press("Ack", by="ana"), acked) < SOON
    await late.shows(state="firing")
    await broken.up()
    await until(lambda: _caught_up(story), what="the latest state in both")
    await late.shows(state="acknowledged", who="Ana Petrova")
    await late.tells("acknowledged by Ana Petrova")
    await alive.tells("acknowledged by Ana Petrova")


async def _caught_up(story: Story) -> bool:
    await story.shown("1s")
    return True
