"""What the engine offers a chat beside commands: previews, a card for one person, their own page (G3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.chat import DeliveryError, Failure, Home, Invocation
from bot.commands import Commands
from bot.desk import Desk
from bot.store.engine import Store
from bot.store.messages import Messages
from tests.stories.story import BASE, Story
from tests.stories.telling import telling

ACCOUNTS = {"ana": "account-of-ana", "ben": "account-of-ben", "cleo": "account-of-cleo", "nobody": "account-of-nobody"}


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    async with telling(tmp_path, BASE) as found:
        yield found
        await found.passes("1m")
        await found.shown("1s")  # the stand-in's chat raises for what is still under way when it stops


@pytest.fixture
def desk(story: Story) -> Desk:
    app = story.app
    return Desk(lambda: app.policy, story.now, Messages(app.store, story.now), app.sign_in, app.commands)


def by(person: str, text: str = "", channel: str = "") -> Invocation:
    return Invocation("work", ACCOUNTS[person], text, channel)


async def test_a_preview_counts_and_changes_nothing(story: Story, desk: Desk) -> None:
    await story.fires("PgDown", team="db")
    await story.fires("PgSlow", "warning", team="db")
    await story.card(title="PgDown")
    asked = await desk.preview(by("ana", 'silence team="db" for 2h'))
    assert asked.ok and asked.text == 'It would mute 2 firing alerts now: {team="db"}'
    asked = await desk.preview(by("ana", "silence #1"))
    assert asked.matchers == '{alertname="PgDown", cluster="eu1", severity="critical", team="db"}'
    assert asked.text == f"It would mute 1 firing alert now: {asked.matchers}"
    assert (await desk.command(by("ana", "silences"))).text == "No silence is in force."
    assert (await desk.preview(by("ana", "ack 1 on it"))).text == "It would take incidents on: ack 1 on it"
    assert "acknowledged" not in (await desk.command(by("ana", "incidents"))).text


async def test_what_a_preview_matches_is_a_silence_that_can_be_typed(story: Story, desk: Desk) -> None:
    await story.fires("PgDown", team='a "b" \\ c')
    await story.card(title="PgDown")
    asked = await desk.preview(by("ana", "silence #1"))
    again = await desk.preview(by("ana", f"silence {asked.matchers}"))
    assert again == asked and again.text.startswith("It would mute 1 firing alert now")


@pytest.mark.parametrize(
    ("person", "line", "told"),
    [
        ("ana", "silence", "What should be silenced?"),
        ("ana", "silence #9", "There is no incident #9 that you may see."),
        ("ana", 'silence team="db" for nonsense', "It would mute 0"),
        ("ben", 'silence team="db"', "You may not silence this."),
        ("ben", "silence #1", "There is no incident #1 that you may see."),
        ("ben", "resolve 1", "There is no incident #1 that you may see."),
        ("nobody", "silence #1", "I do not know you"),
    ],
)
async def test_a_preview_refuses_as_the_command_would(story: Story, desk: Desk, person: str, line: str, told: str) -> None:
    await story.fires("Leak", team="payments")
    await story.card("vault")
    story.rewrite(lambda text: text.replace("dba: {members: [ben], clearance: confidential}", "dba: {members: [ben]}"))
    assert await story.app.reload()
    reply = await desk.preview(by(person, line))
    assert told in reply.text and reply.ok == ("0" in told)


async def test_what_one_may_not_see_is_not_counted(story: Story, desk: Desk) -> None:
    """Or one could sound out a secret, matcher by matcher."""
    await story.fires("Leak", team="payments")
    await story.card("vault")
    everybody = "permissions:\n  - {allow: ['*'], groups: [sre, dba, web]}\n"
    story.rewrite(lambda text: text.replace("permissions:\n", everybody))
    assert await story.app.reload()
    assert "mute 1 firing" in (await desk.preview(by("ana", 'silence alertname=~"L.*"'))).text
    assert "mute 0 firing" in (await desk.preview(by("cleo", 'silence alertname=~"L.*"'))).text
    assert "mutes 0 firing" in (await desk.command(by("cleo", 'silence alertname=~"L.*"'))).text


async def test_a_card_for_those_who_may_see_it(story: Story, desk: Desk) -> None:
    await story.fires("PgDown", team="db")
    await story.fires("Leak", team="payments", severity="warning")
    await story.card("vault")
    seen = await desk.card(by("cleo", "1"))
    assert seen and seen.title == "PgDown" and not seen.stub and seen.url.endswith("/incidents/1")
    assert await desk.card(by("cleo", "#2")) is None
    ana = await desk.card(by("ana", "#2"))
    assert ana and ana.title == "Leak"
    assert await desk.card(by("nobody", "1")) is None


@pytest.mark.parametrize("text", ["", "x", "0", "9", "-1", "1; drop", "٣", "99999999999999999999"])
async def test_no_card_where_there_is_none(desk: Desk, text: str) -> None:
    assert await desk.card(by("ana", text)) is None


async def test_a_card_in_a_channel_needs_the_channels_clearance_too(story: Story, desk: Desk) -> None:
    await story.fires("PgDown", team="db")
    await story.fires("Leak", team="payments")
    await story.card("vault")
    assert await desk.card(by("ana", "1", "ops"))
    assert await desk.card(by("ana", "2", "ops")) is None
    assert await desk.card(by("ana", "2", "vault")) is None, "who is in vault was not asked"
    assert await desk.card(by("ana", "1", "elsewhere")) is None


async def test_a_persons_own_page(story: Story, desk: Desk) -> None:
    await story.fires("PgDown", team="db")
    await story.fires("PgSlow", "warning")
    await story.fires("Leak", team="payments")
    await story.card("vault")
    assert await desk.home(by("ben")) == Home()
    await story.command("ben", "ack 1 2")
    await story.command("ana", "silence web=yes for 2h")
    await story.command("ana", "silence web=no for 25h")
    home = await desk.home(by("ben"))
    assert [card.title for card in home.mine] == ["PgDown", "PgSlow"] and home.forgotten == ()
    assert [(text, round(at - story.now(), -2)) for _, text, at in home.silences] == [('{web="yes"}', 7200)]
    await story.passes("3h")
    await story.command("ben", "ack 2 for 6h")
    await story.passes("1h1s")
    home = await desk.home(by("ben"))
    assert [card.title for card in home.forgotten] == ["PgDown"] and [card.title for card in home.mine] == ["PgSlow"]
    assert await desk.home(by("nobody")) == Home()


async def test_a_mention_names_a_person(story: Story, desk: Desk) -> None:
    await story.fires("PgDown")
    await story.card()
    reply = await desk.command(by("ana", "assign 1 @account-of-ben"))
    assert reply.text == "#1 is assigned to Ben Okafor."
    assert "nobody called" in (await desk.command(by("ana", "assign 1 @account-of-nobody"))).text


async def test_a_page_shows_no_more_than_the_person_may_see(story: Story, desk: Desk) -> None:
    await story.fires("Leak", team="payments")
    await story.card("vault")
    await story.command("ana", "assign 1 ben")
    await story.command("ana", "silence team=payments for 2h")
    assert len((await desk.home(by("ben"))).mine) == len((await desk.home(by("ben"))).silences) == 1
    await (await story.card("vault")).shows(silenced=True)
    story.rewrite(lambda text: text.replace("clearance: confidential}", "clearance: internal}"))
    assert await story.app.reload()
    assert await desk.home(by("ben")) == Home()


async def test_a_store_that_does_not_answer_is_told_as_such(story: Story, tmp_path: Path) -> None:
    store, app = await Store.open(f"sqlite:///{tmp_path / 'gone.db'}"), story.app
    commands = Commands(store, lambda: app.policy, story.now, app._told, app.wake)
    desk = Desk(lambda: app.policy, story.now, Messages(store, story.now), app.sign_in, commands)
    await store.close()
    for ask in (desk.card(by("ana", "1")), desk.home(by("ana"))):
        with pytest.raises(DeliveryError) as refused:
            await ask
        assert refused.value.kind == Failure.transient
