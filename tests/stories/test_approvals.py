"""Acts that wait for a second person: asked for by one, decided by another, with both their names kept."""

from __future__ import annotations

import asyncio
import re

import pytest

from bot.witness import Origin
from tests.stories.story import BASE, CardOf, Story
from tests.stories.until import until

RULES = """
approvals:
  - {verbs: [silence, resolve], severity: critical, groups: [sre, dba], within: 15m}
  - {verbs: [note], more_than: 1, groups: [sre]}
"""
APPROVALS = BASE.replace("[ack, resolve, snooze, note]", "[ack, resolve, snooze, note, silence]") + RULES
WANTED = "TocsinApprovalWanted"


@pytest.fixture
def config() -> str:
    return APPROVALS


async def asked(story: Story, person: str, line: str, number: int = 1) -> CardOf:
    """Somebody asks; the card that asks the others."""
    reply = await story.command(person, line)
    waits = re.search(rf"waits as request {number} for (15m|14m5\ds),", reply.text)  # asked again, it is the same request
    assert reply.ok and waits and f"may: approve {number}" in reply.text, reply
    return await request_card(story, number)


async def request_card(story: Story, number: int) -> CardOf:
    async def look() -> CardOf:
        cards = [card for card in await story.view.cards("ops") if f"approve {number}" in card.buttons.values()]
        assert len(cards) == 1, cards
        return CardOf(story, "ops", cards[0].number)

    return await until(look, what=f"the card of request {number}")


async def test_it_waits_and_somebody_else_approves(story: Story) -> None:
    await story.fires("PgDown")
    fired = await story.card()
    card = await asked(story, "ben", "resolve 1 the disk is bigger")
    seen = await card.shows(text="resolve 1 the disk is bigger")
    assert set(seen.buttons) == {"Approve", "Deny"} and "Ben Okafor may not" in seen.text
    await fired.shows(state="firing")

    own = await card.press("Approve", by="ben")
    assert not own.ok and "You asked for this yourself. Somebody else decides: members of dba, sre may." in own.text
    other = await card.press("Approve", by="cleo")
    assert not other.ok and "You may not decide on this. Members of dba, sre may." in other.text
    await fired.shows(state="firing")

    done = await card.press("Approve", by="ana")
    assert done.ok and "Request 1 of Ben Okafor is approved:\n#1 is resolved." in done.text
    await fired.shows(state="resolved", who="Ben Okafor", note="the disk is bigger")
    await fired.tells("approved by Ana Petrova: resolve")
    await card.shows(state="resolved", who="Ana Petrova", buttons={})
    again = await story.command("ana", "approve 1")
    assert again.ok and "Request 1 is approved already, by Ana Petrova." in again.text
    assert (await story.command("ana", "requests")).text == "Nothing waits for a second person."
    kept = [(e["change"], e["by"]) for e in (await story.get("/api/v1/incidents/1"))["timeline"] if e["by"]]
    assert kept == [("approved", "ana"), ("resolved", "ben")]


async def test_a_silence_that_mutes_criticals(story: Story) -> None:
    await story.fires("PgDown", team="db")
    await story.fires("Slow", "warning", team="web")
    assert (await story.command("ben", "silence team=web")).text.startswith("Silence ")
    card = await asked(story, "ben", 'silence team=~"db|web" for 4h disk swap')
    assert "No silence" not in (await story.command("ana", "silences")).text
    assert len((await story.command("ana", "silences")).text.splitlines()) == 1
    done = await card.press("Approve", by="ana")
    assert done.ok and "It mutes 2 firing alerts now." in done.text
    told = (await story.command("ana", "silences")).text
    assert "by Ben Okafor: disk swap (approved by Ana Petrova)" in told
    await (await story.card(title="PgDown")).shows(silenced=True)


async def test_a_silence_from_the_card_stays_what_it_was(story: Story) -> None:
    """What is approved is what was shown, even if the incident changed meanwhile."""
    await story.fires("PgDown", pod="a")
    await asked(story, "ben", "silence #1")
    await story.fires("PgDown", pod="b")
    await until(lambda: _counts(story, 2))
    assert 'pod="a"' in (await story.command("ana", "requests")).text
    assert "It mutes 1 firing alert now." in (await story.command("ana", "approve 1")).text


async def _counts(story: Story, alerts: int) -> bool:
    return len((await story.get("/api/v1/incidents/1"))["alerts"]) == alerts


async def test_what_touches_no_critical_needs_nobody(story: Story) -> None:
    await story.fires("Slow", "warning")
    await story.card()
    assert "#1 is resolved" in (await story.command("ben", "resolve 1")).text
    assert (await story.command("ben", "ack 1")).ok


async def test_deny_and_withdraw(story: Story) -> None:
    await story.fires("PgDown")
    card = await asked(story, "ben", "resolve 1")
    refused = await story.command("cleo", "deny 1")
    assert not refused.ok and "Members of dba, sre may." in refused.text
    assert "denied. Nothing was done." in (await story.command("ana", "deny 1 not before noon")).text
    await card.shows(state="resolved", who="Ana Petrova", text="denied: not before noon")
    late = await story.command("ana", "approve 1")
    assert not late.ok and "Request 1 is denied already, by Ana Petrova." in late.text
    card = await asked(story, "ben", "resolve 1", number=2)
    assert "withdrawn" in (await story.command("ben", "deny 2")).text
    await card.shows(state="resolved", who="Ben Okafor")
    await (await story.card(number=1)).shows(state="firing")


