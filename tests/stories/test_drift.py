"""Drift (G3): a channel is trusted only while its chat says who reads it, and what stands there follows at once."""

from __future__ import annotations

import json
import time

import msgspec
import pytest
from sqlalchemy import select

from bot.store import tables
from tests.standins.faults import Fault
from tests.stories.story import BASE, CardOf, Story
from tests.stories.test_secrecy import CANARY, secret
from tests.stories.until import until
from tests.stories.views_discord import CHANNELS

WITHIN = 3.0
"""Seconds after which nothing secret may be left where it does not belong."""

TWO_VAULTS = BASE.replace(
    "sources:", "  safe: {chat: work, id: safe, clearance: restricted, audience: [sre]}\nsources:", 1
).replace("withheld_to: [vault]", "withheld_to: [safe]").replace("channels: [ops]", "channels: [vault]")  # fmt: skip


@pytest.fixture(params=["httpchat", "slack", "discord"])
def chat(request: pytest.FixtureRequest) -> str:
    """Where people can come and go."""
    return str(request.param)


async def told_admins(story: Story, state: str, name: str = "TocsinChannelDrifted") -> dict[str, object]:
    async def look() -> dict[str, object]:
        found: list[dict[str, object]] = (await story.get("/api/v1/incidents?state=all"))["incidents"]
        found = [one for one in found if name in str(one["labels"])]
        assert [one["state"] for one in found] == [state], [one["title"] for one in found]
        return found[0]

    return await until(look, what=f"{name} is {state}")


@pytest.fixture(autouse=True)
def quick_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.watch.EVERY_SECONDS", 0.1)


async def number_of(story: Story, name: str) -> int:
    found = [one["number"] for one in (await story.get("/api/v1/incidents"))["incidents"] if one["labels"]["alertname"] == name]
    return int(found[0])


async def shown_in_full(story: Story) -> CardOf:
    """A secret incident with a note in its thread, in the vault."""
    await story.accepts(secret(story))
    card = await story.card("vault")
    await card.shows(stub=False)
    await story.order("ana", f"note {card.number} it is {CANARY}")
    await card.tells(CANARY)
    return card


async def nothing_secret_in(story: Story, channel: str) -> bool:
    cards = await story.view.cards(channel)
    threads = [await story.view.thread(channel, card.ref) for card in cards]
    assert CANARY not in repr(cards) and CANARY not in repr(threads), "something secret is left"
    return True


async def test_an_outsider_joins_and_leaves(story: Story) -> None:
    card = await shown_in_full(story)
    began = time.monotonic()
    await story.view.lets_in("cleo", "vault")
    await card.shows(stub=True, within=WITHIN)
    await until(lambda: nothing_secret_in(story, "vault"), WITHIN)
    assert time.monotonic() - began < WITHIN
    told = await told_admins(story, "firing")
    assert CANARY not in str(told) and "cleo" in str(told["title"]) and "audience (sre)" in str(told["title"])
    await story.accepts([story.alert("Later", summary=CANARY, team="payments")])
    later = await story.card("vault", number=await number_of(story, "Later"))
    await later.shows(stub=True)
    await story.view.puts_out("cleo", "vault")
    await card.shows(stub=False, text=CANARY)
    await later.shows(stub=False)
    await card.tells(CANARY)
    await told_admins(story, "resolved")


async def test_somebody_of_the_audience_joins_and_nobody_notices(story: Story) -> None:
    card = await shown_in_full(story)
    before = await card.seen()
    await story.view.lets_in("ana", "vault")
    await story.shown()
    await story.order("ana", f"note {card.number} still here")
    assert (await card.shows(note="still here")).ref == before.ref
    versions = [entry for entry in story.logs if entry["event"] == "channel_standing" and entry["channel"] == "vault"]
    assert all(not entry["why"] for entry in versions)


