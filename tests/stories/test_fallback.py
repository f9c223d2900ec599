"""A critical that its chat cannot show is shown elsewhere, and completed where it belongs when the chat is back (G7, G2, G3)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.config import load
from bot.config.check import warnings
from bot.store import fallbacks
from tests.standins.faults import Fault
from tests.standins.smtp import SmtpServer
from tests.stories.story import BASE, Story
from tests.stories.telling import telling
from tests.stories.until import until
from tests.stories.views import ConsoleView

CONFIG = (
    BASE.replace("chats: {work: CHAT}", "chats: {work: CHAT, own: {type: console}}")
    .replace(
        "channels:\n  ops: {chat: work, id: ops, clearance: internal, audience: [sre, dba, web]}",
        "channels:\n  ops: {chat: work, id: ops, clearance: internal, audience: [sre, dba, web], fallback: night}\n"
        "  night: {chat: own, clearance: internal, audience: [sre, dba, web]}\n"
        "  safe: {chat: own, clearance: restricted, audience: [sre]}",
    )
    .replace(
        "id: vault, clearance: restricted, audience: [sre]}",
        "id: vault, clearance: restricted, audience: [sre], fallback: night}",
    )
)
DOWN = Fault("status", status=503)


@pytest.fixture
async def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Story]:
    monkeypatch.setattr("bot.fallback.EVERY_SECONDS", 0.05)
    monkeypatch.setattr("bot.watch.EVERY_SECONDS", 0.05)
    async with telling(tmp_path, CONFIG) as found:
        yield found


class Night:
    """The channel `night`, in the browser."""

    def __init__(self, story: Story) -> None:
        self.view = ConsoleView(story.url)

    async def __aenter__(self) -> ConsoleView:
        return self.view

    async def __aexit__(self, *_: object) -> None:
        await self.view.close()


def broken(story: Story, *faults: Fault) -> None:
    assert story.server
    story.server.break_with(*faults)


async def test_a_critical_goes_to_the_fallback_and_comes_back_once(story: Story) -> None:
    assert story.server
    broken(story, DOWN)
    await story.fires("PgDown", severity="critical", summary="orders-db is down")
    await story.fires("DiskFull", severity="high")
    await story.passes("1m")
    async with Night(story) as night:
        assert await night.cards("night") == []  # not yet
        await story.passes("61s")
        [card] = await until(lambda: night.cards("night"), what="the card in the fallback")
        assert (card.title, card.state) == ("orders-db is down", "firing")
        assert "Fallback for ops: its chat does not answer." in card.text
        await night.says("ana", "night", card.buttons["Ack"])  # one can act on it there

        async def acked() -> bool:
            return (await night.cards("night"))[0].state == "acknowledged"

        await until(acked)
        assert story.server.posts == {}
        broken(story)
        await story.shown("20s")

        async def says_so() -> bool:
            return "Fallback for ops, where it is shown by now." in (await night.cards("night"))[0].text

        await until(says_so)
        assert len(await night.cards("night")) == 1
    shown = sorted((post.shown["title"], post.shown["state"]) for post in story.server.posts.values())
    assert ("orders-db is down", "acknowledged") in shown
    assert len({post.shown["number"] for post in story.server.posts.values()}) == len(story.server.posts)
    await story.resolves("PgDown", severity="critical")
    await story.passes("31s")
    async with Night(story) as night:

        async def resolved() -> bool:
            return [card.state for card in await night.cards("night")] == ["resolved"]

        await until(resolved)


async def test_the_fallback_sees_no_more_than_it_may(story: Story) -> None:
    """The vault may show it all, its fallback only that there is something."""
    broken(story, DOWN)
    await story.fires("Fraud", severity="critical", summary="kestrel-7731", team="payments")
    await story.passes("121s")
    async with Night(story) as night:
        [card] = await until(lambda: night.cards("night"))
        assert card.stub and "kestrel-7731" not in repr(card)
        assert "Fallback for" in card.text


async def test_one_channel_that_is_gone_is_no_outage(story: Story) -> None:
    broken(story, Fault("status", status=410, channel="ops"))
    await story.fires("PgDown", severity="critical")
    await story.passes("121s")
    async with Night(story) as night:
        [card] = await until(lambda: night.cards("night"))
        assert "Fallback for ops: it could not be shown there in time." in card.text


async def test_what_is_shown_or_muted_or_minor_stays(story: Story) -> None:
    await story.fires("Shown", severity="critical")
    await story.shown()
    broken(story, DOWN)
    await story.fires("Minor", severity="high")
    await story.passes("10m")
    async with Night(story) as night:
        assert await night.cards("night") == []


async def test_the_admins_are_told_of_a_chat_that_is_down(story: Story) -> None:
    broken(story, DOWN)
    await story.accepts([story.alert(f"Down{n}", "high") for n in range(8)])

    async def told() -> bool:
        found = (await story.get("/api/v1/incidents?state=open&limit=100"))["incidents"]
        return "TocsinChatDown" in [one["labels"]["alertname"] for one in found]

    await until(told)
    await story.passes("121s")
    async with Night(story) as night:  # `ops` is the admins' channel: this, too, goes to its fallback
        [card] = await until(lambda: night.cards("night"))
        assert card.title.startswith("work does not answer.")
        broken(story)
        await story.shown("20s")

        async def over() -> bool:
            return (await night.cards("night"))[0].state == "resolved"

        await until(over)


async def test_e_mail_as_a_fallback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.fallback.EVERY_SECONDS", 0.05)
    async with SmtpServer() as server:
        mail = f"{{type: email, host: 127.0.0.1, port: {server.port}, security: none, sender: tocsin@example.com}}"
        text = CONFIG.replace("{type: console}", mail).replace(
            "night: {chat: own,", 'night: {chat: own, id: "oncall@example.com",'
        )
        async with telling(tmp_path, text) as story:
            broken(story, DOWN)
            await story.fires("PgDown", severity="critical", summary="orders-db is down")
            await story.fires("Fraud", severity="critical", summary="kestrel-7731", team="payments")
            await story.passes("121s")

            async def written(count: int) -> bool:
                return len(server.letters) == count

            await until(lambda: written(2))
            broken(story)
            await story.shown("20s")

            async def known() -> bool:
                return not await story.app.store.read(fallbacks.back)

            await until(known, what="the fallback knows that the chat is back")
            await story.resolves("PgDown", severity="critical")
            await story.passes("31s")
            await until(lambda: written(3))
    told = {re.sub(r" #\d+", "", letter["Subject"]): letter.get_content() for _, letter in server.letters}
    assert sorted(told) == ["[critical] confidential incident", "[critical] orders-db is down", "[resolved] orders-db is down"]
    assert "Fallback for ops: its chat does not answer." in told["[critical] orders-db is down"]
    assert "Fallback for ops, where it is shown by now." in told["[resolved] orders-db is down"]
    assert "kestrel" not in repr(told)


def test_weak_fallbacks_are_told(tmp_path: Path) -> None:
    text = CONFIG.replace("{work: CHAT, own: ", "{work: ").replace("chat: own", "chat: work")
    text = re.sub(" httpchat: [a-z-]+,", "", text)
    (tmp_path / "config.yaml").write_text(text)
    found = [line for line in warnings(load(tmp_path / "config.yaml", {})) if "fallback" in line]
    assert found == [
        "channels.ops: its fallback night is in the same chat, so neither answers when that is down",
        "channels.vault: its fallback night is in the same chat, so neither answers when that is down",
        "channels.vault: its fallback night is cleared for internal only, so that what is more secret arrives there as a stub",
    ]
