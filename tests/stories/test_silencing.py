"""Nobody is told: silences by the card and by matchers, inhibition, time intervals."""

import re

import pytest

from tests.stories.story import BASE, Story
from tests.stories.until import until

SOON = 2.0
"""Seconds within which a person who silences something sees it."""


async def test_silence_from_the_card(story: Story) -> None:
    await story.fires("PgDown")
    await story.fires("Other")
    card, other = await story.card(title="PgDown"), await story.card(title="Other")
    reply = await card.press("Silence", duration="2h", rest="disk swap")
    assert "It mutes 1 firing alert now." in reply.text
    await card.shows(state="firing", silenced=True, within=SOON)
    await card.tells("muted by a silence")
    await other.shows(silenced=False)
    listed = await story.command("ana", "silences")
    assert 'alertname="PgDown"' in listed.text and "by Ana Petrova: disk swap" in listed.text
    await story.passes("2h1s")
    await card.shows(state="firing", silenced=False)
    await card.tells("no longer muted")


async def test_silence_by_matchers_and_its_end(story: Story) -> None:
    reply = await story.command("ana", 'silence team="db" for 2h')
    assert reply.ok and "It mutes 0 firing alerts now." in reply.text
    await story.fires("PgDown", team="db")
    await story.fires("Other", team="web")
    await story.card(title="Other")
    assert [card.title for card in await story.view.cards("ops")] == ["Other"]
    ident = re.search(r"unsilence (\w+)", reply.text)
    assert ident and "is over" in (await story.command("ana", f"unsilence {ident[1][:4]}")).text
    card = await until(lambda: story.card(title="PgDown"), within=SOON)
    await card.shows(state="firing", silenced=False)


async def test_what_comes_and_goes_silenced_is_never_shown(story: Story) -> None:
    await story.command("ana", 'silence team="db" for 2h')
    await story.fires("PgDown", team="db")
    await story.resolves("PgDown", team="db")
    await story.passes("31s")

    async def resolved() -> bool:
        return [one["state"] for one in (await story.get("/api/v1/incidents?state=all"))["incidents"]] == ["resolved"]

    await until(resolved)
    await story.fires("Last")
    await story.card(title="Last")
    assert [card.title for card in await story.view.cards("ops")] == ["Last"]


INHIBIT = "inhibit:\n  - {source: ['alertname=\"ClusterDown\"'], target: ['severity=\"warning\"'], equal: [cluster]}\n"


@pytest.mark.parametrize("config", [BASE + INHIBIT])
async def test_inhibition(story: Story) -> None:
    await story.fires("Slow", "warning")
    await story.fires("Slow", "warning", cluster="us1")
    card = await story.card(number=1)
    await story.fires("ClusterDown")
    await card.shows(silenced=True)
    await card.tells("muted while a worse alert fires")
    await (await story.card(number=2)).shows(silenced=False)
    await story.resolves("ClusterDown")
    await card.shows(silenced=False)


NIGHT = "time_intervals:\n  never: [{years: ['2000']}]\n"


@pytest.mark.parametrize("config", [BASE + "  active_time_intervals: [never]\n" + NIGHT])
async def test_a_reload_ends_a_mute_by_time(story: Story) -> None:
    await story.fires("PgDown")
    await until(lambda: _muted(story))
    assert await story.view.cards("ops") == []
    story.rewrite(lambda text: text.replace("  active_time_intervals: [never]\n", ""))
    assert await story.app.reload()
    await (await story.card()).shows(silenced=False)


async def _muted(story: Story) -> bool:
    return "firing, muted" in (await story.command("ana", "incidents")).text
