"""The dialogs of Silence and Note: nothing is muted that was not shown, nothing that was typed is lost, none needs our memory."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.chat import Invocation, Reply
from adapters.chats.discord import modals
from adapters.chats.discord.modals import CHANGE, CONFIRM, Draft, _asking, read_draft, silence_line, silence_view
from adapters.plain import clean
from rules.command import MOST_TEXT, Usage, parse
from tests.adapters.discord_site import ANA, BEN, DB, EVE, Site, site
from tests.standins import discord_markdown as markdown
from tests.standins.discord import Discord, Modal, Seen
from tests.standins.discord_forms import check_message, check_modal, inputs
from tests.standins.discord_state import Version


@pytest.fixture
async def place() -> AsyncIterator[Site]:
    async with Discord(rates=False) as discord, site(discord) as found:
        found.answers("Silence 3f9a for 2h. It mutes 1 firing alert now.")
        found.previews('It would mute 1 firing alert now: {a="b"}', matchers='{a="b"}')
        yield found


async def opened(place: Site, label: str = "Silence", user: str = ANA) -> Modal:
    card = await place.card()
    return await (await place.discord.press(DB, card.id, label, user=user)).modal()


async def pressed(place: Site, seen: Seen, label: str, user: str = ANA) -> Seen:
    """A button of an answer."""
    return await place.discord.press(DB, (await seen.reply()).id, label, user=user)


def first_value(modal: Modal, name: str) -> str:
    return next(str(one.get("value", "")) for _, one in inputs(modal.body["components"]) if one["custom_id"] == name)


def told(modal: Modal) -> str:
    return "\n".join(one["content"] for one in modal.body["components"] if one["type"] == 10)


# Silence


async def test_the_dialog_opens_with_what_it_would_mute(place: Site) -> None:
    modal = await opened(place)
    assert "It would mute 1 firing alert now" in told(modal) and first_value(modal, "matchers") == '{a="b"}'
    assert first_value(modal, "span") == "2h" and modal.title == "Silence alerts" and place.said == []


async def test_what_was_shown_is_done_when_it_is_sent(place: Site) -> None:
    seen = await place.discord.submit(await opened(place), {"For": "4h", "Reason": "disk swap"})
    assert seen.ephemeral and "It mutes 1 firing alert now." in seen.text
    assert place.desk.invocations == [Invocation("guild", ANA, 'silence {a="b"} for 4h disk swap', "db")]


async def test_what_was_changed_is_shown_once_more(place: Site) -> None:
    modal = await opened(place)
    place.previews("It would mute 7 firing alerts now.")
    seen = await place.discord.submit(modal, {"Alerts to mute": 'team="db"', "Reason": "disk swap\nsecond line"})
    assert "It would mute 7 firing alerts now." in seen.text and place.said == [] and seen.ephemeral
    assert place.discord.labels(await seen.reply()) == ["Silence", "Change"]
    await pressed(place, seen, "Silence")
    shown = await seen.reply()
    await place.discord.until(lambda: "It mutes 1 firing alert now." in place.discord.shown(shown))
    assert place.said == ['silence {team="db"} for 2h disk swap\nsecond line'] and not shown.embeds and not shown.components


async def test_two_fast_presses_are_one_silence(place: Site) -> None:
    seen = await place.discord.submit(await opened(place), {"Alerts to mute": 'team="db"'})
    await seen.reply()
    await asyncio.gather(*(pressed(place, seen, "Silence") for _ in range(3)))
    await place.discord.until(lambda: place.said)
    assert place.said == ['silence {team="db"} for 2h']


async def test_what_is_wrong_is_told_and_nothing_typed_is_lost(place: Site) -> None:
    fields = {"Alerts to mute": 'team="db" for 3d', "For": "soon", "Reason": "why  not\n\nindeed"}
    seen = await place.discord.submit(await opened(place), fields)
    assert "have their own fields" in seen.text and place.discord.labels(await seen.reply()) == ["Change"] and place.said == []
    modal = await (await pressed(place, seen, "Change")).modal()
    assert [first_value(modal, name) for name in ("matchers", "span", "reason")] == list(fields.values())
    seen = await place.discord.submit(modal, {"Alerts to mute": 'team="db"'})
    assert "not a duration" in seen.text
    modal = await (await pressed(place, seen, "Change")).modal()
    seen = await place.discord.submit(modal, {"For": "90m"})
    await pressed(place, seen, "Silence")
    await place.discord.until(lambda: place.said)
    assert place.said == ['silence {team="db"} for 1h30m why  not\n\nindeed']


async def test_all_of_it_survives_restarts(place: Site) -> None:
    modal = await opened(place)
    await place.restart()
    seen = await place.discord.submit(modal, {"Alerts to mute": 'team="db"'})
    await seen.reply()
    await place.restart()
    modal = await (await pressed(place, seen, "Change")).modal()
    await place.restart()
    seen = await place.discord.submit(modal, {"For": "1h"})
    await seen.reply()
    await place.restart()
    await pressed(place, seen, "Silence")
    await place.discord.until(lambda: place.said)
    assert place.said == ['silence {team="db"} for 1h']


async def test_what_the_desk_refuses_can_be_changed(place: Site) -> None:
    modal = await opened(place)
    place.previews("You may not silence this.", ok=False)
    seen = await place.discord.submit(modal, {"Alerts to mute": 'team="web"'})
    assert "⚠️ You may not silence this." in seen.text and place.discord.labels(await seen.reply()) == ["Change"]
    assert place.said == []


async def test_who_may_not_gets_a_word_and_no_dialog(place: Site) -> None:
    card = await place.card()
    place.previews("You may not silence this.", ok=False)
    seen = await place.discord.press(DB, card.id, "Silence", user=EVE)
    assert seen.text == "⚠️ You may not silence this." and seen.view is None and seen.ephemeral


async def test_a_slow_desk_does_not_miss_the_moment(place: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody could look at in time is shown before it is done."""
    assert modals.LOOK_FIRST <= 1.0
    monkeypatch.setattr(modals, "LOOK_FIRST", 0.2)
    place.discord.interactions.answer_within = 0.6
    place.previews("It would mute 7 firing alerts now.", after=0.8)
    modal = await opened(place)
    assert first_value(modal, "matchers") == "#42" and told(modal) == ""
    seen = await place.discord.submit(modal)
    assert "7 firing alerts" in place.discord.shown(await seen.reply()) and place.said == []
    await pressed(place, seen, "Silence")
    await place.discord.until(lambda: place.said)
    assert place.said == ["silence 42 for 2h"]


