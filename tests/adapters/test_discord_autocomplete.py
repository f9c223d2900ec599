"""Autocompletion: what one may go on with, which is what the desk lets this person see, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from adapters.chat import Invocation, Suggestion
from adapters.chats.discord import answer, autocomplete
from adapters.chats.discord.autocomplete import before_it, choices
from rules.suggestion import suggest
from tests.adapters.discord_site import ANA, DB, EVE, Site, site
from tests.standins.discord import Discord

INCIDENTS = [
    (42, "firing", "orders-db does not answer"),
    (43, "acknowledged", "disk full"),
    (142, "firing", "@everyone [x](http://e)"),
]
SILENCES = [("3f9a", '{team="db"}')]


@pytest.fixture
async def place() -> AsyncIterator[Site]:
    async with Discord(rates=False) as discord, site(discord) as found:
        yield found


@pytest.fixture
def asked(place: Site, monkeypatch: pytest.MonkeyPatch) -> list[Invocation]:
    """What the desk was asked. It answers as the real one: nothing to strangers, the rules' own suggestions to others."""
    heard: list[Invocation] = []

    async def answer(invocation: Invocation) -> Sequence[Suggestion]:
        heard.append(invocation)
        if invocation.account not in place.desk.callers:
            return []
        return [Suggestion(line, hint) for line, hint in suggest(invocation.text, INCIDENTS, ["ana", "ben"], SILENCES)]

    monkeypatch.setattr(place.desk, "suggest", answer)
    return heard


async def offered(
    place: Site, name: str, option: str, typed: str = "", user: str = ANA, **given: object
) -> list[tuple[str, object]]:
    seen = await place.discord.autocomplete(user, DB, name, option, typed, given)
    assert seen.acked and not seen.error
    return [(one["name"], one["value"]) for one in seen.choices]


async def test_numbers_by_what_is_open(place: Site, asked: list[Invocation]) -> None:
    assert await offered(place, "ack", "incident") == [
        ("#42 firing: orders-db does not answer", 42),
        ("#43 acknowledged: disk full", 43),
        ("#142 firing: @everyone [x](http://e)", 142),
    ]
    assert asked == [Invocation("guild", ANA, "ack ", "db")]


@pytest.mark.parametrize(
    ("typed", "numbers"), [("4", [42, 43]), ("14", [142]), ("disk", [43]), ("DISK", [43]), ("#4", [42, 43]), ("nothing", [])]
)
async def test_by_what_is_typed(place: Site, asked: list[Invocation], typed: str, numbers: list[int]) -> None:
    assert [value for _, value in await offered(place, "why", "incident", typed)] == numbers


async def test_further_numbers_leave_out_the_first(place: Site, asked: list[Invocation]) -> None:
    found = await offered(place, "ack", "others", "4", incident=42)
    assert [value for _, value in found] == ["43"]
    assert [value for _, value in await offered(place, "ack", "others", "43 1", incident=42)] == ["43 142"]


async def test_durations_people_and_silences(place: Site, asked: list[Invocation]) -> None:
    durations = [value for _, value in await offered(place, "snooze", "duration", incident=42)]
    assert durations == ["30m", "1h", "2h", "4h", "1d"]
    assert [value for _, value in await offered(place, "silence", "duration", "2")] == ["2h"]
    assert [value for _, value in await offered(place, "assign", "person", "b", incident=42)] == ["@ben"]
    assert await offered(place, "unsilence", "silence") == [('3f9a {team="db"}', "3f9a")]


async def test_whole_lines(place: Site, asked: list[Invocation]) -> None:
    found = [value for _, value in await offered(place, "tocsin", "command", "ack 4")]
    assert found == ["ack 42", "ack 43"]
    assert "silences" in [value for _, value in await offered(place, "tocsin", "command", "sil")]


async def test_a_stranger_is_offered_nothing(place: Site, asked: list[Invocation]) -> None:
    for name, option in (("ack", "incident"), ("assign", "person"), ("unsilence", "silence"), ("tocsin", "command")):
        assert await offered(place, name, option, user=EVE) == []
    assert {one.account for one in asked} == {EVE}


async def test_only_what_the_desk_says_is_offered(place: Site) -> None:
    """No number from anywhere else: not from the cards, nor from what others asked."""
    await place.card()
    await offered(place, "ack", "incident", "42")
    assert await offered(place, "ack", "incident", "43") == []


async def test_a_slow_desk_offers_nothing_in_time(place: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(_: Invocation) -> Sequence[Suggestion]:
        await asyncio.sleep(60.0)
        return []

    monkeypatch.setattr(place.desk, "suggest", slow)
    assert place.discord.interactions.answer_within > autocomplete.WITHIN + answer.FIRST_TRY
    monkeypatch.setattr(autocomplete, "WITHIN", 0.3)
    began = time.monotonic()
    assert await offered(place, "ack", "incident") == [] and time.monotonic() - began < 0.8


async def test_a_lost_reply_is_given_again(place: Site, asked: list[Invocation]) -> None:
    place.discord.faults.html("interactions.callback", 502, times=1)
    assert len(await offered(place, "ack", "incident")) == 3 and len(asked) == 1


def test_there_are_never_more_than_discord_takes() -> None:
    many = [Suggestion(f"ack {n}", "x" * 300) for n in range(60)]
    made = choices("ack ", many, True)
    assert len(made) == 25 and all(len(one["name"]) <= 100 for one in made)
    assert choices("ack ", [Suggestion("ack " + "9" * 200, ""), Suggestion("other 1", "")], False) == []
    assert choices("ack ", [Suggestion("ack for 30m", "")], True) == []


@pytest.mark.parametrize(
    ("name", "focused", "options", "before"),
    [
        ("ack", "incident", [{"name": "note", "value": "x"}, {"name": "incident", "value": "4"}], "ack "),
        ("ack", "others", [{"name": "incident", "value": 42}, {"name": "others", "value": "4"}], "ack 42 "),
        ("ack", "duration", [{"name": "incident", "value": 42}], "ack 42 for "),
        ("snooze", "duration", [], "snooze 1 for "),
        ("silence", "duration", [{"name": "incident", "value": 42}], "silence 42 for "),
        ("silence", "duration", [{"name": "matchers", "value": 'a="for x"'}], "silence 1 for "),
        ("assign", "person", [{"name": "incident", "value": 42}], "assign 42 "),
        ("unsilence", "silence", [{"name": "silence", "value": "3"}], "unsilence "),
        ("tocsin", "command", [{"name": "command", "value": "ack"}], ""),
    ],
)
def test_the_line_up_to_the_word(name: str, focused: str, options: list[dict[str, object]], before: str) -> None:
    assert before_it(name, focused, options) == before
