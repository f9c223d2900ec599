"""More than a channel takes: what is critical first, one card for the rest, and each of them accounted for (G4, G5)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.store.deliveries import UNTRIED
from bot.store.tables import audit, deliveries
from tests.standins.faults import Fault
from tests.standins.httpchat import HttpChatServer
from tests.stories.story import BASE, Story, iso
from tests.stories.telling import telling
from tests.stories.until import until

SLOW = BASE.replace("group_by: [alertname, cluster]", "group_by: [alertname, cluster, instance]")


@pytest.fixture
def pace() -> tuple[float, int]:
    return 5.0, 1


@pytest.fixture
def config() -> str:
    return "storm_after: 2s\n" + SLOW


@pytest.fixture
async def story(config: str, pace: tuple[float, int], tmp_path: Path) -> AsyncIterator[Story]:
    """A platform that refuses what is beyond its pace."""
    per_second, burst = pace
    async with telling(tmp_path, config, chat_config=f", per_second: {per_second}, burst: {burst}") as found:
        platform(found).break_with(Fault("rate", per_second=per_second, burst=burst))
        yield found


def platform(story: Story) -> HttpChatServer:
    assert story.server
    return story.server


def cards(story: Story, channel: str = "ops") -> list[dict[str, Any]]:
    return [post.shown for post in platform(story).posts.values() if post.channel == channel and not post.deleted]


def storm_cards(story: Story, channel: str = "ops") -> list[dict[str, Any]]:
    return [card for card in cards(story, channel) if card.get("storm")]


def own(story: Story, channel: str = "ops") -> list[dict[str, Any]]:
    return [card for card in cards(story, channel) if not card.get("storm")]


async def accounted(story: Story, count: int, channel: str = "ops") -> dict[str, Any]:
    """Waits until each incident has its card or is counted on the storm card, which it returns."""

    async def look() -> dict[str, Any]:
        (storm,) = storm_cards(story, channel)
        found = len(own(story, channel)) + storm["total"]
        assert found == count, f"{found} of {count}: {storm}"
        return storm

    return await until(_settled(look), what=f"{count} incidents shown in {channel}")


def _settled(look: Any) -> Any:
    async def careful() -> Any:
        try:
            return await look()
        except ValueError as problem:  # no storm card yet
            raise AssertionError(str(problem)) from problem

    return careful


async def flood(story: Story, count: int, severity: str = "warning", **labels: str) -> None:
    await story.accepts([story.alert("Down", severity, instance=f"{severity}-{n}", **labels) for n in range(count)])


async def test_a_storm_is_one_card_and_what_is_critical_comes_first(story: Story) -> None:
    await flood(story, 60, team="db")
    began = time.monotonic()
    await story.fires("Worst", instance="x")
    await story.card("ops", "Worst")
    assert time.monotonic() - began < 2.0
    storm = await accounted(story, 61)
    assert (storm["state"], storm["severity"], storm["number"]) == ("firing", 2, 0)
    assert len(own(story)) < 15 and "Worst" not in str(storm["lines"])
    told = dict(storm["fields"])
    assert int(told["warning"]) == storm["firing"] == storm["total"]
    assert "team=db" in told[f"{storm['total']} of {storm['total']}"]
    assert storm["lines"][0]["text"].startswith("#") and "Down" in storm["lines"][0]["text"]
    assert not platform(story).answers[429]


async def test_whoever_acts_on_an_incident_of_a_storm_gets_its_card(story: Story) -> None:
    await flood(story, 60)
    storm = await accounted(story, 60)
    button = storm["buttons"][0]
    number = int(button["command"].split()[1])
    for question in ("why", "incident"):
        await until(partial(_says, story, f"{question} {number}", "storm card"))
    assert "storm" in str((await story.get("/readyz"))["degraded"])
    assert (await story.command("ana", button["command"])).ok
    card = await story.card("ops", number=number)
    await card.shows(state="acknowledged", who="Ana Petrova")
    await accounted(story, 60)


async def _says(story: Story, line: str, words: str) -> bool:
    return words in (await story.command("ana", line)).text


async def test_a_storm_ends_by_itself_and_says_what_it_carried(story: Story) -> None:
    await flood(story, 60)
    storm = await accounted(story, 60)
    last = {card["number"] for card in own(story)}
    stay = sorted(set(range(1, 61)) - last)[:4]
    over = [story.alert("Down", "warning", instance=f"warning-{n - 1}") for n in range(1, 61) if n not in stay]
    await story.passes("20s")
    await story.accepts([{**alert, "status": "resolved", "endsAt": iso(story.now())} for alert in over])
    await story.passes("31s")

    async def ends() -> bool:
        await story.passes("0s")
        (found,) = storm_cards(story)
        assert found["state"] == "resolved", found
        assert {card["number"] for card in own(story)} >= {*last, *stay}
        return True

    await until(ends, 20, "the end of the storm")
    await story.shown()
    (found,) = storm_cards(story)
    assert found["total"] + 4 == storm["total"] and f"carried {storm['total']} incidents" in found["title"]
    states = dict.fromkeys(last, "resolved") | dict.fromkeys(stay, "firing")
    assert {card["number"]: card["state"] for card in own(story)} == states


async def test_a_storm_that_ends_while_its_card_is_being_edited_says_so(story: Story) -> None:
    await flood(story, 60)
    await accounted(story, 60)
    late = Fault("hang", op="update", seconds=1.5, times=1)
    platform(story).break_with(late, Fault("rate", per_second=5.0))
    await story.passes("31s")
    await until(lambda: _struck(late), what="an edit that takes long")
    over = [story.alert("Down", "warning", instance=f"warning-{n}") for n in range(60)]
    await story.accepts([{**alert, "status": "resolved", "endsAt": iso(story.now())} for alert in over])

    async def ends() -> bool:
        await story.passes("2s")
        assert {card["state"] for card in storm_cards(story)} == {"resolved"}, storm_cards(story)
        return True

    await until(ends, what="a card that says that the storm is over")


async def _struck(fault: Fault) -> bool:
    return fault.times == 0


async def test_a_storm_goes_on_after_a_restart(story: Story) -> None:
    await flood(story, 60)
    await accounted(story, 60)
    await story.restart()
    await flood(story, 30, "high")
    await until(lambda: _counts(story, 90))
    assert len(storm_cards(story)) == 1


async def _counts(story: Story, count: int) -> bool:
    found = sum(card["total"] for card in storm_cards(story)) + len(own(story))
    assert found == count, f"{found} of {count}"
    return True


async def test_what_waits_counts_as_tried_by_nobody_until_right_before_its_post(story: Story) -> None:
    """So that after a restart the chat is asked about what may have been posted, and about nothing else."""
    platform(story).break_with(Fault("hang", op="post", seconds=1.0))
    await flood(story, 10)
    await until(partial(_posted, story), what="a post under way")
    under_way = {int(post.key.split("-")[1]) for post in platform(story).posts.values()}
    rows = await story.app.store.read(lambda conn: conn.execute(select(deliveries.c.id, deliveries.c.run)).all())
    assert {row.id: row.run for row in rows if row.id in under_way} == dict.fromkeys(under_way, story.app.store.run)
    assert {row.run for row in rows if row.id not in under_way} == {UNTRIED}


async def _posted(story: Story) -> bool:
    return len(platform(story).posts) > 0


async def test_what_a_channel_may_not_see_is_only_counted(story: Story) -> None:
    await flood(story, 30, team="payments", secret="kestrel-7731")
    await flood(story, 30, "high")
    storm = await accounted(story, 60)
    withheld = int(storm["summary"].split(" withheld")[0].split()[-1])
    assert withheld > 15 and withheld + sum(card["stub"] for card in own(story)) == 30
    assert "kestrel" not in str(cards(story)) and "payments" not in str(cards(story))


async def test_what_was_over_before_it_could_be_shown_is_one_line_each(story: Story) -> None:
    blocked = Fault("status", status=429, retry_after=300.0, channel="ops", times=1)
    platform(story).break_with(blocked, Fault("rate", per_second=5.0))
    await story.fires("First", instance="0")
    await until(lambda: _refused(story))
    platform(story).answers.clear()
    burning = [story.alert(f"Brief{n}", instance=str(n)) for n in range(30)]
    await story.accepts(burning)
    await story.passes("20s")
    await story.accepts([{**alert, "status": "resolved", "endsAt": iso(story.now())} for alert in burning])
    await story.passes("40s")
    await asyncio.sleep(0.2)
    await story.passes("5m")
    await story.shown("0s")
    (summary,) = storm_cards(story)
    assert (summary["state"], summary["total"], summary["firing"]) == ("resolved", 30, 0)
    assert "30 incidents came and went" in summary["title"] and "Brief29" in str(summary["lines"])
    assert [card["title"] for card in own(story)] == ["First"]


async def _refused(story: Story) -> bool:
    return platform(story).answers[429] > 0


async def test_a_full_channel_holds_no_other(story: Story) -> None:
    await flood(story, 60)
    began = time.monotonic()
    await story.fires("Secret", severity="low", team="payments", instance="v")
    await story.card("vault", "Secret")
    assert time.monotonic() - began < 2.0 and not platform(story).answers[429]


async def test_a_storm_card_shows_no_more_than_its_channel_merits_by_now(story: Story) -> None:
    """Open or over: what stands there is drawn anew, as any card (G3)."""
    await flood(story, 60, team="kestrel")
    assert "kestrel" in str(await accounted(story, 60))
    story.rewrite(lambda text: text.replace("clearance: internal", "clearance: public"))
    assert await story.app.reload()

    async def hidden() -> bool:
        assert "kestrel" not in str(cards(story)) and "Down" not in str(cards(story))
        (storm,) = storm_cards(story)
        assert f"{storm['total']} withheld" in storm["summary"] and storm["lines"] == []
        return True

    await until(hidden, 30, "a storm card without what is withheld")


async def test_who_saw_it_on_a_storm_card_is_in_the_audit_log(story: Story) -> None:
    await story.accepts([story.alert("Fraud", "high", instance=str(n), team="payments") for n in range(60)])

    async def told() -> bool:
        noted = select(audit.c.incident).where(audit.c.channel == "vault")
        rows = await story.app.store.read(lambda conn: conn.execute(noted).all())
        assert {row.incident for row in rows} >= set(range(1, 61))
        return True

    await until(told, what="all sixty noted as disclosed in the vault")
    await until(lambda: _stands(story, "vault"), what="a storm card in the vault")


async def _stands(story: Story, channel: str) -> bool:
    return any(card["total"] > 40 for card in storm_cards(story, channel))


@pytest.mark.parametrize("kind", ["slack", "discord"])
async def test_it_is_the_same_on_every_platform(kind: str, tmp_path: Path) -> None:
    async with telling(tmp_path, "storm_after: 2s\n" + SLOW, chat=kind) as story:
        await flood(story, 60)
        await story.fires("Worst", instance="x")
        await story.card("ops", "Worst")

        async def carried() -> str:
            seen = await story.view.cards("ops")
            storms = [card for card in seen if card.number == 0]
            assert len(storms) == 1 and f"{62 - len(seen)} incidents" in storms[0].title, [card.title for card in seen]
            return next(command for command in storms[0].buttons.values() if command.startswith("ack "))

        command = await until(carried, what="a storm card for what has none of its own")
        assert (await story.command("ana", command)).ok
        await (await story.card("ops", number=int(command.split()[1]))).shows(state="acknowledged", who="Ana Petrova")
        if story.slack:
            assert not story.slack.rates.refused