@pytest.mark.parametrize("matchers", ["", "{" + ", ".join(f'label{n}="{"x" * 50}"' for n in range(40)) + "}"])
async def test_matchers_too_long_for_the_field_are_named_by_their_incident(place: Site, matchers: str) -> None:
    place.previews(f"It would mute 1 firing alert now: {matchers}", matchers=matchers)
    assert first_value(await opened(place), "matchers") == "#42"


async def test_a_command_without_anything_asks_for_it(place: Site) -> None:
    modal = await (await place.discord.slash(ANA, DB, "silence")).modal()
    assert first_value(modal, "matchers") == "" and told(modal) == ""
    seen = await place.discord.submit(modal, {"Alerts to mute": 'team="db"'})
    await pressed(place, seen, "Silence")
    await place.discord.until(lambda: place.said)
    assert place.said == ['silence {team="db"} for 2h']


async def test_a_submission_that_arrives_twice_is_done_once(place: Site) -> None:
    await place.discord.submit(await opened(place))
    payload = list(place.discord.interactions.all.values())[-1].payload
    for _ in range(3):
        place.discord.world.tell("INTERACTION_CREATE", payload)
    await asyncio.sleep(0.1)
    assert len(place.said) == 1


async def test_a_lost_reply_opens_one_dialog(place: Site) -> None:
    place.discord.faults.html("interactions.callback", 502, times=1, keep=True)
    await place.discord.submit(await opened(place))
    assert len(place.said) == 1


HOSTILE = "@everyone <@80351110224678913> [click](http://evil) http://evil **x** `z` <t:0>"


async def test_a_preview_is_text_whatever_is_in_it(place: Site) -> None:
    place.previews(f"It would mute: {HOSTILE}\n```\n# {HOSTILE}", matchers='{a="b"}')
    modal = await opened(place)
    shown = Version(0.0, "", told(modal))
    assert markdown.markup(shown) == [] and markdown.addresses(shown) == []
    assert HOSTILE in markdown.shown(shown, place.discord.world)
    seen = await place.discord.submit(modal, {"Alerts to mute": f'a="{HOSTILE}"', "Reason": HOSTILE})
    assert (await seen.reply()).embeds[0]["footer"]["text"].count("@everyone") == 2
    only_ours = [("https://tocsin.example.com/incidents/42", "Open #42")]
    assert place.discord.mentions() == [] and place.discord.links() == only_ours
    assert [token for token in place.discord.markup() if "evil" in str(token) or "everyone" in str(token)] == []