async def test_a_channel_is_shared_outside_and_taken_back(story: Story) -> None:
    card = await shown_in_full(story)
    await story.view.shares("vault")
    await card.shows(stub=True, within=WITHIN)
    told = await told_admins(story, "firing")
    assert ("it is not private" if story.discord else "shared with another organisation") in str(told["title"])
    await story.view.shares("vault", outside=False)
    await card.shows(stub=False)
    await told_admins(story, "resolved")


async def test_a_stub_says_severity_number_and_groups_and_nothing_else(story: Story) -> None:
    card = await shown_in_full(story)
    await story.view.lets_in("cleo", "vault")
    stub = await card.shows(stub=True, title="confidential incident", severity="high", text="sre, dba")
    assert (stub.who, stub.note, stub.buttons) == ("", "", {})
    for word in (CANARY, "Fraud", "payments", "eu1"):
        assert word not in stub.text


@pytest.mark.parametrize("config", [TWO_VAULTS])
@pytest.mark.parametrize("chat", ["httpchat"], indirect=True)
async def test_what_a_channel_may_not_show_any_more_goes_elsewhere_at_once(story: Story) -> None:
    card = await shown_in_full(story)
    assert await story.view.cards("safe") == []
    await story.view.lets_in("cleo", "vault")
    full = await story.card("safe")
    await full.shows(stub=False, text=CANARY)
    await card.shows(stub=True)
    await story.accepts([story.alert("Later", summary=CANARY, team="payments")])
    later = await story.card("safe", CANARY)
    await later.shows(stub=False)
    assert not await withheld(story)
    await story.view.puts_out("cleo", "vault")
    await card.shows(stub=False)
    await story.order("ana", f"ack {card.number}")
    await full.shows(state="acknowledged")


async def withheld(story: Story) -> float:
    async with story.http.get("/metrics") as answer:
        page = await answer.text()
    return next(float(line.split()[-1]) for line in page.splitlines() if line.startswith("tocsin_withheld_from_all "))


async def test_an_alert_that_nobody_is_shown(story: Story) -> None:
    await story.view.lets_in("cleo", "vault")
    await story.accepts(secret(story))
    told = await told_admins(story, "firing", "TocsinWithheldFromAll")
    assert "(high, confidential)" in str(told["title"]) and CANARY not in str(told)
    await story.card("ops", str(told["title"]))
    assert await withheld(story) == 1.0
    async with story.http.get("/readyz") as answer:
        body = await answer.json()
        assert answer.status == 200, "a channel that drifted must not turn senders away"
    assert body["degraded"]["withheld"] == "1 incident shown in full in no channel"
    assert body["degraded"]["channel vault, verification"] == "not verified: outsider"
    await story.view.puts_out("cleo", "vault")
    await told_admins(story, "resolved", "TocsinWithheldFromAll")
    assert await withheld(story) == 0.0


async def test_a_chat_that_does_not_tell_is_believed_until_its_word_is_old(story: Story, chat: str) -> None:
    card = await shown_in_full(story)
    deaf(story, chat)
    await story.passes("6m")
    await story.order("ana", f"note {card.number} still trusted")
    await card.shows(stub=False, note="still trusted")
    await story.passes("5m")
    await card.shows(stub=True, within=WITHIN)
    await told_admins(story, "firing")
    deaf(story, chat, over=True)
    await story.passes("1m")
    await card.shows(stub=False)


def deaf(story: Story, chat: str, over: bool = False) -> None:
    """The platform does not say any more who is in its channels."""
    if story.server:
        story.server.break_with(*([] if over else [Fault("status", op="inspect", status=503)]))
    elif story.discord and over:
        story.discord.faults.clear()
    elif story.discord:
        story.discord.faults.plain("channels.get")
    elif story.slack and over:
        story.slack.faults.clear()
    elif story.slack:
        story.slack.faults.plain("conversations.members")


