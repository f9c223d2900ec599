"""Breaking the glass: one person, one incident, a reason, a while, and the admins told at once."""

from __future__ import annotations

import pytest

from tests.stories.story import BASE, CardOf, Story
from tests.stories.until import until

REVEAL = BASE + "reveal: {groups: [web], up_to: confidential, lasts: 15m}\n"
CANARY = "kestrel-7731"


@pytest.fixture
def config() -> str:
    rules = "    - {match: ['team=\"payments\"'], level: confidential}\n"
    return REVEAL.replace(rules, rules + "    - {match: ['team=\"board\"'], level: restricted}\n")


async def told(story: Story) -> CardOf:
    """The card that tells the admins."""

    async def look() -> CardOf:
        cards = [card for card in await story.view.cards("ops") if "beyond their clearance" in card.text]
        assert len(cards) == 1, cards
        return CardOf(story, "ops", cards[0].number)

    return await until(look, what="the admins hear of it")


async def sees(story: Story, person: str = "cleo") -> bool:
    """By command and by API, which must agree."""
    reply = await story.command(person, "incident 1")
    async with story.http.get("/api/v1/incidents/1", headers={"Authorization": f"Bearer token-of-{person}"}) as answer:
        text = await answer.text()
    assert (CANARY in reply.text) == reply.ok == (CANARY in text) == (answer.status == 200)
    return reply.ok


async def test_for_a_while_and_before_the_admins_eyes(story: Story) -> None:
    await story.fires("Fraud", summary=CANARY, team="payments")
    await story.card("vault")
    assert not await sees(story)
    reply = await story.command("cleo", "reveal 1 payments on call does not answer")
    assert reply.ok and CANARY in reply.text and "You see #1 until " in reply.text
    assert "The admins are told of it, and of your reason." in reply.text
    assert await sees(story)
    seen = await (await told(story)).shows(text="payments on call does not answer", state="firing")
    assert "Cleo Marsh looks at #1" in seen.text and CANARY not in seen.text
    await story.fires("Fraud", summary=CANARY, team="payments", cluster="us1")
    assert "#3" not in (await story.command("cleo", "incidents")).text, "one incident, and no other"
    assert CANARY not in "".join(card.text for card in await story.view.cards("ops"))
    await story.passes("14m")
    assert await sees(story)
    await story.passes("61s")
    assert not await sees(story)
    story.app.commands.notices.changed.set()
    await (await told(story)).shows(state="resolved")


async def test_it_survives_a_restart_and_not_the_group(story: Story) -> None:
    await story.fires("Fraud", summary=CANARY, team="payments")
    assert (await story.command("cleo", "reveal 1 why not")).ok
    await story.restart()
    assert await sees(story)
    story.rewrite(lambda text: text.replace("reveal: {groups: [web]", "reveal: {groups: [dba]"))
    assert await story.app.reload()
    assert not await sees(story)


@pytest.mark.parametrize(
    ("person", "line", "why"),
    [
        ("cleo", "reveal 1", "reveal needs the text of the reason."),
        ("cleo", "reveal 2 because", "#2 is more secret than may be revealed. Ask sre."),
        ("cleo", "reveal 99 because", "There is no incident #99."),
        ("ben", "reveal 2 because", "You may not reveal anything. Members of web may."),
        ("eve", "reveal 1 because", "I do not know you"),
    ],
)
@pytest.mark.parametrize("chat", ["httpchat"])
async def test_who_may_not(story: Story, person: str, line: str, why: str) -> None:
    await story.fires("Fraud", summary=CANARY, team="payments")
    await story.fires("Coup", summary=CANARY, team="board")
    reply = await story.command(person, line)
    assert not reply.ok and why in reply.text and CANARY not in reply.text
    assert CANARY not in (await story.command(person, "incident 2")).text


@pytest.mark.parametrize("chat", ["httpchat"])
async def test_without_a_word_in_the_config_nobody_may(story: Story) -> None:
    story.rewrite(lambda text: text.replace("reveal: {groups: [web], up_to: confidential, lasts: 15m}\n", ""))
    assert await story.app.reload()
    await story.fires("Fraud", summary=CANARY, team="payments")
    reply = await story.command("ana", "reveal 1 because")
    assert not reply.ok and "Nobody may: the config has no `reveal`." in reply.text


@pytest.mark.parametrize("chat", ["httpchat"])
async def test_when_it_gets_more_secret_it_is_gone(story: Story) -> None:
    await story.fires("Fraud", summary=CANARY, team="payments")
    assert (await story.command("cleo", "reveal 1 because")).ok
    await story.fires("Fraud", summary=CANARY, team="board")
    await until(lambda: _restricted(story))
    assert not await sees(story)


async def _restricted(story: Story) -> bool:
    return bool((await story.get("/api/v1/incidents/1"))["sensitivity"] == "restricted")


@pytest.mark.parametrize("chat", ["httpchat"])
async def test_who_sees_it_anyway_needs_no_glass(story: Story) -> None:
    story.rewrite(lambda text: text.replace("reveal: {groups: [web]", "reveal: {groups: [sre]"))
    assert await story.app.reload()
    await story.fires("Fraud", summary=CANARY, team="payments")
    reply = await story.command("ana", "reveal 1 because")
    assert reply.ok and "You may see #1 anyway." in reply.text and CANARY in reply.text
    await story.shown()
    assert len(await story.view.cards("ops")) == 1
