"""Slash commands: options that make the line of the one grammar, answered privately, in time whatever the database does."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.chat import Invocation, Reply, ThreadNote
from adapters.chats.discord.commands import FURTHER, definitions
from adapters.chats.discord.slash import line_of, typed
from rules.channel import Channel
from rules.command import VERBS, Usage, parse
from tests.adapters.discord_site import ANA, CHANNELS, DB, ELSE, EVE, Site, site
from tests.standins.discord import Discord


@pytest.fixture
async def place() -> AsyncIterator[Site]:
    async with Discord(rates=False) as discord, site(discord) as found:
        yield found


def options(**given: Any) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in given.items()]


@pytest.mark.parametrize(
    ("name", "given", "line"),
    [
        ("ack", options(incident=42), "ack 42"),
        ("ack", options(incident=42, note="on it"), "ack 42 on it"),
        ("ack", options(note="on it", incident=42), "ack 42 on it"),
        ("ack", options(incident=42, others="43, #44", duration="2h"), "ack 42 43 44 for 2h"),
        ("ack", options(incident=42, duration="for 90m", note="7 replicas lag"), "ack 42 for 1h30m -- 7 replicas lag"),
        ("ack", options(incident=42, note="for 2 hours"), "ack 42 -- for 2 hours"),
        ("ack", options(incident=42, note="-- x"), "ack 42 -- -- x"),
        ("unack", options(incident=42), "unack 42"),
        ("snooze", options(incident=42), "snooze 42 for 1h"),
        ("snooze", options(incident=42, duration="1d"), "snooze 42 for 1d"),
        ("assign", options(incident=42, person="@ana"), "assign 42 @ana"),
        ("assign", options(incident=42, person="ana"), "assign 42 @ana"),
        ("assign", options(incident=42, person=f"<@{ANA}>"), f"assign 42 @{ANA}"),
        ("assign", options(incident=42, person=f"<@!{ANA}>"), f"assign 42 @{ANA}"),
        ("note", options(incident=42, note="see <#417719> <:fire:77> <@&7>"), "note 42 see #417719 :fire: @7"),
        ("silence", options(incident=42), "silence 42 for 2h"),
        ("silence", options(matchers='team="db"', duration="1d", reason="disk swap"), 'silence {team="db"} for 1d disk swap'),
        ("silence", options(matchers='{team="db"}', incident=42), 'silence 42 {team="db"}'),
        ("silences", [], "silences"),
        ("unsilence", options(silence="3f9a"), "unsilence 3f9a"),
        ("incidents", [], "incidents open"),
        ("incidents", options(matchers='team="db"', scope="all"), 'incidents all {team="db"}'),
        ("incident", options(incident=42), "incident 42"),
        ("why", options(incident=42), "why 42"),
        ("whoami", [], "whoami"),
        ("reveal", options(incident=42, reason="for 2 hours"), "reveal 42 -- for 2 hours"),
        ("approve", options(request="7"), "approve 7"),
        ("deny", options(request="7", reason="not now"), "deny 7 not now"),
        ("help", options(verb="ack"), "help ack"),
        ("help", [], "help"),
        ("tocsin", options(command="ack 42 on it"), "ack 42 on it"),
        ("tocsin", [], ""),
        ("unheard-of", [], "unheard-of"),
    ],
)
def test_options_make_the_line(name: str, given: list[dict[str, Any]], line: str) -> None:
    assert line_of(name, given) == line


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_a_command_that_says_all_that_its_line_can_say(verb: str) -> None:
    """Each example of the grammar, written with options, is the same command again."""
    known = {option["name"] for one in definitions() if one["name"] == verb for option in one["options"]}
    for example in VERBS[verb].examples:
        command = parse(example)
        given: dict[str, Any] = {"scope": command.scope, "silence": command.silence, "verb": command.topic}
        given |= {"incident": next(iter(command.numbers), None), FURTHER: " ".join(map(str, command.numbers[1:]))}
        text = next((arg.name for arg in VERBS[verb].args if arg.kind == "text"), "")
        given |= {"person": command.person, text: command.text, "request": str(command.request or "")}
        given |= {"matchers": ", ".join(map(str, command.matchers))}
        given |= {"duration": f"{command.duration:g}s" if command.duration else ""}
        said_so = {name: value for name, value in given.items() if value}
        assert said_so.keys() <= known and parse(line_of(verb, options(**said_so))) == command


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("ack", options(incident=42, duration="soon"), "not a duration"),
        ("ack", options(incident=42, duration="2h -- x"), "not a duration"),
        ("ack", options(incident=42, others="43 and 44"), "no list of incidents"),
        ("silence", options(matchers='team="db" 4d', duration="2h"), "I cannot read the matchers"),
        ("silence", options(matchers="rubbish"), "I cannot read the matchers"),
        ("incidents", options(matchers='team="'), "I cannot read the matchers"),
    ],
)
async def test_what_is_no_such_thing_is_never_taken_for_a_note(
    place: Site, name: str, given: list[dict[str, Any]], told: str
) -> None:
    seen = await place.discord.slash(ANA, DB, name, {one["name"]: one["value"] for one in given})
    assert told in seen.text and seen.ephemeral and place.said == []


@given(st.text(max_size=200), st.text(max_size=20), st.text(max_size=20))
def test_every_option_is_what_it_is_called_and_nothing_else(note: str, duration: str, others: str) -> None:
    try:
        command = parse(line_of("ack", options(incident=42, note=note, duration=duration, others=others)))
    except Usage:
        return
    assert (command.verb, command.numbers[0]) == ("ack", 42)
    assert bool(command.duration) == bool(duration.strip()) and (len(command.numbers) > 1 or not re.search("[1-9]", others))
    if re.fullmatch(r"\w[\w ]*\w", note):
        assert command.text == note


def test_reading_what_was_typed_never_hangs() -> None:
    began = time.perf_counter()
    for text in ("<" * 6_000, "<@" * 3_000, "<:a" * 2_000, "<a:" * 2_000):
        typed(text)
    assert time.perf_counter() - began < 1.0


async def test_a_command_reaches_the_desk_and_its_answer_the_person(place: Site) -> None:
    await place.card()
    seen = await place.discord.slash(ANA, DB, "ack", {"incident": 42, "note": "on it"})
    assert seen.deferred and seen.ephemeral and seen.text == "#42: ack done"
    assert place.desk.invocations == [Invocation("guild", ANA, "ack 42 on it", "db")]
    assert [message.only_for for message in place.discord.ephemerals()] == [ANA]
    assert "Unack" in place.discord.labels(place.discord.messages(DB)[0]), "the card was not edited"


@pytest.mark.parametrize("verb", VERBS)
async def test_every_verb_is_offered_and_answered(verb: str) -> None:
    async with Discord(rates=False) as discord, site(discord) as place:
        place.answers("fine")
        given: dict[str, Any] = {"incident": 42} if VERBS[verb].takes_incident else {}
        given |= {"assign": {"person": "ana"}, "note": {"note": "x"}, "unsilence": {"silence": "3f9a"}}.get(verb, {})
        given |= {"reveal": {"reason": "x"}, "approve": {"request": "7"}, "deny": {"request": "7"}}.get(verb, {})
        if verb == "incidents":
            given = {}
        seen = await discord.slash(ANA, DB, verb, given)
        assert seen.text == "fine" and [parse(line).verb for line in place.said] == [verb]


async def test_a_whole_line_may_be_typed(place: Site) -> None:
    place.answers("fine")
    await place.discord.slash(ANA, DB, "tocsin", {"command": "ack 42 43 for 2h on it"})
    await place.discord.slash(ANA, ELSE, "tocsin")
    assert [(one.text, one.channel) for one in place.desk.invocations] == [("ack 42 43 for 2h on it", "db"), ("", "")]


async def test_in_the_thread_of_a_card_it_is_as_in_its_channel(place: Site) -> None:
    place.answers("fine")
    card = await place.card()
    await place.chat.reply_in_thread(*_thread(place, card.id))
    await place.discord.slash(ANA, card.id, "ack", {"incident": 42})
    assert place.desk.invocations == [Invocation("guild", ANA, "ack 42", "db")]


async def test_a_stranger_is_told_what_the_desk_says(place: Site) -> None:
    place.answers("I do not know you, so I may not tell or do anything.", ok=False)
    seen = await place.discord.slash(EVE, DB, "ack", {"incident": 42})
    assert seen.text == "⚠️ I do not know you, so I may not tell or do anything." and place.desk.invocations[0].account == EVE


async def test_a_slow_database_is_no_timeout(place: Site) -> None:
    place.answers("done at last", after=1.5)
    place.discord.interactions.answer_within = 1.0
    began = time.monotonic()
    seen = await place.discord.slash(ANA, DB, "ack", {"incident": 42})
    assert seen.acked and not seen.error and time.monotonic() - began > 1.0
    assert seen.text == "done at last" and place.said == ["ack 42"]


async def again(place: Site, times: int = 1) -> None:
    """Discord brings the last interaction again, as it may after a resume."""
    payload = list(place.discord.interactions.all.values())[-1].payload
    for _ in range(times):
        place.discord.world.tell("INTERACTION_CREATE", payload)
    await asyncio.sleep(0.1)


async def test_a_command_that_arrives_twice_is_run_once(place: Site) -> None:
    place.answers("fine")
    await place.discord.slash(ANA, DB, "ack", {"incident": 42})
    await again(place, 3)
    assert place.said == ["ack 42"] and len(place.discord.ephemerals()) == 1


async def test_a_desk_that_breaks_is_told_and_leaves_the_next_command_alone(place: Site) -> None:
    async def broken(_: Invocation) -> Reply:
        raise RuntimeError("a fault")

    place.desk.on_command = broken
    seen = await place.discord.slash(ANA, DB, "ack", {"incident": 42})
    assert "Something went wrong" in seen.text and "a fault" not in seen.text
    place.answers("fine")
    assert (await place.discord.slash(ANA, DB, "ack", {"incident": 7})).text == "fine"


def _thread(place: Site, message: str) -> tuple[Channel, str, ThreadNote, str]:
    ref = next(entry[2] for entry in place.desk._cards.values() if message in entry[2])
    return CHANNELS["db"], ref, ThreadNote(42, ("it began",)), "key-thread"