async def test_a_restart_does_not_make_a_channel_trusted(story: Story) -> None:
    card = await shown_in_full(story)
    await story.stop()
    await story.view.lets_in("cleo", "vault")
    await story.start()
    await card.shows(stub=True)
    await until(lambda: nothing_secret_in(story, "vault"), WITHIN)
    await story.restart()
    await card.shows(stub=True)
    await told_admins(story, "firing")


async def test_a_restart_in_peace_edits_nothing(story: Story) -> None:
    card = await shown_in_full(story)
    await story.shown()
    before = await edits(story)
    await story.restart()
    await until(lambda: settled(story, "vault"))
    await story.shown()
    assert await edits(story) == before
    await card.shows(stub=False)


async def settled(story: Story, channel: str) -> bool:
    return not story.app.standings.settling(channel)


async def edits(story: Story) -> int:
    if story.server:
        return sum(len(post.versions) for post in story.server.posts.values())
    if story.slack:
        return sum(len(message.versions) for message in story.slack.messages("C0VAULT"))
    assert story.discord
    return sum(len(message.versions) for message in story.discord.messages(CHANNELS["vault"]))


@pytest.mark.parametrize("config", [TWO_VAULTS.replace("withheld_to: [safe]", "withheld_to: []")])
@pytest.mark.parametrize("chat", ["httpchat"], indirect=True)
async def test_drift_while_two_hundred_cards_are_on_their_way(story: Story) -> None:
    assert story.server
    story.server.break_with(Fault("delay", seconds=0.05))
    await story.accepts([story.alert(f"Leak{n}", summary=CANARY, team="payments", instance=str(n)) for n in range(200)])
    await until(lambda: some_posted(story, 40))
    drifted = time.monotonic()
    await story.view.lets_in("cleo", "vault")
    await story.shown()
    versions = [version for post in story.server.posts.values() for version in post.versions]
    sent = [version for version in versions if CANARY.encode() in bytes(version.card)]
    assert len(sent) >= 40 and max(version.at for version in sent) < drifted + 0.5
    vault = [post for post in story.server.posts.values() if post.channel == "vault"]
    assert len(vault) == 200 and all(post.shown["stub"] for post in vault)


async def some_posted(story: Story, count: int) -> bool:
    assert story.server
    return len(story.server.posts) >= count


@pytest.mark.parametrize("chat", ["httpchat", "slack"], indirect=True)  # Discord archives threads only
async def test_a_channel_is_archived_and_comes_back(story: Story, chat: str) -> None:
    card = await shown_in_full(story)
    await story.view.archives("vault")
    told = await told_admins(story, "firing")
    assert "it is archived" in str(told["title"])
    if chat == "httpchat":  # in Slack nobody can edit there until it is back
        await card.shows(stub=True)
    await story.view.archives("vault", archived=False)
    await told_admins(story, "resolved")
    await story.shown(step="5s")
    await card.shows(stub=False)


@pytest.mark.parametrize("chat", ["console", "httpchat"], indirect=True)
async def test_a_config_that_clears_a_channel_for_less(story: Story) -> None:
    card = await shown_in_full(story)
    story.rewrite(lambda text: text.replace("id: vault, clearance: restricted", "id: vault, clearance: internal"))
    assert await story.app.reload()
    await card.shows(stub=True, within=WITHIN)
    await until(lambda: nothing_secret_in(story, "vault"), WITHIN)
    story.rewrite(lambda text: text.replace("id: vault, clearance: internal", "id: vault, clearance: restricted"))
    assert await story.app.reload()
    await card.shows(stub=False, text=CANARY)
    await card.tells(CANARY)


REDACTED = BASE.replace("route:", "redact:\n  - {name: email, below: confidential}\nroute:", 1).replace(
    "channels: [ops]", "channels: [vault]"
)


