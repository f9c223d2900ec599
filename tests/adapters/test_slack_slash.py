"""Slash commands: the same grammar, answered privately, in time whatever the database does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from adapters.chat import Invocation, Reply
from adapters.chats.slack.answer import MOST_IN_BLOCK, pages, said
from adapters.chats.slack.slash import line_of, unescape
from rules.command import VERBS, parse
from tests.adapters.slack_site import ANA, DB, EVE, Site, site
from tests.standins.slack import Slack


@pytest.fixture(params=["socket", "http"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    async with Slack() as slack, site(slack, http=request.param == "http") as found:
        yield found


@pytest.mark.parametrize(
    ("command", "text", "line"),
    [
        ("/tocsin", "ack 42", "ack 42"),
        ("/ack", "42", "ack 42"),
        ("/ack", "", "ack"),
        ("/ACK", " 42 on it ", "ack 42 on it"),
        ("/tocsin", "", ""),
        ("/tocsin-dev", "ack 42", "ack 42"),
        ("/tocsin", "/ack 42", "/ack 42"),
        ("/ack", "help", "help ack"),
        ("/tocsin", "help", "help"),
        ("/help", "ack", "help ack"),
        ("/help", "help", "help help"),
        ("/assign", "42 <@U01ANA|ana>", "assign 42 @U01ANA"),
        ("/assign", "42 <@U01ANA>", "assign 42 @U01ANA"),
        ("/note", "42 see <#C0DB|db> and <#C0X|> &amp; <!here> <!subteam^S0DBA|dba>", "note 42 see #db and #C0X & @here @S0DBA"),
        ("/note", "42 <https://a.example/x?a=1&amp;b=2>", "note 42 https://a.example/x?a=1&b=2"),
        ("/silence", 'instance="<http://db1.example.com:9100|db1.example.com:9100>"', 'silence instance="db1.example.com:9100"'),
        ("/silence", 'a=~"x&lt;y&gt;z"', 'silence a=~"x<y>z"'),
        ("/note", "42 &amp;lt;", "note 42 &lt;"),
        ("/note", "42 &copy; 2 &#60;", "note 42 &copy; 2 &#60;"),
        ("/note", "42 &amp;&copy;", "note 42 &&copy;"),
        ("/note", "42 &lt;!channel&gt;", "note 42 <!channel>"),
    ],
)
def test_the_line_is_what_was_typed(command: str, text: str, line: str) -> None:
    assert line_of(command, text) == line


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_short_form(verb: str) -> None:
    for example in VERBS[verb].examples:
        rest = example.partition(" ")[2]
        assert parse(line_of(f"/{verb}", rest)) == parse(example)


def test_unescaping_never_hangs() -> None:
    began = time.perf_counter()
    for text in ("<" * 20_000, "<@U" * 10_000, "<http://a|" * 5_000, "&amp" * 20_000):
        unescape(text)
    assert time.perf_counter() - began < 1.0


async def test_a_command_reaches_the_desk_and_its_answer_the_person(place: Site) -> None:
    await place.card()
    seen = await place.slack.slash(ANA, DB, "/ack", "42 on it")
    assert "#42: ack done" in place.slack.shown(seen.replies[0])
    assert [(one.chat, one.account, one.text, one.channel) for one in place.desk.invocations] == [
        ("work", ANA, "ack 42 on it", "db")
    ]
    assert [message.only_for for message in place.slack.ephemerals()] == [ANA]
    assert "unack" in str(place.slack.messages(DB)[0].attachments), "the card was not edited"


async def test_outside_of_our_channels_the_name_is_empty(place: Site) -> None:
    place.answers("fine")
    await place.slack.slash(ANA, "C0ELSE", "/tocsin", "incidents")
    assert place.last == Invocation("work", ANA, "incidents", "")


async def test_a_stranger_is_told_what_the_desk_says(place: Site) -> None:
    place.answers("I do not know you, so I may not tell or do anything.", ok=False)
    seen = await place.slack.slash(EVE, DB, "/ack", "42")
    assert "I do not know you" in place.slack.shown(seen.replies[0]) and place.last.account == EVE


@pytest.mark.parametrize("http", [False, True])
async def test_a_slow_database_is_no_timeout(http: bool) -> None:
    async with Slack() as slack, site(slack, http=http) as place:
        place.answers("done at last", after=4.0)
        slack.patience = 6.0
        began = time.monotonic()
        seen = await slack.slash(ANA, DB, "/tocsin", "ack 42")
        assert seen.acked and not seen.error and time.monotonic() - began > 3.0
        assert "done at last" in slack.shown(seen.replies[0])
        attempts = [one for one in slack.deliveries if one.kind == "slash_commands"]
        assert len(attempts) == 1 and attempts[0].acked


async def test_where_the_response_url_is_used_up_the_answer_is_ephemeral(place: Site) -> None:
    place.answers("fine")
    place.slack.workspace.response_url_uses = 0
    seen = await place.slack.slash(ANA, DB, "/tocsin", "incidents")
    assert "fine" in place.slack.shown(seen.replies[0])
    assert [call.args["user"] for call in place.slack.calls("chat.postEphemeral")] == [ANA]


HOSTILE = "<!channel> @here <http://evil|click> *x* _y_ `z` &amp; \u202eabc #general <@U02BEN>"


async def test_an_answer_is_text_whatever_is_in_it(place: Site) -> None:
    for text in (HOSTILE, f"{HOSTILE}\n{HOSTILE}", "```\n" + HOSTILE):
        place.answers(text)
        seen = await place.slack.slash(ANA, DB, "/tocsin", "incidents")
        assert seen.replies
    assert place.slack.mentions() == [] and place.slack.links() == [] and place.slack.buttons() == []
    first = place.slack.ephemerals()[0].blocks[0]
    assert first["text"]["type"] == "plain_text" and "<http://evil|click> *x*" in first["text"]["text"]


@pytest.mark.parametrize("text", ["x" * 100_000, "line\n" * 5_000, "", " ", "\n", "😀" * 6_000, "a\n" + "b" * 50_000])
async def test_no_answer_is_too_long(place: Site, text: str) -> None:
    place.answers(text)
    seen = await place.slack.slash(ANA, DB, "/tocsin", "incidents")
    assert len(seen.replies) == 1 and not [call for call in place.slack.requests if call.error]


def test_pages_keep_lines_whole_and_count_the_rest() -> None:
    lines = [f"{n:>4} " + "x" * 90 for n in range(200)]
    found = pages("\n".join(lines))
    shown = "\n".join(found).split("\n")
    assert all(len(page) <= MOST_IN_BLOCK + 40 for page in found) and len(found) > 1
    assert shown[:-1] == lines[: len(shown) - 1] and shown[-1] == f"… and {200 - len(shown) + 1} more lines"
    assert pages("one") == ["one"]


def test_columns_stay_where_they_are() -> None:
    blocks = said(Reply("ack      take it\nsnooze   not now"))["blocks"]
    assert blocks[0]["elements"][0]["type"] == "rich_text_preformatted"


async def test_a_command_that_arrives_twice_is_run_once(place: Site) -> None:
    place.answers("fine")
    await place.slack.slash(ANA, DB, "/ack", "42")
    again = next(one for one in place.slack.deliveries if one.kind == "slash_commands")
    await asyncio.gather(*(place.slack.again(again) for _ in range(3)))
    assert [answer.problem for answer in again.attempts] == [""] * 4 and place.said == ["ack 42"]


async def test_a_desk_that_breaks_leaves_the_next_command_alone(place: Site) -> None:
    async def broken(_: Invocation) -> Reply:
        raise RuntimeError("a fault")

    kept, place.desk.on_command = place.desk.on_command, broken
    place.slack.patience = 0.3
    assert (await place.slack.slash(ANA, DB, "/ack", "42")).acked
    place.desk.on_command = kept
    assert (await place.slack.slash(ANA, DB, "/ack", "7")).replies
