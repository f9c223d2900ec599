"""Incidents in Discord: what only Discord has, with the real discord.py at its gateway."""

from __future__ import annotations

import asyncio
import time

import pytest

from adapters.chats.discord.embed import RESOLVED
from tests.standins.discord import Discord, Message
from tests.stories.story import CardOf, Story
from tests.stories.until import until
from tests.stories.views_discord import ACCOUNTS, CHANNELS

ANA, BEN, CLEO, EVE = (ACCOUNTS[name] for name in ("ana", "ben", "cleo", "eve"))
OPS, VAULT = CHANNELS["ops"], CHANNELS["vault"]


@pytest.fixture
def chat() -> str:
    return "discord"


def platform(story: Story) -> Discord:
    assert story.discord
    return story.discord


def message(story: Story, card: CardOf) -> Message:
    """The one that shows the card, which is the only one in its channel."""
    [found] = platform(story).messages(CHANNELS[card.channel])
    return found


async def fired(story: Story) -> tuple[Discord, CardOf, Message]:
    """An incident, its card and the message that shows it."""
    await story.fires("PgDown", summary="orders-db is down")
    card = await story.card()
    return platform(story), card, message(story, card)


async def test_a_night(story: Story) -> None:
    discord, card, shown = await fired(story)
    await card.shows(state="firing", severity="critical", title="orders-db is down")
    offered = await discord.autocomplete(BEN, OPS, "ack", "incident", "")
    assert [(one["value"], "orders-db is down" in one["name"]) for one in offered.choices] == [(1, True)]
    typed = await discord.slash(ANA, OPS, "ack", {"incident": 1, "note": "on it"})
    assert (typed.text, typed.deferred, typed.ephemeral) == ("#1 is acknowledged by Ana Petrova.", True, True)
    await card.shows(state="acknowledged", who="Ana Petrova", note="on it")
    await card.tells("acknowledged by Ana Petrova: on it")

    note = await (await discord.press(OPS, shown.id, "Note", user=BEN)).modal()
    assert "Noted on #1" in (await discord.submit(note, {"Note": "it is the cable"})).text
    await card.shows(note="it is the cable")
    silence = await (await discord.press(OPS, shown.id, "Silence", user=ANA)).modal()
    assert "It would mute 1 firing alert now" in str(silence.body)
    done = await discord.submit(silence, {"Reason": "disk swap"})
    assert "It mutes 1 firing alert now." in done.text
    await card.shows(state="acknowledged", silenced=True)

    await story.resolves("PgDown")
    await story.passes("31s")
    await card.shows(state="resolved", buttons={})
    assert message(story, card) is shown and shown.embeds[0]["color"] == RESOLVED
    assert {version.by for version in shown.versions[1:]} == {"messages.edit"}
    assert not discord.mentions()


async def test_what_would_be_muted_is_shown_before_it_is(story: Story) -> None:
    """A dialog of Discord cannot change while it is open: other matchers are shown once more."""
    discord, card, shown = await fired(story)
    modal = await (await discord.press(OPS, shown.id, "Silence", user=ANA)).modal()
    asked = await discord.submit(modal, {"Alerts to mute": 'severity="critical"', "Reason": "swap"})
    assert "It would mute 1 firing alert now" in asked.text
    await card.shows(silenced=False)
    again = await (await discord.press(OPS, asked.replies[0].id, "Change", user=ANA)).modal()
    refused = await discord.submit(again, {"Alerts to mute": "rubbish"})
    assert "matchers" in refused.text and "Silence" not in discord.labels(refused.replies[0])
    await discord.press(OPS, asked.replies[0].id, "Silence", user=ANA)
    await discord.until(lambda: "It mutes 1 firing alert now." in discord.shown(asked.replies[0]))
    await card.shows(silenced=True)


async def test_two_people_press_ack_at_once(story: Story) -> None:
    discord, card, shown = await fired(story)
    both = await asyncio.gather(*(discord.press(OPS, shown.id, "Ack", user=user, version=0) for user in (ANA, BEN)))
    assert ["Ana Petrova" in both[0].text, "Ben Okafor" in both[1].text] == [True, True]
    entries = (await story.get("/api/v1/incidents/1"))["timeline"]
    acks = [entry["by"] for entry in entries if entry["change"] == "acknowledged"]
    assert sorted(acks) == ["ana", "ben"]
    await card.shows(state="acknowledged", who={"ana": "Ana Petrova", "ben": "Ben Okafor"}[acks[-1]])
    await card.tells("acknowledged by Ana Petrova")
    await card.tells("acknowledged by Ben Okafor")


async def test_a_stranger(story: Story) -> None:
    discord, card, shown = await fired(story)
    whats = [await discord.press(OPS, shown.id, label, user=EVE) for label in ("Ack", "Silence", "Note")]
    whats += [await discord.slash(EVE, OPS, "tocsin", {"command": line}) for line in ("incidents", "whoami", "ack 1")]
    for seen in whats:
        assert "I do not know you" in seen.text and "Ask sre to add you" in seen.text and "PgDown" not in seen.text
        assert seen.ephemeral and seen.view is None
    assert not (await discord.autocomplete(EVE, OPS, "ack", "incident", "")).choices
    await card.shows(state="firing", who="")


async def test_a_restart_between_card_and_click(story: Story) -> None:
    discord, card, shown = await fired(story)
    modal = await (await discord.press(OPS, shown.id, "Note", user=ANA)).modal()
    await story.restart()
    assert (await card.press("Ack", by="ben")).text == "#1 is acknowledged by Ben Okafor."
    assert "Noted on #1" in (await discord.submit(modal, {"Note": "it is the cable"})).text
    await card.shows(state="acknowledged", who="Ben Okafor", note="it is the cable")
    assert message(story, card) is shown