@pytest.mark.parametrize("config", [REDACTED])
@pytest.mark.parametrize("chat", ["httpchat"], indirect=True)
async def test_a_card_that_may_stay_loses_what_is_redacted(story: Story) -> None:
    await story.fires("Mail", summary="to eve@example.com")
    card = await story.card("vault")
    await story.order("ana", f"note {card.number} asked eve@example.com")
    await card.tells("asked eve@example.com")
    await story.view.lets_in("cleo", "vault")
    await card.shows(stub=False, title="to [email]", note="asked [email]", within=WITHIN)
    await card.tells("asked [email]")
    assert "eve@" not in repr(await card.thread())
    await story.view.puts_out("cleo", "vault")
    await card.shows(title="to eve@example.com")
    await card.tells("asked eve@example.com")


@pytest.mark.parametrize("fault", [Fault("status", op="clear", status=503, times=2), Fault("lose", op="update", times=2)])
@pytest.mark.parametrize("chat", ["httpchat"], indirect=True)
async def test_taking_back_goes_on_after_a_fault(story: Story, fault: Fault) -> None:
    assert story.server
    card = await shown_in_full(story)
    story.server.break_with(fault)
    await story.view.lets_in("cleo", "vault")
    await until(lambda: struck(fault, story))
    await story.shown(step="1s")
    await card.shows(stub=True)
    assert await nothing_secret_in(story, "vault")


async def struck(fault: Fault, story: Story) -> bool:
    assert story.server
    return story.server.script.faults[0].times == 0


async def test_the_audit_log_tells_who_could_read_and_what_changed(story: Story) -> None:
    card = await shown_in_full(story)
    await story.view.lets_in("cleo", "vault")
    await card.shows(stub=True)
    rows = await story.app.store.read(lambda conn: conn.execute(select(tables.audit).order_by(tables.audit.c.id)).all())
    told = [json.loads(row.body) for row in rows if row.kind == "standing" and row.channel == "vault"]
    assert [entry["clearance"] for entry in told][-2:] == ["restricted", "internal"]
    assert [breach["kind"] for breach in told[-1]["breaches"]] == ["outsider"]
    assert len(told[-1]["members"]) == len(told[-2]["members"]) + 1
    disclosed = [row for row in rows if row.kind == "disclosure"]
    assert {(row.channel, row.incident) for row in disclosed} == {("vault", card.number)}
    assert CANARY not in repr(told)


@pytest.mark.parametrize("chat", ["httpchat"], indirect=True)
async def test_what_was_drawn_before_is_not_sent_after(story: Story) -> None:
    """Its first post got lost, and while Tocsin asks whether it arrived, somebody joins."""
    assert story.server
    lost = Fault("lose", op="post", channel="vault", keep=False, times=1)
    story.server.break_with(lost, Fault("delay", op="find", seconds=0.4, times=1))
    await story.accepts(secret(story))
    await until(lambda: on_its_way(story, 1, "1s"))
    await story.view.lets_in("cleo", "vault")
    await (await story.card("vault")).shows(stub=True)
    versions = [version for post in story.server.posts.values() for version in post.versions]
    assert versions and not [version for version in versions if CANARY.encode() in bytes(version.card)]


@pytest.mark.parametrize("chat", ["httpchat"], indirect=True)
async def test_what_was_under_way_is_looked_at_when_it_lands(story: Story) -> None:
    assert story.server
    story.server.break_with(*(Fault("delay", op=op, channel="vault", seconds=0.7, times=1) for op in ("post", "update")))
    await story.accepts(secret(story))
    await until(lambda: on_its_way(story, 0))
    await story.view.lets_in("cleo", "vault")
    card = await story.card("vault")
    await until(lambda: on_its_way(story, 1))
    await story.view.puts_out("cleo", "vault")
    await story.shown()
    await card.shows(stub=False)
    (post,) = [post for post in story.server.posts.values() if post.channel == "vault"]
    assert [msgspec.json.decode(version.card)["stub"] for version in post.versions] == [False, True, False]


async def on_its_way(story: Story, fault: int, step: str = "0s") -> bool:
    """Whether a call has met that fault. `step`: so much time passes between two looks, for retries."""
    assert story.server
    await story.passes(step)
    return story.server.script.faults[fault].times == 0
