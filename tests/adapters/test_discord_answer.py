"""Private answers: text and no more, within Discord's limits, and once, whatever is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.chat import Reply
from adapters.chats.discord import answer
from adapters.chats.discord.answer import MOST_IN_EMBED, pages, said
from adapters.plain import size
from tests.adapters.discord_site import ANA, DB, Site, site
from tests.standins.discord import Discord


@pytest.fixture
async def place() -> AsyncIterator[Site]:
    async with Discord(rates=False) as discord, site(discord) as found:
        yield found


HOSTILE = "@everyone <@80351110224678913> <@&5> <#4177198342314> [click](http://evil) http://evil **x** ||y|| `z` <t:0> :fire:"
QUOTED = f"```\n{HOSTILE}\n``` `` ` ```"


@pytest.mark.parametrize(
    "text", [HOSTILE, f"{HOSTILE}\n{HOSTILE}", QUOTED, f"# {HOSTILE}", f"```{HOSTILE}```", "```", "`\n``\n```js\nx"]
)
async def test_an_answer_is_text_whatever_is_in_it(place: Site, text: str) -> None:
    place.answers(text)
    seen = await place.discord.slash(ANA, DB, "tocsin", {"command": "incidents"})
    assert seen.text.replace("ˋ", "`").replace(" ", "").strip("`\n") == text.replace(" ", "").strip("`\n")
    assert place.discord.mentions() == [] and place.discord.links() == [] and place.discord.buttons() == []
    assert {token.kind for token in place.discord.markup()} <= {"block"}


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "line\n" * 5_000, "", " ", "\n", "😀" * 6_000, "a\n" + "b" * 50_000, "*" * 5_000, "`" * 9_000]
)
async def test_no_answer_is_too_long(place: Site, text: str) -> None:
    place.answers(text)
    seen = await place.discord.slash(ANA, DB, "tocsin", {"command": "incidents"})
    assert len(seen.replies) == 1 and not [call for call in place.discord.requests if call.error]


def test_pages_keep_lines_whole_and_count_the_rest() -> None:
    lines = [f"{n:>4} " + "x" * 90 for n in range(200)]
    found = pages("\n".join(lines))
    shown = "\n".join(found).split("\n")
    assert all(size(page) <= MOST_IN_EMBED + 40 for page in found) and len(found) == 2
    assert shown[:-1] == lines[: len(shown) - 1] and shown[-1] == f"… and {200 - len(shown) + 1} more lines"
    assert pages("one") == ["one"]


def test_columns_stay_where_they_are() -> None:
    assert said(Reply("ack      take it\nsnooze   not now"))["content"] == "```\nack      take it\nsnooze   not now\n```"


LOST = ["lose", "html", "reset", "cut", "broken_json"]
CALLS = ["interactions.callback", "original.edit"]


@pytest.mark.parametrize(("call", "fault"), [*((call, fault) for call in CALLS for fault in LOST), (CALLS[0], "hang")])
async def test_a_lost_reply_of_discord_shows_nothing_twice(
    place: Site, monkeypatch: pytest.MonkeyPatch, call: str, fault: str
) -> None:
    monkeypatch.setattr(answer, "FIRST_TRY", 0.3)
    monkeypatch.setattr(answer, "PAUSES", (0.05, 0.05))
    place.answers("fine")
    struck = getattr(place.discord.faults, fault)(call, times=1)
    seen = await place.discord.slash(ANA, DB, "ack", {"incident": 42})
    assert struck.struck == 1 and seen.acked and seen.text == "fine"
    assert place.said == ["ack 42"] and len(place.discord.ephemerals()) == 1 and not place.discord.calls("followup.create")


async def test_an_answer_that_was_lost_with_its_work_done_is_not_doubled(place: Site) -> None:
    """The defer arrived, its answer did not: Discord refuses the second one, which is ours."""
    place.answers("fine")
    place.discord.faults.html("interactions.callback", 502, times=1, keep=True)
    seen = await place.discord.slash(ANA, DB, "ack", {"incident": 42})
    refusals = [call.error for call in place.discord.calls("interactions.callback")]
    assert refusals[-1] == 40060 and seen.text == "fine" and place.said == ["ack 42"]


async def test_what_arrives_twice_while_a_reply_is_lost_is_done_once(place: Site) -> None:
    """Both copies would find that the other's answer is there."""
    place.answers("fine")
    place.discord.world.events.append(place.discord.gateway.emit)
    place.discord.faults.reset("interactions.callback", times=1)
    seen = await place.discord.slash(ANA, DB, "ack", {"incident": 42})
    await asyncio.sleep(0.3)
    assert seen.text == "fine" and place.said == ["ack 42"]


async def test_what_came_too_late_after_a_lost_reply_is_not_done(place: Site) -> None:
    place.discord.interactions.answer_within = 0.05
    place.discord.faults.reset("interactions.callback", times=1)
    seen = await place.discord.slash(ANA, DB, "ack", {"incident": 42})
    await place.discord.until(lambda: len(place.discord.calls("interactions.callback")) == 2)
    await asyncio.sleep(0.05)
    assert seen.error and place.said == []


async def test_what_surely_did_not_arrive_is_not_done(place: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "FIRST_WITHIN", 0.4)
    monkeypatch.setattr(place.chat._inbound._rest, "_base", "http://127.0.0.1:9/")
    place.discord.interactions.answer_within = 0.5
    seen = await place.discord.slash(ANA, DB, "ack", {"incident": 42})
    assert seen.error and place.said == []


async def test_what_another_process_answered_is_not_done_again(place: Site) -> None:
    place.discord.interactions.answer_within = 0.3
    place.discord.faults.error("interactions.callback", 400, 40060, times=1)
    seen = await place.discord.slash(ANA, DB, "ack", {"incident": 42})
    assert not seen.acked and place.said == []


async def test_what_discord_called_failed_is_not_done(place: Site) -> None:
    place.discord.interactions.answer_within = 0.05
    place.discord.faults.slow("gateway.bot", 0.0)
    place.discord.faults.error("interactions.callback", 404, 10062)
    seen = await place.discord.slash(ANA, DB, "silence", {"matchers": 'team="db"'})
    assert seen.error == "The application did not respond" and place.said == []


async def test_no_token_of_an_interaction_gets_into_the_log(place: Site, capsys: pytest.CaptureFixture[str]) -> None:
    place.answers("fine")
    place.discord.patience = 0.3
    place.discord.faults.error("original.edit", 404, 10008)
    await place.discord.slash(ANA, DB, "ack", {"incident": 42})
    told = capsys.readouterr().out
    assert "discord_answer_lost" in told and "aW50ZXJhY3Rpb24" not in told