async def test_a_click_on_a_card_of_yesterday(story: Story) -> None:
    """Discord limits edits of messages older than an hour on their own; one at a time they still go through."""
    discord, card, shown = await fired(story)
    await story.passes("25h")
    await card.tells("reminder: 1 alert still firing")
    assert (await discord.press(OPS, shown.id, "Ack", user=BEN, version=0)).text == "#1 is acknowledged by Ben Okafor."
    await card.shows(state="acknowledged", who="Ben Okafor")
    assert (await discord.choose(OPS, shown.id, "Snooze", "1 hour", user=BEN)).text.startswith("#1 is snoozed for 1h")
    await card.shows(snoozed=True)
    await story.resolves("PgDown")
    await story.passes("31s")
    await card.shows(state="resolved")
    late = await discord.press(OPS, shown.id, "Resolve", user=ANA, version=0)
    assert late.text == "#1 is resolved. It was so already."
    assert message(story, card) is shown


async def test_an_outage_of_the_gateway(story: Story) -> None:
    """Cards go on; what people press is refused by Discord itself until Tocsin is back, which is soon after the outage."""
    discord, card, shown = await fired(story)
    discord.gateway.refuse(503)
    discord.gateway.drop(forget=True)
    assert (await discord.press(OPS, shown.id, "Ack", user=ANA)).error == "This interaction failed"
    await story.resolves("PgDown")
    await story.passes("31s")
    await card.shows(state="resolved")
    await story.fires("Other")
    other = await story.card(title="Other")
    assert await until(lambda: _told(story), what="/readyz tells of it")
    discord.gateway.recover()
    began = time.monotonic()
    await discord.connected(within=10.0)
    assert time.monotonic() - began < 10.0
    await other.press("Ack")
    await other.shows(state="acknowledged", who="Ana Petrova")


async def _told(story: Story) -> bool:
    async with story.http.get("/readyz") as answer:
        told = await answer.text()
        assert "gateway" in told, told
        return answer.status == 200


async def test_a_person_deletes_the_card(story: Story) -> None:
    discord, _, shown = await fired(story)
    discord.delete_message(OPS, shown.id)
    assert (await story.command("ana", "ack 1")).ok
    again = await story.card()
    await again.shows(state="acknowledged", who="Ana Petrova")
    assert message(story, again).id != shown.id
    assert (await again.press("Resolve", by="ben")).ok
    await again.shows(state="resolved", who="Ben Okafor")
    await story.restart()
    await story.shown()
    assert message(story, again)


async def test_what_is_delivered_twice_runs_once(story: Story) -> None:
    discord, card, shown = await fired(story)
    modal = await (await discord.press(OPS, shown.id, "Note", user=ANA)).modal()
    first = await discord.submit(modal, {"Note": "by dialog"})
    second = await discord.slash(BEN, OPS, "note", {"incident": 1, "note": "by command"})
    for seen in (first, second):
        discord.world.tell("INTERACTION_CREATE", seen.interaction.payload)
    await discord.slash(CLEO, OPS, "incidents")  # behind all of these
    entries = (await story.get("/api/v1/incidents/1"))["timeline"]
    assert [entry["text"] for entry in entries if entry["by"]] == ["by dialog", "by command"]
    assert len(discord.ephemerals()) == 3
    await card.tells("by dialog")
    await card.tells("by command")


@pytest.mark.parametrize("lost", ["messages.create", "messages.edit", "threads.create"])
async def test_an_answer_is_lost(story: Story, lost: str) -> None:
    """Discord did it, but nobody heard so: still one card, and each thing is told once."""
    discord = platform(story)
    fault = discord.faults.lose(lost, times=2)
    _, card, shown = await fired(story)
    await card.press("Ack")
    await until(lambda: _behind(story, "1s"))
    await card.shows(state="acknowledged", who="Ana Petrova")
    await card.tells("acknowledged by Ana Petrova")
    assert fault.struck and message(story, card) is shown


async def _behind(story: Story, step: str) -> bool:
    await story.shown(step)
    return True


async def test_a_command_typed_in_the_thread(story: Story) -> None:
    discord, card, shown = await fired(story)
    await card.press("Note", by="ben", rest="look here")
    await card.tells("look here")
    typed = await discord.slash(ANA, shown.id, "ack", {"incident": 1})
    assert typed.text == "#1 is acknowledged by Ana Petrova."
    await card.shows(state="acknowledged", who="Ana Petrova")


@pytest.mark.parametrize("way", ["overwrite", "role"])
async def test_somebody_comes_who_is_not_cleared(story: Story, way: str) -> None:
    """By a permission of the channel, or by a role of the server that sees every channel."""
    discord = platform(story)
    await story.fires("Fraud", summary="kestrel-7731 leaks", team="payments")
    card = await story.card("vault")
    await card.shows(stub=False, title="kestrel-7731 leaks")
    if way == "role":
        discord.role("165511591545143297", "helper", ["ADMINISTRATOR"])
        discord.give(CLEO, "165511591545143297")
    else:
        discord.overwrite(VAULT, CLEO, allow=["VIEW_CHANNEL"])
    await story.passes("61s")
    assert (await story.command("ana", "ack 1 kestrel-7731")).ok
    seen = await card.shows(stub=True, state="acknowledged", buttons={})
    assert "kestrel" not in seen.text and not await card.thread()
    asked = await discord.slash(CLEO, VAULT, "incident", {"incident": 1})
    assert "There is no incident #1 that you may see" in asked.text
    offered = (await discord.autocomplete(CLEO, VAULT, "ack", "incident", "")).choices
    assert 1 not in [choice["value"] for choice in offered] and "kestrel" not in str(offered)
