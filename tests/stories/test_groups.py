"""Groups whose members a chat tells: who comes may, who leaves may not, and when nobody can tell, nobody may."""

from __future__ import annotations

import pytest

from adapters.chat import Desk, Reply
from tests.standins.faults import Fault
from tests.stories.story import BASE, Story
from tests.stories.until import until
from tests.stories.views import desk_of
from tests.stories.views_discord import ACCOUNTS as ON_DISCORD
from tests.stories.views_slack import ACCOUNTS

LAB = "groups:\n  lab: {GROUP: S0LAB, clearance: confidential}\n"
GROUPS = BASE.replace("groups:\n", LAB).replace("permissions:\n", "permissions:\n  - {allow: [ack], groups: [lab]}\n")


KEYS = {"httpchat": "httpchat_group", "slack": "slack_usergroup", "discord": "discord_role"}
ROLE = "41771983423143999"


@pytest.fixture(params=["httpchat", "slack", "discord"])
def chat(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def config(chat: str) -> str:
    found = GROUPS.replace("GROUP", KEYS[chat])
    return found.replace("S0LAB", f"'{ROLE}'") if chat == "discord" else found


async def sets(story: Story, *people: str) -> None:
    """From now on these are in the group, and the chat says so."""
    if story.slack:
        story.slack.usergroup("S0LAB", "lab", [ACCOUNTS[person] for person in people])
        await story.slack.event({"type": "subteam_members_changed", "subteam_id": "S0LAB"})
    elif story.discord:
        if ROLE not in story.discord.world.roles:
            story.discord.role(ROLE, "lab")
        for person, one in ON_DISCORD.items():
            (story.discord.give if person in people else story.discord.take)(one, ROLE)
    else:
        assert story.server
        story.server.groups["S0LAB"] = {f"account-of-{person}": person.title() for person in people}
        desk(story).group_changed("work", "S0LAB")


def desk(story: Story) -> Desk:
    return desk_of(story.app._chats["work"])


async def answered(story: Story, person: str, line: str, text: str, ok: bool = True) -> Reply:
    """Waits until the person is answered so."""

    async def look() -> Reply:
        reply = await story.command(person, line)
        assert reply.ok is ok and text in reply.text, reply
        return reply

    return await until(look, what=f"{text!r} to {line!r} of {person}")


async def test_who_comes_may_and_who_leaves_may_not(story: Story) -> None:
    await story.fires("Fraud", team="payments")
    await story.fires("Other")
    await sets(story, "eve")
    told = await answered(story, "eve", "whoami", "Groups: lab")
    assert "You are Eve (work:" in told.text.replace("eve", "Eve") and "Clearance: confidential" in told.text
    acked = await answered(story, "eve", "ack 1", "#1 is acknowledged by")
    assert "Eve" in acked.text or "eve" in acked.text
    card = await story.card("vault")
    await card.shows(state="acknowledged", who=acked.text.partition(" by ")[2].rstrip("."))
    assert (await story.get("/api/v1/incidents/1"))["owner"] == f"work:{account(story, 'eve')}"
    await sets(story)
    refused = await answered(story, "eve", "ack 2", "I do not know you", ok=False)
    assert "Ask sre to add you" in refused.text and "`lab`" in refused.text
    await card.shows(state="acknowledged", who=acked.text.partition(" by ")[2].rstrip("."))  # what they did keeps its name


async def test_nobody_takes_the_name_of_another(story: Story) -> None:
    if story.server:
        await sets(story, "eve")
        await answered(story, "eve", "whoami", "You are Eve (work:account-of-eve)")
        story.server.groups["S0LAB"] = {"account-of-eve": " ana\n petrova"}
        desk(story).group_changed("work")
        await story.passes("6m")
        await answered(story, "eve", "whoami", "You are ana petrova (account-of-eve) (work:account-of-eve).")


async def told(story: Story) -> bool:
    return any("group lab" in card.text and "may do nothing until then" in card.text for card in await story.view.cards("ops"))


async def degraded(story: Story) -> bool:
    await story.passes("1m")
    async with story.http.get("/readyz") as answer:
        assert answer.status == 200
        return "does not tell who is in the group lab" in await answer.text()


def account(story: Story, person: str) -> str:
    return (ACCOUNTS if story.slack else ON_DISCORD)[person] if not story.server else f"account-of-{person}"


async def test_a_person_of_the_config_gains_and_loses_by_it(story: Story) -> None:
    await story.fires("Fraud", team="payments")
    await answered(story, "cleo", "incident 1", "no incident #1 that you may see", ok=False)
    await sets(story, "cleo")
    await answered(story, "cleo", "incident 1", "#1 critical")
    assert "Groups: lab, web" in (await story.command("cleo", "whoami")).text
    await sets(story, "eve")
    await answered(story, "cleo", "incident 1", "no incident #1 that you may see", ok=False)


@pytest.mark.parametrize("chat", ["httpchat"])
async def test_when_nobody_can_tell_nobody_may(story: Story) -> None:
    assert story.server
    await sets(story, "eve")
    await answered(story, "eve", "whoami", "Groups: lab")
    story.server.break_with(Fault("status", "members_of", status=503))
    await story.passes("59m")
    await answered(story, "eve", "whoami", "Groups: lab")
    await story.passes("2m")
    await answered(story, "eve", "whoami", "I do not know you")
    await until(lambda: degraded(story), what="/readyz says so")
    story.app.notices.changed.set()
    await until(lambda: told(story), what="the admins hear of it")
    story.server.break_with()
    await story.passes("1m")
    await answered(story, "eve", "whoami", "Groups: lab")
    story.server.break_with(Fault("status", "members_of", status=503))
    desk(story).group_changed("work")  # somebody came or left, and nobody can tell who
    await story.passes("61s")
    await answered(story, "eve", "whoami", "I do not know you")
