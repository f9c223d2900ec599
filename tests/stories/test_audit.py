"""The audit log tells who did and was shown what, and tells it first (G6)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.grounds import known_at
from bot.store import audit, tables
from bot.store.engine import Store
from bot.store.writer import StoreUnavailable
from bot.witness import Witness
from rules.audit_entry import walk
from tests.standins.faults import Fault
from tests.stories.story import Story
from tests.stories.telling import telling
from tests.stories.test_groups import GROUPS, sets
from tests.stories.test_secrecy import CANARY, secret
from tests.stories.until import until

Told = list[dict[str, Any]]


async def log_of(story: Story, *kinds: str) -> Told:
    """The rows of these kinds, oldest first, with what their body says beside the rest."""
    rows = await story.app.store.read(lambda conn: list(audit.rows(conn, tables.audit.c.kind.in_(kinds))))
    return [{**row._asdict(), **json.loads(row.body)} for row in rows]


async def whole(story: Story) -> None:
    assert not (await story.app.store.read(lambda conn: walk(audit.rows(conn)))).why


def of(rows: Told, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


async def test_each_act_and_each_refusal(story: Story) -> None:
    await story.fires("One")
    await story.fires("Two")
    first = await story.card("ops", number=1)
    await first.press("Ack", by="ana")
    assert not (await story.command("cleo", "ack 1 2")).ok
    await story.order("ben", "note 1 on it")
    await story.order("cleo", "incident 77")
    await story.order("ana", 'silence cluster="eu1" for 1h disk')
    ident = (await story.order("ana", "silences"))["text"].split()[0]
    await story.order("cleo", f"unsilence {ident}")
    await story.order("ana", f"unsilence {ident}")
    await story.order("ana", "incidents")
    await story.order("ana", "ack")  # no command at all: neither done nor refused
    told = await log_of(story, "act", "refusal")
    assert of(told, "kind", "actor", "verb", "incident") == [
        ("act", "ana", "ack", 1),
        ("refusal", "cleo", "ack", 1),
        ("refusal", "cleo", "ack", 2),
        ("act", "ben", "note", 1),
        ("refusal", "cleo", "incident", 77),
        ("act", "ana", "silence", 0),
        ("refusal", "cleo", "unsilence", 0),
        ("act", "ana", "unsilence", 0),
    ]
    assert told[0]["outcome"] == "#1 is acknowledged by Ana Petrova." and told[0]["via"].startswith("work:")
    assert (told[0]["channel"], told[3]["channel"]) == ("ops", "")
    assert "Members of dba, sre may" in told[1]["outcome"] and told[1]["line"] == "ack 1 2"
    assert (told[3]["line"], told[3]["via"]) == ("note 1 on it", "api")
    assert told[5]["line"] == 'silence {cluster="eu1"} for 1h disk' and "It mutes 2 firing alerts" in told[5]["outcome"]
    await whole(story)


async def test_a_password_that_somebody_typed_is_not_kept(story: Story) -> None:
    await story.fires("One")
    await story.order("ana", "note 1 the password=hunter2 works")
    assert (await log_of(story, "act"))[0]["line"] == "note 1 the password=[secret] works"


@pytest.mark.parametrize("chat", ["httpchat"])
async def test_somebody_unknown(story: Story) -> None:
    assert story.server
    await story.view.says("eve", "ops", "ack 1")
    assert of(await log_of(story, "refusal"), "actor", "channel", "verb") == [("work:account-of-eve", "ops", "ack")]


async def test_each_secret_that_a_channel_gets_to_see(story: Story) -> None:
    await story.view.lets_in("ana", "vault")
    await story.accepts(secret(story))
    await story.fires("Plain")
    card = await story.card("vault")
    await card.shows(stub=False)
    for line in ("ack", "note", "snooze"):
        await story.order("ana", f"{line} {card.number} {'1h' if line == 'snooze' else 'x'}")
    await story.shown()
    told = await log_of(story, "disclosure")
    assert of(told, "channel", "incident", "level", "actor") == [("vault", card.number, "confidential", "")]
    assert len(told[0]["members"]) == 1 and told[0]["revision"] >= 1
    assert CANARY not in repr(await log_of(story, "act", "refusal", "standing", "config")) + repr(told)
    await whole(story)


async def test_each_secret_that_a_person_looks_at(story: Story) -> None:
    await story.accepts(secret(story))
    await story.fires("Plain")
    number, plain = (await story.card("vault")).number, (await story.card("ops", title="Plain")).number
    await story.shown()

    async def looks(person: str, *lines: str) -> list[tuple[Any, ...]]:
        before = len(await log_of(story, "disclosure"))
        for line in lines:
            await story.order(person, line)
        return of((await log_of(story, "disclosure"))[before:], "actor", "incident", "via")

    assert await looks("ben", f"incident {number}", f"why {number}", f"incident {number}") == [("ben", number, "api")]
    assert await looks("ben", f"incident {plain}", "incidents", "whoami") == []
    assert await looks("cleo", f"incident {number}") == []
    await story.order("ana", f"ack {number}")
    await story.shown()
    before = len(await log_of(story, "disclosure"))
    await story.get(f"/api/v1/incidents/{number}", "ben")  # it says something else by now
    await story.get("/api/v1/incidents", "ana")
    assert of((await log_of(story, "disclosure"))[before:], "actor", "incident") == [("ben", number), ("ana", number)]


@pytest.mark.parametrize("chat", ["httpchat"])
async def test_it_is_told_before_it_is_shown(story: Story) -> None:
    """A post that the chat does not take leaves its row all the same."""
    assert story.server
    story.server.break_with(Fault("status", "post", status=503))
    await story.accepts(secret(story))

    async def look() -> bool:
        return of(await log_of(story, "disclosure"), "channel") == [("vault",)]

    await until(look, what="the row")
    assert not await story.view.cards("vault")


async def test_what_cannot_be_told_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    async with telling(tmp_path / "other", chat="console") as story:
        store = await Store.open(f"sqlite:///{tmp_path}/tocsin.db")
        witness = Witness(store, lambda: story.app.policy, story.now)
        await store.close()
        with pytest.raises(StoreUnavailable):
            await witness.shown_in("vault", [(1, 1, "confidential")], ["ana"])
        await witness.shown_in("vault", [(1, 1, "internal")], ["ana"])


@pytest.mark.parametrize(("chat", "config"), [("httpchat", GROUPS.replace("GROUP", "httpchat_group"))])
async def test_who_came_to_a_group_and_which_config_counted(story: Story) -> None:
    await sets(story, "eve")

    async def look() -> Told:
        rows = [row for row in await log_of(story, "standing") if not row["channel"]]
        assert rows and rows[-1]["members"] == {"account-of-eve": "Eve"}, rows
        return rows

    rows = await until(look, what="the row")
    assert (rows[-1]["group"], rows[-1]["chat"]) == ("lab", "work")
    assert await story.app.reload()
    story.rewrite(lambda text: text.replace("lab: {httpchat_group", "lab: {clearance: internal, httpchat_group", 1).replace(
        "S0LAB, clearance: confidential", "S0LAB"))  # fmt: skip
    assert await story.app.reload()
    first, second, third = await log_of(story, "config")
    assert of([first, second, third], "by") == [("start",), ("reload",), ("reload",)]
    assert second["same_as"] == first["id"] and first["digest"] == second["digest"] != third["digest"]
    assert first["grounds"]["groups"]["lab"]["clearance"] == "confidential" and "lab" in third["grounds"]["groups"]
    assert "token-of" not in repr([first, second, third])
    known = await story.app.store.read(known_at, first["at"])
    assert known and known.grounds.groups["lab"].clearance == "confidential" and not known.joined
    known = await story.app.store.read(known_at, story.now())
    assert known and known.grounds.groups["lab"].clearance == "internal"
    assert [one.members for one in known.joined] == [{"account-of-eve": "Eve"}]
    heads = [entry["head"] for entry in story.logs if entry["event"] == "config_audited"]
    assert heads == [row["hash"] for row in (first, second, third)]


async def test_signing_in(tmp_path: Path) -> None:
    async with telling(tmp_path, chat="console") as story:
        door = story.app.sign_in
        for secret_word in ("token-of-ben", door.one_time_code("ana"), "wrong"):
            await door.sign_in(secret_word, "192.0.2.1")
        assert of(await log_of(story, "sign_in"), "actor", "by") == [("ben", "token"), ("ana", "link")]
