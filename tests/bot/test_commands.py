"""Who may do what, to what, and what is kept of it (G6)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.stories.story import BASE, Story
from tests.stories.telling import telling

RULES = BASE.replace(
    "  - {allow: [note], groups: [web]}\n",
    "  - {allow: [note], groups: [web]}\n  - {allow: [silence, assign], groups: [web, dba], where: ['team=\"db\"']}\n",
)


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    async with telling(tmp_path, RULES) as found:
        await found.fires("PgDown", team="db")
        await found.fires("Slow", team="web")
        await found.card(number=2)
        yield found


@pytest.mark.parametrize(
    ("person", "line", "ok", "told"),
    [
        ("ana", "ack 1 2", True, "#1 is acknowledged by Ana Petrova."),
        ("ben", "ack 1 2", True, "#2 is acknowledged by Ben Okafor."),
        ("cleo", "ack 1", False, "You may not ack this. Members of dba, sre may."),
        ("cleo", "unack 1", False, "You may not unack this."),
        ("cleo", "resolve 1", False, "Members of dba, sre may."),
        ("cleo", "note 2 hm", True, "Noted on #2."),
        ("cleo", "assign 1 ben", True, "#1 is assigned to Ben Okafor."),
        ("cleo", "assign 2 ben", False, "Members of sre may."),
        ("cleo", "assign 1 @BEN", True, "Ben Okafor"),
        ("cleo", "assign 1 bob", False, 'nobody called "bob". People: ana, ben, cleo'),
        ("cleo", 'silence team="db" 2h', True, "It mutes 1 firing alert now."),
        ("cleo", "silence #1 2h", True, "It mutes 1 firing alert now."),
        ("cleo", "silence #2 2h", False, "Members of sre may."),
        ("cleo", 'silence team=~"db|web" 2h', False, "Members of sre may."),
        ("cleo", 'silence {team!="web", alertname=~".+"} 2h', False, "Members of sre may."),
        ("ana", 'silence team!="web" 2h', False, "Add one that needs a label to be there."),
        ("cleo", "silence alertname=PgDown 2h", False, "Members of sre may."),
        ("ana", 'silence team=~"db|web" 2h', True, "It mutes 2 firing alerts now."),
        ("ana", "silence #9 2h", False, "no incident #9"),
        ("cleo", "unsilence ffff", False, "no silence in force has that id"),
        ("ana", "ack 1 9", False, "no incident #9 that you may see"),
        ("nobody", "ack 1", False, "I do not know you"),
        ("", "incidents", False, "I do not know you"),
    ],
)
async def test_permissions(story: Story, person: str, line: str, ok: bool, told: str) -> None:
    reply = await story.app.commands.run(person, line)
    assert (reply.ok, told in reply.text) == (ok, True), reply


async def test_a_silence_of_others_cannot_be_ended_by_who_may_not(story: Story) -> None:
    await story.app.commands.run("ana", "silence team=web 2h")
    listed = (await story.app.commands.run("cleo", "silences")).text
    ident = listed.split()[0]
    refused = await story.app.commands.run("cleo", f"unsilence {ident}")
    assert not refused.ok and "Members of sre may." in refused.text
    assert (await story.app.commands.run("ana", f"unsilence {ident}")).ok
    assert not (await story.app.commands.run("ana", f"unsilence {ident}")).ok


async def test_what_is_done_is_kept_with_its_name(story: Story) -> None:
    for person, line in (("ana", "ack 1 on it"), ("ben", "unack 1"), ("ben", "ack 1 for 2h"), ("ana", "resolve 1 done")):
        assert (await story.app.commands.run(person, line)).ok
    timeline = (await story.get("/api/v1/incidents/1"))["timeline"]
    assert [(entry["change"], entry["by"], entry["text"]) for entry in timeline if entry["by"]] == [
        ("acknowledged", "ana", "on it"), ("unacknowledged", "ben", ""), ("acknowledged", "ben", ""), ("resolved", "ana", "done"),
    ]  # fmt: skip
    assert [entry["at"] for entry in timeline] == sorted(entry["at"] for entry in timeline)


@pytest.mark.parametrize("line", ["ack 1 on it", "unack 1", "resolve 1", "assign 1 ben", "snooze 1 2h"])
async def test_repeating_is_success_and_changes_nothing(story: Story, line: str) -> None:
    await story.app.commands.run("ana", "ack 1")
    first = await story.app.commands.run("ana", line)
    before = await story.get("/api/v1/incidents/1")
    again = await story.app.commands.run("ana", line)
    after = await story.get("/api/v1/incidents/1")
    assert first.ok and again.ok
    if not line.startswith("snooze"):  # two hours from now is later now
        assert after["timeline"] == before["timeline"]


async def test_many_at_once(story: Story) -> None:
    """A button that everybody presses is pressed once by each, and the last one has it."""
    await asyncio.gather(*(story.app.commands.run(person, "ack 1") for person in ["ana", "ben"] * 10))
    one = await story.get("/api/v1/incidents/1")
    acks = [entry["by"] for entry in one["timeline"] if entry["change"] == "acknowledged"]
    assert all(first != second for first, second in itertools.pairwise(acks))
    assert one["owner"] == acks[-1]
    await story.shown()


async def test_what_is_resolved_stays_so(story: Story) -> None:
    await story.app.commands.run("ana", "resolve 1")
    for line in ("ack 1", "unack 1", "snooze 1 2h", "assign 1 ben"):
        reply = await story.app.commands.run("ana", line)
        assert "#1 is resolved already; nothing to" in reply.text
    assert (await story.get("/api/v1/incidents/1"))["state"] == "resolved"


async def test_suggestions_hold_only_what_one_may_see(story: Story) -> None:
    await story.fires("Fraud-canary", team="payments")
    await story.card("vault")
    for typed in ("", "a", "ack ", "ack 3", "why ", "unsilence ", "incident "):
        assert "canary" not in repr(await story.app.commands.suggest("cleo", typed))
    assert "canary" in repr(await story.app.commands.suggest("ana", "ack "))
    assert await story.app.commands.suggest("", "ack ") == []


async def test_commands_are_counted(story: Story) -> None:
    async def count(outcome: str) -> float:
        async with story.http.get("/metrics") as answer:
            name = f'tocsin_commands_total{{outcome="{outcome}",verb="ack"}} '
            return sum(float(line.removeprefix(name)) for line in (await answer.text()).splitlines() if line.startswith(name))

    ok, refused = await count("ok"), await count("refused")
    await story.app.commands.run("ana", "ack 1")
    await story.app.commands.run("cleo", "ack 1")
    assert (await count("ok") - ok, await count("refused") - refused) == (1, 1)