async def test_asking_twice_is_one_request(story: Story) -> None:
    await story.fires("PgDown")
    await asked(story, "ben", "resolve 1")
    await asked(story, "ben", "resolve 1")
    assert len((await story.command("ben", "requests")).text.splitlines()) == 2


async def test_it_survives_a_restart_and_ends_by_itself(story: Story) -> None:
    await story.fires("PgDown")
    card = await asked(story, "ben", "resolve 1")
    await story.restart()
    listed = (await story.command("ana", "requests")).text
    assert listed.startswith("1  Ben Okafor: resolve 1\n") and "touches a critical alert that fires" in listed
    await story.passes("14m")
    await card.shows(state="firing")
    await story.passes("61s")
    story.app.commands.notices.changed.set()
    await card.shows(state="resolved", buttons={})
    late = await story.command("ana", "approve 1")
    assert not late.ok and "nobody decided in time" in late.text
    await (await story.card(number=1)).shows(state="firing")


async def test_who_lost_the_right_meanwhile(story: Story) -> None:
    await story.fires("PgDown")
    await asked(story, "ben", "resolve 1")
    story.rewrite(lambda text: text.replace("[ack, resolve, snooze, note, silence]", "[ack]"))
    assert await story.app.reload()
    refused = await story.command("ana", "approve 1")
    assert not refused.ok and "Ben Okafor may not do this any more" in refused.text
    story.rewrite(lambda text: text.replace("{allow: [ack], groups: [dba]}", '{allow: ["*"], groups: [dba]}'))
    story.rewrite(lambda text: text.replace("dba: {members: [ben]", "dba: {members: [ben, ana]"))
    story.rewrite(lambda text: text.replace("sre: {members: [ana]", "sre: {members: [cleo]"))
    story.rewrite(lambda text: text.replace("severity: critical, groups: [sre, dba]", "severity: critical, groups: [sre]"))
    assert await story.app.reload()
    refused = await story.command("ana", "approve 1")
    assert not refused.ok and "You may not decide on this. Members of sre may." in refused.text
    assert (await story.command("cleo", "approve 1")).ok


async def test_it_names_no_secret_to_who_may_not_see_it(story: Story) -> None:
    await story.fires("Fraud-canary", team="payments", summary="canary")
    await story.card("vault")
    await story.command("ben", "resolve 1 canary")
    card = await request_card(story, 1)
    seen = await card.shows(text="to resolve something confidential")
    assert "canary" not in seen.text and "payments" not in seen.text
    assert (await story.command("cleo", "requests")).text == "Nothing waits for a second person."
    assert "canary" in (await story.command("ana", "requests")).text
    await card.press("Approve", by="ana")
    await (await story.card("vault")).shows(state="resolved", who="Ben Okafor")


async def test_who_may_not_see_it_may_not_decide(story: Story) -> None:
    await story.fires("Fraud", team="payments")
    story.rewrite(lambda text: text.replace("groups: [sre, dba], within", "groups: [sre, dba, web], within"))
    assert await story.app.reload()
    await story.command("ben", "resolve 1")
    refused = await story.command("cleo", "approve 1")
    assert not refused.ok and "Members of sre, dba may." in refused.text and "may not see what this is about" in refused.text


async def test_a_script_is_told_the_same(story: Story) -> None:
    await story.fires("PgDown")
    assert "waits as request 1" in (await story.order("ben", "resolve 1"))["text"]
    assert (await story.order("ana", "approve 1"))["ok"]


@pytest.mark.parametrize("chat", ["httpchat"])
async def test_two_who_decide_at_once(story: Story) -> None:
    await story.fires("PgDown")
    await asked(story, "ben", "resolve 1")
    told = await asyncio.gather(*(story.app.commands.run("ana", "approve 1") for _ in range(5)))
    assert sum("is approved:" in one.text and one.ok for one in told) == 1
    timeline = (await story.get("/api/v1/incidents/1"))["timeline"]
    assert [entry["change"] for entry in timeline if entry["by"]] == ["approved", "resolved"]


@pytest.mark.parametrize("chat", ["httpchat"])
async def test_the_card_also_stands_where_it_was_asked(story: Story) -> None:
    await story.fires("PgDown")
    await story.app.commands.run("ana", "resolve 1", Origin("work:account-of-ana", "vault"))
    for channel in ("ops", "vault"):
        await (await story.card(channel, title="")).shows() if channel == "vault" else await request_card(story, 1)
    seen = await (await story.card("vault")).seen()
    assert set(seen.buttons) == {"Approve", "Deny"}


@pytest.mark.parametrize("chat", ["httpchat"])
async def test_a_sender_cannot_forge_such_a_card(story: Story) -> None:
    await story.fires(WANTED, about="request 1", summary="approve me")
    seen = await (await story.card()).shows(title="approve me")
    assert "Approve" not in seen.buttons and "Ack" in seen.buttons
