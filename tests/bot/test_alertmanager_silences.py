"""Silences of Alertmanager's API: one store with chat, the same rights, second persons and audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.alertmanager.shapes import time_text
from tests.bot.alertmanager_client import CONFIG, ask, made, silence
from tests.stories.story import Story
from tests.stories.telling import telling
from tests.stories.test_audit import log_of, of

APPROVALS = (
    CONFIG.replace("[ack, resolve, snooze, note]", "[ack, resolve, snooze, note, silence]")
    + """
approvals:
  - {verbs: [silence], severity: critical, groups: [sre], within: 15m}
"""
)


@pytest.fixture
def config() -> str:
    return CONFIG


@pytest.fixture
async def story(tmp_path: Path, config: str) -> AsyncIterator[Story]:
    async with telling(tmp_path, config) as found:
        yield found


async def test_one_store_with_chat(story: Story) -> None:
    await story.fires("PgDown")
    card = await story.card()
    client = ask(story)
    assert (await story.command("ana", "silence alertname=PgDown for 2h disk swap")).ok
    (one,) = await client.get("/silences")
    assert (one["createdBy"], one["comment"], one["status"]) == ("Ana Petrova", "disk swap", {"state": "active"})
    assert await client.get(f"/silence/{one['id']}") == one
    assert one["id"][-6:] in (await story.command("ana", "silences")).text
    await card.shows(silenced=True)
    assert (await client("DELETE", f"/silence/{one['id']}")) == (200, "")
    await card.shows(silenced=False)
    assert (await client.get(f"/silence/{one['id']}"))["status"] == {"state": "expired"}
    assert (await client("DELETE", f"/silence/{one['id']}")).status == 200, "again is no mistake"

    number = (await made(client, silence(story, createdBy="deploy-bot")))[-6:]
    await card.shows(silenced=True)
    assert 'for 1h more, by Ana Petrova as "deploy-bot": deploy' in (await story.command("ana", "silences")).text
    assert (await story.command("ana", f"unsilence {number}")).ok
    await card.shows(silenced=False)
    assert of(await log_of(story, "act"), "actor", "verb", "via")[1:3] == [
        ("ana", "unsilence", "alertmanager-api"), ("ana", "silence", "alertmanager-api"),
    ]  # fmt: skip


async def test_a_silence_with_no_maker_is_of_the_person(story: Story) -> None:
    client = ask(story)
    await made(client, silence(story, createdBy=""))
    assert [one["createdBy"] for one in await client.get("/silences")] == ["Ana Petrova"]


async def test_a_silence_to_come_mutes_at_its_moment(story: Story) -> None:
    """What fires already and what fires meanwhile, across a restart; chat tells of it before."""
    await story.fires("PgDown")
    card, client = await story.card(title="PgDown"), ask(story)
    early = await made(client, silence(story, begins=1800, lasts=3600))
    gone = await made(client, silence(story, begins=1800, lasts=7200))
    listed = (await story.command("ana", "silences")).text
    assert f"upcoming: from {time_text(story.now() + 1800)[11:16]} UTC for 1h" in listed
    assert [one["status"]["state"] for one in await client.get("/silences")] == ["pending", "pending"]
    assert (await client("DELETE", f"/silence/{gone}")).status == 200
    assert (await client.get(f"/silence/{gone}"))["status"] == {"state": "expired"}
    await story.fires("PgDown", node="two")
    await card.shows(silenced=False)
    await story.restart()
    await story.passes("29m")
    assert (await ask(story).get("/alerts"))[0]["status"]["silencedBy"] == []
    await card.shows(silenced=False, closing=False)
    await story.passes("61s")
    await card.shows(silenced=True)
    assert {tuple(one["status"]["silencedBy"]) for one in await ask(story).get("/alerts")} == {(early,)}
    await story.passes("1h")
    await card.shows(silenced=False)


async def test_changing_a_silence_keeps_what_was(story: Story) -> None:
    """The same id while only its end or its words change; other matchers, or another start, make another silence."""
    client, ids = ask(story), list[str]()
    first = await made(client, silence(story))
    shown = await client.get(f"/silence/{first}")
    assert await made(client, {**shown, "endsAt": time_text(story.now() + 7200), "comment": "longer"}) == first
    longer = await client.get(f"/silence/{first}")
    assert longer["comment"] == "longer" and longer["endsAt"] > shown["endsAt"] and longer["updatedAt"] > shown["updatedAt"]
    assert {**longer, "comment": 0, "endsAt": 0, "updatedAt": 0} == {**shown, "comment": 0, "endsAt": 0, "updatedAt": 0}

    ids.append(await made(client, silence(story, "alertname=Other", id=first)))
    ids.append(await made(client, silence(story, "alertname=Other", begins=600, id=ids[-1])))
    assert await made(client, silence(story, "alertname=Other", begins=900, id=ids[-1])) == ids[-1], "it has not begun"
    ids.append(await made(client, silence(story, id=first)))
    states = {one["id"]: one["status"]["state"] for one in await client.get("/silences")}
    assert states == {first: "expired", ids[0]: "expired", ids[1]: "pending", ids[2]: "active"}


async def test_who_may_not_is_told_who_may(story: Story) -> None:
    mine = await made(ask(story), silence(story))
    ben = ask(story, "ben")
    refused = "You may not silence this. Members of sre may."
    assert await ben("POST", "/silences", silence(story)) == (403, refused)
    assert await ben("POST", "/silences", silence(story, id=mine)) == (403, refused)
    assert await ben("DELETE", f"/silence/{mine}") == (403, "You may not unsilence this. Members of sre may.")
    assert of(await log_of(story, "refusal"), "actor", "verb") == [("ben", "silence"), ("ben", "silence"), ("ben", "unsilence")]
    assert [one["status"]["state"] for one in await ben.get("/silences")] == ["active"]


WHERE = CONFIG.replace("permissions:", """permissions:\n  - {allow: [silence], groups: [dba], where: ['team="db"']}""")


@pytest.mark.parametrize("config", [WHERE])
async def test_a_right_on_some_labels(story: Story) -> None:
    """Nobody widens a silence by changing it, nor takes over one that was not theirs to end."""
    ana, ben = ask(story), ask(story, "ben")
    mine, others = await made(ben, silence(story, "team=db,x=y")), await made(ana, silence(story))
    for body in (silence(story), silence(story, "team=~db"), silence(story, id=mine), silence(story, "team=db", id=others)):
        assert (await ben("POST", "/silences", body)).status == 403
    assert await made(ben, silence(story, "team=db", id=mine)) != mine
    assert (await ben("DELETE", f"/silence/{others}")).status == 403


@pytest.mark.parametrize("config", [APPROVALS])
async def test_a_second_person_cannot_be_gone_around(story: Story) -> None:
    """Not by a new silence, nor by one that is made longer, wider or later; ending and shortening ask nobody."""
    await story.fires("PgDown")
    ben = ask(story, "ben")
    answer = await ben("POST", "/silences", silence(story))
    assert answer.status == 400 and "That needs a second person, so it waits as request 1 for 15m" in answer.body
    later = await ben("POST", "/silences", silence(story, begins=60))
    assert later.status == 400 and "can only be asked for a silence that begins now" in later.body
    assert await ben.get("/silences") == []
    assert (await story.order("ana", "approve 1"))["ok"]
    (one,) = await ben.get("/silences")
    assert one["createdBy"] == "Ben Okafor" and one["comment"] == "deploy (approved by Ana Petrova)"

    longer = await ben("POST", "/silences", {**one, "endsAt": time_text(story.now() + 9999)})
    assert longer.status == 400 and "waits as request 2" in longer.body
    wider = await ben("POST", "/silences", silence(story, "severity=critical", id=one["id"]))
    assert wider.status == 400 and "waits as request 3" in wider.body
    assert await ben.get("/silences") == [one]
    assert await made(ben, {**one, "endsAt": time_text(story.now() + 60), "comment": "nearly done"}) == one["id"]
    assert (await ben("DELETE", f"/silence/{one['id']}")).status == 200


async def test_only_json_is_taken(story: Story) -> None:
    """A form of another site's page cannot be sent as JSON without asking first."""
    client = ask(story)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert (await client("POST", "/silences", silence(story), **{"Content-Type": kind})).status == 415, kind
    assert (await client("POST", "/silences", b'{"a":"' + b"x" * 70_000 + b'"}')).status == 413
    assert (await client("POST", "/silences", b"[" * 60_000)).status == 400