# Note


async def test_a_note_from_the_dialog(place: Site) -> None:
    modal = await opened(place, "Note")
    assert modal.title == "Note on #42"
    await place.discord.submit(modal, {"Note": "7 replicas lag\nfor 2h"})
    assert place.said == ["note 42 -- 7 replicas lag\nfor 2h"]


async def test_a_command_without_its_note_asks_for_it(place: Site) -> None:
    modal = await (await place.discord.slash(BEN, DB, "note", {"incident": 42})).modal()
    await place.discord.submit(modal, {"Note": "x"})
    assert place.desk.invocations == [Invocation("guild", BEN, "note 42 -- x", "db")]


async def test_a_slow_command_is_no_timeout_of_the_dialog(place: Site) -> None:
    modal = await opened(place, "Note")
    place.discord.interactions.answer_within = 0.5
    place.answers("Noted on #42.", after=0.7)
    seen = await place.discord.submit(modal, {"Note": "x"})
    assert seen.acked and seen.text == "Noted on #42."


async def test_an_unknown_dialog_has_a_polite_word(place: Site) -> None:
    modal = await opened(place, "Note")
    modal.body["custom_id"] = "other:thing"
    seen = await place.discord.submit(modal, {"Note": "x"})
    assert "I do not know" in seen.text and place.said == []


async def test_closing_a_dialog_does_nothing(place: Site) -> None:
    place.discord.close_modal(await opened(place))
    assert place.said == [] and place.discord.ephemerals() == []


# What a draft means


@pytest.mark.parametrize(
    ("draft", "line"),
    [
        (Draft("#42"), "silence 42 for 2h"),
        (Draft("42", ""), "silence 42 for 2h"),
        (Draft("#42", "for 90m"), "silence 42 for 1h30m"),
        (Draft('team="db" env="prod"', "1D"), 'silence {team="db", env="prod"} for 1d'),
        (Draft('{team="db"}', "2h", "for 3 days"), 'silence {team="db"} for 2h -- for 3 days'),
    ],
)
def test_a_draft_makes_a_line(draft: Draft, line: str) -> None:
    assert silence_line(draft) == line and parse(line).verb == "silence"


@pytest.mark.parametrize(
    ("draft", "why"),
    [
        (Draft(""), "What should be silenced?"),
        (Draft("rubbish"), "Usage: silence"),
        (Draft('team=~".*"'), "also mute alerts that have none"),
        (Draft("#42 because"), "have their own fields"),
        (Draft("#42", "soon"), "is not a duration"),
        (Draft("#42", "0"), "longer than 0"),
        (Draft("#42", "99999y"), "out of range"),
        (Draft("#42", "2h", "x" * 5000), "characters"),
    ],
)
def test_what_is_wrong_with_a_draft_is_told(draft: Draft, why: str) -> None:
    with pytest.raises(Usage, match=re.escape(why)):
        silence_line(draft)


LINE = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=60).map(str.strip)


@given(LINE, LINE, st.text(max_size=200).map(lambda text: clean(text).strip()))
def test_a_draft_travels_in_small_print(matchers: str, span: str, reason: str) -> None:
    draft = Draft(matchers, span, reason)
    assert read_draft(str(draft)) == draft == read_draft(str(draft).strip())


@given(st.text(max_size=300), st.text(max_size=20), st.text(max_size=300))
def test_no_dialog_makes_another_command(matchers: str, span: str, reason: str) -> None:
    try:
        line = silence_line(Draft(matchers, span, reason))
    except Usage:
        return
    assert parse(line).verb == "silence" and parse(line).duration and len(line) <= MOST_TEXT


@given(st.text(max_size=1000), st.text(max_size=20), st.text(max_size=600), st.text(max_size=4000), st.booleans())
def test_dialogs_and_previews_fit_into_discord(matchers: str, span: str, reason: str, preview: str, ok: bool) -> None:
    draft = Draft(*(clean(text).strip() for text in (matchers, span, reason)))
    check_modal(silence_view(draft, preview, True))
    check_message(_asking(draft, Reply(preview, ok)))


@pytest.mark.parametrize("text", ["", "x", "tocsin · k3x9-17", "Alerts: a"])
def test_other_small_print_is_an_empty_draft(text: str) -> None:
    assert read_draft(text) == Draft()


def test_ids_are_none_of_the_grammar() -> None:
    for custom_id in (CONFIRM, CHANGE):
        with pytest.raises(Usage):
            parse(custom_id.removeprefix("tocsin:"))
