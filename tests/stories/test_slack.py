"""Incidents in Slack: what only Slack has, over Socket Mode and over HTTP, with the real slack_bolt and slack_sdk in between."""

from __future__ import annotations

import asyncio

import pytest

from adapters.chats.slack.blocks import RESOLVED
from tests.standins.slack import Message, Slack
from tests.stories.story import CardOf, Story
from tests.stories.until import until
from tests.stories.views_slack import ACCOUNTS, CHANNELS

ANA, BEN, CLEO, EVE = (ACCOUNTS[name] for name in ("ana", "ben", "cleo", "eve"))
OPS, VAULT = CHANNELS["ops"], CHANNELS["vault"]


@pytest.fixture(params=["slack", "slack over HTTP"], ids=["socket", "http"])
def chat(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def platform(story: Story) -> Slack:
    assert story.slack
    return story.slack


def message(story: Story, card: CardOf) -> Message:
    """The one that shows the card, which is the only one in its channel."""
    [found] = platform(story).messages(CHANNELS[card.channel])
    return found


async def fired(story: Story) -> tuple[Slack, CardOf, Message]:
    """An incident, its card and the message that shows it."""
    await story.fires("PgDown", summary="orders-db is down")
    card = await story.card()
    return platform(story), card, message(story, card)


async def test_a_night(story: Story) -> None:
    slack, card, shown = await fired(story)
    await card.shows(state="firing", severity="critical", title="orders-db is down")
    typed = await slack.slash(ANA, OPS, "/ack", "1")
    assert typed.text == "#1 is acknowledged by Ana Petrova."
    await card.shows(state="acknowledged", who="Ana Petrova")
    await card.tells("acknowledged by Ana Petrova")

    modal = await (await slack.press(OPS, shown.ts, "Silence", user=ANA)).modal()
    assert "It would mute 1 firing alert now" in str(modal.body)
    await slack.fill(modal, "Alerts to mute", 'alertname="Other"')
    await slack.press_in(modal, "Preview")
    await slack.until(lambda: "It would mute 0 firing alerts now" in str(modal.body))
    refused = await slack.submit(modal, {"Alerts to mute": "rubbish"})
    assert "matchers" in refused.errors and modal.open
    done = await slack.submit(modal, {"Alerts to mute": 'alertname="PgDown"', "Reason": "disk swap"})
    assert not modal.open and "It mutes 1 firing alert now." in slack.shown(await done.reply())
    await card.shows(state="acknowledged", silenced=True)

    await story.resolves("PgDown")
    await story.passes("31s")
    await card.shows(state="resolved", buttons={})
    assert message(story, card) is shown and shown.colour == RESOLVED
    assert {version.by for version in shown.versions[1:]} == {"chat.update"}
    assert not slack.mentions()


async def test_two_people_press_ack_at_once(story: Story) -> None:
    slack, card, shown = await fired(story)
    both = await asyncio.gather(*(slack.press(OPS, shown.ts, "Ack", user=user, version=0) for user in (ANA, BEN)))
    told = [(await one.reply()).text for one in both]
    assert ["Ana Petrova" in told[0], "Ben Okafor" in told[1]] == [True, True]
    entries = (await story.get("/api/v1/incidents/1"))["timeline"]
    acks = [entry["by"] for entry in entries if entry["change"] == "acknowledged"]
    assert sorted(acks) == ["ana", "ben"]
    await card.shows(state="acknowledged", who={"ana": "Ana Petrova", "ben": "Ben Okafor"}[acks[-1]])
    await card.tells("acknowledged by Ana Petrova")
    await card.tells("acknowledged by Ben Okafor")


async def test_too_late(story: Story) -> None:
    """Who looks at an old card, or filled in a dialog while it resolved, is told how things are."""
    slack, card, shown = await fired(story)
    silence = await (await slack.press(OPS, shown.ts, "Silence", user=ANA)).modal()
    await story.resolves("PgDown")
    await story.passes("31s")
    await card.shows(state="resolved")
    pressed = await slack.press(OPS, shown.ts, "Ack", user=ANA, version=0)
    assert slack.shown(await pressed.reply()) == "#1 is resolved already; nothing to ack."
    done = await slack.submit(silence, {"Reason": "disk swap"})
    told = slack.shown(await done.reply())
    assert not done.errors and "It mutes 0 firing alerts now. Nothing of it fires any more, or yet." in told
    await card.shows(state="resolved", silenced=False)


async def test_a_stranger(story: Story) -> None:
    slack, card, shown = await fired(story)
    whats = [await slack.press(OPS, shown.ts, label, user=EVE) for label in ("Ack", "Silence", "Note")]
    whats += [await slack.slash(EVE, OPS, "/tocsin", line) for line in ("incidents", "whoami", "ack 1")]
    for seen in whats:
        told = slack.shown(await seen.reply())
        assert "I do not know you" in told and "Ask sre to add you" in told and "PgDown" not in told
        assert seen.view is None
    await slack.open_home(EVE)
    home = await slack.until(lambda: slack.home(EVE))
    assert "I do not know you" in str(home.body) and "quiet" not in str(home.body)
    await card.shows(state="firing", who="")


async def test_a_restart_between_card_and_click(story: Story) -> None:
    slack, card, shown = await fired(story)
    modal = await (await slack.press(OPS, shown.ts, "Note", user=ANA)).modal()
    await story.restart()
    assert (await card.press("Ack", by="ben")).text == "#1 is acknowledged by Ben Okafor."
    done = await slack.submit(modal, {"Note": "it is the cable"})
    assert "Noted on #1" in slack.shown(await done.reply())
    await card.shows(state="acknowledged", who="Ben Okafor", note="it is the cable")
    assert message(story, card) is shown


async def test_a_person_deletes_the_card(story: Story) -> None:
    slack, _, shown = await fired(story)
    slack.delete_message(OPS, shown.ts)
    assert (await story.command("ana", "ack 1")).ok
    again = await story.card()
    await again.shows(state="acknowledged", who="Ana Petrova")
    assert message(story, again).ts != shown.ts
    assert (await again.press("Resolve", by="ben")).ok
    await again.shows(state="resolved", who="Ben Okafor")
    await story.restart()
    await story.shown()
    assert message(story, again)


async def test_what_is_delivered_twice_runs_once(story: Story) -> None:
    slack, card, shown = await fired(story)
    modal = await (await slack.press(OPS, shown.ts, "Note", user=ANA)).modal()
    await slack.submit(modal, {"Note": "by dialog"})
    await slack.slash(BEN, OPS, "/note", "1 by command")
    await slack.until(lambda: len(slack.ephemerals()) == 2, what="two answers")
    for delivery in list(slack.deliveries):
        await asyncio.gather(slack.again(delivery), slack.again(delivery))
        assert all(not answer.problem for answer in delivery.attempts)
    await slack.slash(CLEO, OPS, "/tocsin", "incidents")  # behind all of these
    entries = (await story.get("/api/v1/incidents/1"))["timeline"]
    notes = [entry["text"] for entry in entries if entry["by"]]
    assert notes == ["by dialog", "by command"] and len(slack.ephemerals()) == 3
    assert len(slack.calls("views.open")) == 1
    await card.tells("by dialog")
    await card.tells("by command")


@pytest.mark.parametrize("lost", ["chat.postMessage", "chat.update"])
async def test_an_answer_is_lost(story: Story, lost: str) -> None:
    """Slack did it, but nobody heard so: still one card, and each thing is told once."""
    slack = platform(story)
    fault = slack.faults.lose(lost, times=2)
    _, card, shown = await fired(story)
    await card.press("Ack")
    await until(lambda: _behind(story, "1s"))
    await card.shows(state="acknowledged", who="Ana Petrova")
    await card.tells("acknowledged by Ana Petrova")
    assert fault.struck and message(story, card) is shown


async def _behind(story: Story, step: str) -> bool:
    await story.shown(step)
    return True


async def test_somebody_joins_who_is_not_cleared(story: Story) -> None:
    slack = platform(story)
    await story.fires("Fraud", summary="kestrel-7731 leaks", team="payments")
    card = await story.card("vault")
    await card.shows(stub=False, title="kestrel-7731 leaks")
    await slack.join(VAULT, CLEO)
    await story.passes("61s")
    assert (await story.command("ana", "ack 1 kestrel-7731")).ok
    seen = await card.shows(stub=True, state="acknowledged", buttons={})
    assert "kestrel" not in seen.text and not await card.thread()
    asked = await slack.slash(CLEO, VAULT, "/tocsin", "incident 1")
    assert "There is no incident #1 that you may see" in slack.shown(await asked.reply())


async def test_a_full_method_holds_its_own_calls_only(story: Story) -> None:
    """Slack refuses a method for the whole workspace: edits wait, new cards do not (rate-limits page of Slack's docs)."""
    slack, card, _ = await fired(story)
    full = slack.faults.limit("chat.update", retry_after=30)
    assert (await story.command("ana", "ack 1")).ok
    await slack.until(lambda: full.struck)
    asked = len(slack.requests)
    await story.fires("Other", cluster="eu2")
    await story.card(title="Other")
    await card.shows(state="firing")
    assert "chat.update" not in [request.method for request in slack.requests[asked:]]
    await story.passes("31s")
    await card.shows(state="acknowledged")
