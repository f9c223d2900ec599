"""Buttons and menus: what is pressed does its line, on a card of any age, for whom the desk lets do it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from adapters.chat import Invocation, Reply
from adapters.chats.discord import answer
from tests.adapters.discord_site import ANA, BEN, DB, EVE, OPS, Site, a_card, site
from tests.standins.discord import Discord, Message
from tests.standins.discord_state import Version


@pytest.fixture
async def place() -> AsyncIterator[Site]:
    async with Discord(rates=False) as discord, site(discord) as found:
        yield found


@pytest.mark.parametrize("label", ["Ack", "Resolve"])
async def test_a_press_does_its_line_and_tells_only_who_pressed(place: Site, label: str) -> None:
    card = await place.card()
    seen = await place.discord.press(DB, card.id, label, user=ANA)
    assert seen.deferred and seen.ephemeral and seen.text == f"#42: {label.lower()} done"
    assert place.desk.invocations == [Invocation("guild", ANA, f"{label.lower()} 42", "db")]
    assert label not in place.discord.labels(card) and len(place.discord.messages(DB)) == 1


async def test_a_choice_of_the_menu_does_its_line(place: Site) -> None:
    card = await place.card()
    seen = await place.discord.choose(DB, card.id, "Snooze", "4 hours", user=ANA)
    assert place.said == ["snooze 42 for 4h"] and seen.text == "#42: snooze done"


async def test_a_card_from_before_a_restart_works(place: Site) -> None:
    card = await place.card()
    await place.restart()
    assert (await place.discord.press(DB, card.id, "Ack", user=ANA)).text == "#42: ack done"
    await place.discord.choose(DB, card.id, "Snooze", "1 hour", user=BEN)
    modal = await (await place.discord.press(DB, card.id, "Note", user=BEN)).modal()
    await place.restart()
    await place.discord.submit(modal, {"Note": "x"})
    assert place.said == ["ack 42", "snooze 42 for 1h", "note 42 -- x"]


async def test_a_button_that_is_gone_from_the_card_still_works(place: Site) -> None:
    """On somebody's screen the card may be an older one."""
    card = await place.card()
    await place.discord.press(DB, card.id, "Ack", user=ANA)
    assert (await place.discord.press(DB, card.id, "Ack", user=BEN, version=0)).acked
    assert place.said == ["ack 42", "ack 42"]


async def test_a_stranger_is_told_what_the_desk_says(place: Site) -> None:
    card = await place.card()
    place.answers("I do not know you.", ok=False)
    seen = await place.discord.press(DB, card.id, "Ack", user=EVE)
    assert seen.text == "⚠️ I do not know you." and place.desk.invocations[0].account == EVE


async def test_a_slow_database_is_no_failure(place: Site) -> None:
    card = await place.card()
    place.answers("done at last", after=0.8)
    place.discord.interactions.answer_within = 0.4
    seen = await place.discord.press(DB, card.id, "Ack", user=ANA)
    assert not seen.error and seen.text == "done at last"


@pytest.mark.parametrize("custom_id", ["other:thing", "tocsin:", "x", "tocsin"])
async def test_an_unknown_button_has_a_polite_word(place: Site, custom_id: str) -> None:
    message = _with_button(place, custom_id)
    seen = await place.discord.press(DB, message.id, "Old", user=ANA)
    assert "I do not know this button any more" in seen.text and seen.ephemeral and place.said == []


async def test_a_verb_of_another_version_is_the_desk_s_to_tell(place: Site) -> None:
    place.answers('I do not know "fly".', ok=False)
    seen = await place.discord.press(DB, _with_button(place, "tocsin:fly 42").id, "Old", user=ANA)
    assert place.said == ["fly 42"] and 'I do not know "fly".' in seen.text


async def test_a_press_that_arrives_twice_is_done_once(place: Site) -> None:
    card = await place.card()
    await place.discord.press(DB, card.id, "Ack", user=ANA)
    payload = list(place.discord.interactions.all.values())[-1].payload
    for _ in range(3):
        place.discord.world.tell("INTERACTION_CREATE", payload)
    await asyncio.sleep(0.1)
    assert place.said == ["ack 42"] and len(place.discord.ephemerals()) == 1


@pytest.mark.parametrize("fault", ["lose", "html", "reset", "cut"])
async def test_a_lost_reply_shows_nothing_twice(place: Site, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr(answer, "PAUSES", (0.05, 0.05))
    card = await place.card()
    place.answers("fine")
    for call in ("interactions.callback", "original.edit"):
        getattr(place.discord.faults, fault)(call, times=1)
    seen = await place.discord.press(DB, card.id, "Ack", user=ANA)
    assert seen.text == "fine" and place.said == ["ack 42"] and len(place.discord.ephemerals()) == 1


async def test_an_answer_waits_as_long_as_discord_asks(place: Site) -> None:
    card = await place.card()
    place.answers("fine")
    place.discord.faults.limit("original.edit", retry_after=0.6)
    began = time.monotonic()
    seen = await place.discord.press(DB, card.id, "Ack", user=ANA)
    assert seen.text == "fine" and time.monotonic() - began >= 0.6


async def test_an_answer_that_comes_after_the_token_s_life_is_not_sent(place: Site) -> None:
    """Discord would answer 401, as if the bot's own token were dead."""
    card = await place.card()

    async def late(_: Invocation) -> Reply:
        place.desk.clock += 16 * 60.0
        return Reply("fine")

    place.desk.on_command, place.discord.patience = late, 0.2
    await place.discord.press(DB, card.id, "Ack", user=ANA)
    assert place.said == ["ack 42"] and not place.discord.calls("original.edit")
    place.desk.clock -= 16 * 60.0
    place.answers("fine")
    assert (await place.discord.press(DB, card.id, "Resolve", user=ANA)).text == "fine"


async def test_many_press_at_once(place: Site) -> None:
    cards = [await place.card(a_card(number), "ops") for number in range(1, 6)]
    place.answers("fine", after=0.1)
    pressed = [place.discord.press(OPS, card.id, "Ack", user=user) for card in cards for user in (ANA, BEN, EVE)]
    seen = await asyncio.gather(*pressed)
    assert all(one.text == "fine" for one in seen) and len(place.said) == 15


def _with_button(place: Site, custom_id: str) -> Message:
    """A message of the bot from another time."""
    row = {"type": 1, "components": [{"type": 2, "style": 2, "label": "Old", "custom_id": custom_id}]}
    world = place.discord.world
    message = Message(world.new_id(), DB, world.bot, [Version(world.clock.now(), "", "old", components=[row])])
    world.keep(message)
    return message
