"""The dialogs of Silence and Note: preview, validation while open, and what a submission does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.chat import Invocation, Reply
from adapters.chats.slack.modals import Form, note_line, silence_line
from rules.command import parse
from tests.adapters.slack_site import ANA, BEN, DB, Site, site
from tests.standins.slack import Slack, View


@pytest.fixture(params=["socket", "http"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    async with Slack() as slack, site(slack, http=request.param == "http") as found:
        yield found


def values(matchers: str, span: str | None = "2h", other: str | None = None, reason: str | None = None) -> dict[str, Any]:
    return {
        "matchers": {"matchers": {"type": "plain_text_input", "value": matchers}},
        "span": {"span": {"type": "static_select", "selected_option": span and {"value": span}}},
        "other": {"other": {"type": "plain_text_input", "value": other}},
        "reason": {"reason": {"type": "plain_text_input", "value": reason}},
    }


@pytest.mark.parametrize(
    ("filled", "line"),
    [
        (values("#42"), "silence 42 for 2h"),
        (values("42", "30m"), "silence 42 for 30m"),
        (values('team="db"', "1d"), 'silence {team="db"} for 1d'),
        (values('{team="db",a!="b"}', other="90m"), "for 1h30m"),
        (values("#42", other=" For 3d "), "silence 42 for 3d"),
        (values("#42", None), "silence 42 for 2h"),
        (values("#42", reason="disk swap"), "silence 42 for 2h disk swap"),
        (values("#42", reason="for 3d we wait"), "silence 42 for 2h -- for 3d we wait"),
        (values("#42", reason="7 disks"), "silence 42 for 2h -- 7 disks"),
        (values("#42", reason="a\nb"), "for 2h a\nb"),
        (values("team=“db”"), 'silence {team="db"} for 2h'),
    ],
)
def test_a_filled_in_dialog_is_a_line(filled: dict[str, Any], line: str) -> None:
    assert line in silence_line(filled)


@pytest.mark.parametrize(
    ("filled", "field", "told"),
    [
        (values(""), "matchers", "What should be silenced?"),
        (values("rubbish"), "matchers", "Usage: silence"),
        (values('team=~"("'), "matchers", "cannot read"),
        (values('team=~".*"'), "matchers", "also mute alerts that have none"),
        (values('team="db" for 3d'), "matchers", "have their own fields"),
        (values("#42 because"), "matchers", "have their own fields"),
        (values("#42", other="soon"), "other", "is not a duration"),
        (values("#42", other="0"), "other", "longer than 0"),
        (values("#42", other="99999y"), "other", "out of range"),
        (values("#42", reason="x" * 5000), "reason", "characters"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(filled: dict[str, Any], field: str, told: str) -> None:
    with pytest.raises(Form) as wrong:
        silence_line(filled)
    assert list(wrong.value.errors) == [field] and told in wrong.value.errors[field]


@given(st.text(max_size=300))
def test_a_note_says_what_was_typed_whatever_that_is(text: str) -> None:
    filled = {"text": {"text": {"type": "plain_text_input", "value": text}}}
    try:
        line = note_line("note 42", filled)
    except Form as problem:
        assert not re.search(r"[^\W_]", text) and list(problem.errors) == ["text"]
        return
    command = parse(line)
    assert (command.verb, command.numbers) == ("note", (42,))
    if re.fullmatch(r"\w[\w ]*\w", text):
        assert command.text == text


@given(st.text(max_size=100), st.text(max_size=20), st.text(max_size=300))
def test_no_dialog_makes_another_command(matchers: str, other: str, reason: str) -> None:
    try:
        line = silence_line(values(matchers, other=other, reason=reason))
    except Form as problem:
        assert problem.errors.keys() <= {"matchers", "other", "reason"}
        return
    assert parse(line).verb == "silence" and parse(line).duration


async def opened(place: Site, label: str = "Silence", user: str = ANA) -> View:
    message = await place.card()
    seen = await place.slack.press(DB, message.ts, label, user=user)
    assert seen.acked
    return await seen.modal()


def shown(view: View) -> str:
    return str(next(block for block in view.body["blocks"] if block["block_id"] == "preview")["text"]["text"])


def first_value(view: View, block_id: str) -> str:
    block = next(block for block in view.body["blocks"] if block["block_id"] == block_id)
    return str(block["element"]["initial_value"])


async def test_the_dialog_opens_with_what_it_would_mute(place: Site) -> None:
    view = await opened(place)
    assert shown(view) == 'It would mute 1 firing alert now: {a="b"}' and first_value(view, "matchers") == '{a="b"}'
    assert place.said == [], "nothing is silenced before it is submitted"


async def test_a_silence_from_the_dialog(place: Site) -> None:
    view = await opened(place)
    place.answers("Silence 3f9a for 4h. It mutes 1 firing alert now.")
    seen = await place.slack.submit(view, {"For": "4 hours", "Reason": "disk swap"})
    assert not seen.errors and not seen.error and not view.open
    reply = await seen.reply()
    assert "It mutes 1 firing alert now." in place.slack.shown(reply) and reply.only_for == ANA and reply.channel == DB
    assert place.desk.invocations == [Invocation("work", ANA, 'silence {a="b"} for 4h disk swap', "db")]


async def test_what_is_wrong_stays_in_the_dialog(place: Site) -> None:
    view = await opened(place)
    seen = await place.slack.submit(view, {"Alerts to mute": "rubbish"})
    assert "Usage: silence" in seen.errors["matchers"] and view.open and place.said == []
    seen = await place.slack.submit(view, {"Alerts to mute": "#42", "Or for another time": "soon"})
    assert "is not a duration" in seen.errors["other"] and view.open
    seen = await place.slack.submit(view, {"Or for another time": "90m"})
    await place.slack.until(lambda: place.said)
    assert not seen.errors and not view.open and place.said == ["silence 42 for 1h30m"]


async def test_what_the_desk_refuses_stays_in_the_dialog(place: Site) -> None:
    view = await opened(place)
    place.desk.on_preview = _refuse
    seen = await place.slack.submit(view)
    assert seen.errors == {"matchers": "You may not silence this."} and view.open and place.said == []


async def test_preview_in_the_dialog(place: Site) -> None:
    view = await opened(place)

    async def echo(invocation: Invocation) -> Reply:
        return Reply(f"It would do: {invocation.text}")

    place.desk.on_preview = echo
    await place.slack.fill(view, "Alerts to mute", 'team="db"')
    await place.slack.press_in(view, "Preview")
    await place.slack.until(lambda: shown(view) == 'It would do: silence {team="db"} for 2h')
    assert view.values["matchers"]["matchers"]["value"] == 'team="db"', "what was typed is gone"
    await place.slack.fill(view, "Alerts to mute", "rubbish")
    await place.slack.press_in(view, "Preview")
    await place.slack.until(lambda: "Usage: silence" in shown(view))


async def test_who_may_not_gets_a_word_and_no_dialog(place: Site) -> None:
    message = await place.card()
    place.desk.on_preview = _refuse
    seen = await place.slack.press(DB, message.ts, "Silence", user=BEN)
    assert "You may not silence this." in place.slack.shown(await seen.reply()) and seen.view is None


@pytest.mark.parametrize("seconds", [0.5, 2.0])
async def test_a_slow_desk_does_not_miss_the_trigger(place: Site, seconds: float) -> None:
    async def slow(_: Invocation) -> Reply:
        await asyncio.sleep(seconds)
        return Reply("It would mute 7 firing alerts now.")

    place.desk.on_preview = slow
    view = await opened(place)
    await place.slack.until(lambda: shown(view) == "It would mute 7 firing alerts now.", within=6.0)
    if seconds > 1.0:
        assert first_value(view, "matchers") == "#42"
    seen = await place.slack.submit(view, {"Alerts to mute": "#42"})
    await place.slack.until(lambda: place.said)
    assert seen.acked and not seen.errors and not seen.error and place.said == ["silence 42 for 2h"]


async def test_a_trigger_that_is_too_old_is_told(place: Site) -> None:
    message = await place.card()
    place.slack.workspace.trigger_life = 0.0
    seen = await place.slack.press(DB, message.ts, "Silence", user=ANA)
    assert "Slack did not open the dialog." in place.slack.shown(await seen.reply())


async def test_a_note_from_the_dialog(place: Site) -> None:
    view = await opened(place, "Note")
    seen = await place.slack.submit(view, {"Note": "7 replicas lag\nfor 2h"})
    await place.slack.until(lambda: place.said)
    assert not seen.errors and place.said == ["note 42 -- 7 replicas lag\nfor 2h"]


async def test_a_submission_after_the_incident_resolved_has_a_clear_word(place: Site) -> None:
    view = await opened(place, "Note")
    place.answers("#42 is resolved already; nothing to do.")
    seen = await place.slack.submit(view, {"Note": "x"})
    assert "#42 is resolved already" in place.slack.shown(await seen.reply())


async def test_a_slow_command_is_no_timeout_of_the_dialog(place: Site) -> None:
    view = await opened(place, "Note")
    place.slack.courier.transport.ack_within = 1.0  # type: ignore[attr-defined]  # both ways have it
    place.answers("Noted on #42.", after=1.5)
    seen = await place.slack.submit(view, {"Note": "x"})
    assert seen.acked and not view.open and "Noted on #42." in place.slack.shown(await seen.reply(6.0))


async def test_a_submission_that_arrives_twice_is_answered_alike_and_done_once(place: Site) -> None:
    view = await opened(place)
    await place.slack.submit(view, {"Alerts to mute": "rubbish"})
    await place.slack.submit(view, {"Alerts to mute": "#42"})
    await place.slack.until(lambda: place.said)
    refused, taken = [one for one in place.slack.deliveries if one.what == "view_submission"]
    for one in (refused, taken):
        await place.slack.again(one)
        assert one.attempts[0] == one.attempts[1]
    assert place.said == ["silence 42 for 2h"]


async def test_closing_a_dialog_does_nothing(place: Site) -> None:
    view = await opened(place)
    await place.slack.close_modal(view)
    assert place.said == [] and place.slack.ephemerals() == []


@pytest.mark.parametrize("matchers", ["", "{" + ", ".join(f'label{n}="{"x" * 50}"' for n in range(40)) + "}"])
async def test_matchers_too_long_for_the_field_are_named_by_their_incident(place: Site, matchers: str) -> None:
    async def long(_: Invocation) -> Reply:
        return Reply(f"It would mute 1 firing alert now: {matchers}", matchers=matchers)

    place.desk.on_preview = long
    assert first_value(await opened(place), "matchers") == "#42"


async def _refuse(_: Invocation) -> Reply:
    return Reply("You may not silence this.", ok=False)
