"""Buttons and menus: what is pressed is a command, and its answer is private."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.chat import Reply
from rules.card import Button
from rules.incident import State
from tests.adapters.slack_site import ANA, BEN, DB, EVE, Site, a_card, site
from tests.standins.slack import Slack


@pytest.fixture(params=["socket", "http"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    async with Slack() as slack, site(slack, http=request.param == "http") as found:
        yield found


async def test_a_button_is_a_command(place: Site) -> None:
    message = await place.card()
    seen = await place.slack.press(DB, message.ts, "Ack", user=ANA)
    reply = await seen.reply()
    assert seen.acked and "#42: ack done" in place.slack.shown(reply) and reply.only_for == ANA
    assert (place.last.account, place.last.text, place.last.channel) == (ANA, "ack 42", "db")
    assert "Unack" in place.slack.labels(place.slack.messages(DB)[0])
    assert len(place.slack.messages(DB)) == 1, "the answer must not stand in the channel"


async def test_a_menu_is_a_command(place: Site) -> None:
    message = await place.card()
    seen = await place.slack.choose(DB, message.ts, "tocsin:snooze", "4 hours", user=ANA)
    await seen.reply()
    assert place.said == ["snooze 42 for 4h"]
    await (await place.slack.choose(DB, message.ts, "tocsin:more", "Why did it come here?", user=ANA)).reply()
    assert place.said[1:] == ["why 42"]


async def test_whoever_sees_it_may_press_and_the_desk_decides(place: Site) -> None:
    message = await place.card()
    place.answers("I do not know you.", ok=False)
    seen = await place.slack.press(DB, message.ts, "Ack", user=EVE)
    assert "I do not know you." in place.slack.shown(await seen.reply()) and place.last.account == EVE


async def test_a_click_on_a_stale_card_is_a_command_all_the_same(place: Site) -> None:
    message = await place.card()
    await (await place.slack.press(DB, message.ts, "Ack", user=ANA)).reply()
    seen = await place.slack.press(DB, message.ts, "Ack", user=BEN, version=0)
    await seen.reply()
    assert place.said == ["ack 42", "ack 42"] and [one.account for one in place.desk.invocations] == [ANA, BEN]


async def test_a_click_on_a_deleted_card_is_answered(place: Site) -> None:
    message = await place.card()
    place.answers("#42 is resolved already; nothing to ack.")
    place.slack.delete_message(DB, message.ts)
    seen = await place.slack.press(DB, message.ts, "Ack", user=ANA)
    assert "resolved already" in place.slack.shown(await seen.reply())


async def test_two_people_press_at_once(place: Site) -> None:
    message = await place.card()
    seen = await asyncio.gather(*(place.slack.press(DB, message.ts, "Ack", user=user) for user in (ANA, BEN)))
    for one in seen:
        assert one.acked and (await one.reply()).only_for == one.user
    assert sorted(one.account for one in place.desk.invocations) == [ANA, BEN]


async def test_a_slow_desk_is_no_timeout(place: Site) -> None:
    message = await place.card()
    place.slack.courier.transport.ack_within = 1.0  # type: ignore[attr-defined]  # both ways have it
    place.answers("done at last", after=1.5)
    seen = await place.slack.press(DB, message.ts, "Ack", user=ANA)
    assert seen.acked and not seen.error
    assert "done at last" in place.slack.shown(await seen.reply())


async def test_a_press_that_arrives_twice_is_done_once(place: Site) -> None:
    message = await place.card()
    await (await place.slack.press(DB, message.ts, "Ack", user=ANA)).reply()
    press = next(one for one in place.slack.deliveries if one.kind == "interactive")
    await asyncio.gather(*(place.slack.again(press) for _ in range(3)))
    assert [answer.problem for answer in press.attempts] == [""] * 4 and place.said == ["ack 42"]


async def test_pressed_again_it_is_done_again(place: Site) -> None:
    message = await place.card()
    for _ in range(2):
        await (await place.slack.press(DB, message.ts, "tocsin:ack", user=ANA, version=0)).reply()
    assert place.said == ["ack 42"] * 2


async def test_what_is_no_command_is_acknowledged_and_does_nothing(place: Site) -> None:
    link = {"type": "button", "action_id": "open", "text": {"type": "plain_text", "text": "Open"}, "url": "https://a.example/"}
    odd = {"type": "button", "action_id": "tocsin:ack", "text": {"type": "plain_text", "text": "Odd"}}
    blocks = [{"type": "actions", "block_id": "b", "elements": [link]}, {"type": "actions", "block_id": "c", "elements": [odd]}]
    posted = await place.chat._client.call("chat.postMessage", channel=DB, text="x", blocks=blocks)
    for what in ("Open", "Odd"):
        assert (await place.slack.press(DB, posted["ts"], what, user=ANA)).acked
    await place.chat.stop()
    assert place.said == [] and place.slack.ephemerals() == []


async def test_more_of_a_group_is_shown_to_who_asks(place: Site) -> None:
    message = await place.card(a_card(more=25, total=35, firing=35))
    place.answers("all of it")
    assert "all of it" in place.slack.shown(await (await place.slack.press(DB, message.ts, "and 25 more", user=ANA)).reply())
    assert place.said == ["incident 42"]


async def test_unack_of_an_acknowledged_card(place: Site) -> None:
    message = await place.card(a_card(state=State.acknowledged, owner="Ana", buttons=(Button("unack", "Unack", "unack 42"),)))
    await (await place.slack.press(DB, message.ts, "Unack", user=ANA)).reply()
    assert place.said == ["unack 42"]


async def test_stopping_waits_for_what_was_acknowledged(place: Site) -> None:
    message = await place.card()
    place.answers("done at last", after=1.0)
    seen = await place.slack.press(DB, message.ts, "Ack", user=ANA)
    await place.chat._inbound.stop()
    assert "done at last" in place.slack.shown(await seen.reply(0.1))


async def test_the_answer_of_a_refusal_says_so(place: Site) -> None:
    message = await place.card()
    place.desk.on_command = lambda _: _refuse()
    seen = await place.slack.press(DB, message.ts, "Ack", user=ANA)
    assert "⚠️ You may not ack this." in place.slack.shown(await seen.reply())


async def _refuse() -> Reply:
    return Reply("You may not ack this.", ok=False)
