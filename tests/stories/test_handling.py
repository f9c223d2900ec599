"""An incident from its first alert to its end, and what people do with it meanwhile."""

import asyncio

import pytest

from tests.stories.story import BASE, Story
from tests.stories.until import until


async def test_a_night(story: Story) -> None:
    await story.fires("PgDown", summary="orders-db is down")
    card = await story.card()
    await card.shows(state="firing", severity="critical", title="orders-db is down", who="", closing=False)
    reply = await card.press("Ack")
    assert reply.ok and reply.text == f"#{card.number} is acknowledged by Ana Petrova."
    await card.shows(state="acknowledged", who="Ana Petrova")
    await card.tells("acknowledged by Ana Petrova")
    await story.restart()
    await card.shows(state="acknowledged", who="Ana Petrova")
    await story.resolves("PgDown")
    await card.shows(state="acknowledged", closing=True)
    await story.passes("31s")
    await card.shows(state="resolved", buttons={})
    assert len(await story.view.cards("ops")) == 1


async def test_a_group_of_alerts_is_one_card(story: Story) -> None:
    await story.accepts([story.alert("DiskFull", "warning", f"disk {name} is full", instance=name) for name in ("a", "b", "c")])
    card = await story.card()
    await card.shows(title="DiskFull (cluster=eu1)", severity="warning", text="disk c is full")
    await story.fires("DiskFull", "critical", instance="d")
    await card.shows(severity="critical")
    await card.tells("severity rose: warning to critical")
    await story.resolves("DiskFull", "critical", instance="d")
    await story.passes("10s")
    await card.shows(state="firing", severity="warning")
    await story.fires("DiskFull", "warning", cluster="us1", instance="a")
    await story.card(title="DiskFull")
    assert len(await story.view.cards("ops")) == 2


async def test_taking_on_and_giving_back(story: Story) -> None:
    await story.fires("PgDown")
    card = await story.card()
    assert (await story.command("ana", f"ack {card.number} on it")).ok
    await card.shows(state="acknowledged", who="Ana Petrova", note="on it")
    again = await story.command("ana", f"ack {card.number}")
    assert again.ok and again.text.endswith("It was so already.")
    await card.press("Unack", by="ben")
    await card.shows(state="firing", who="", note="")
    await card.press("Note", by="cleo", rest="it is the disk & <the> cable")
    await card.shows(state="firing", note="it is the disk & <the> cable")
    assert (await story.command("ana", f"assign {card.number} @ben")).ok
    await card.shows(who="Ben Okafor")
    assert (await card.press("Resolve", by="ben")).ok
    await card.shows(state="resolved", who="Ben Okafor")


async def test_an_ack_that_ends(story: Story) -> None:
    await story.fires("PgDown")
    card = await story.card()
    reply = await story.command("ana", f"ack {card.number} for 2h on it")
    assert "for 2h, until " in reply.text
    await card.shows(state="acknowledged")
    await story.passes("1h59m")
    await card.shows(state="acknowledged")
    await story.passes("1m1s")
    await card.shows(state="firing", who="", note="")
    await card.tells("the acknowledgement by Ana Petrova ended")


async def test_a_reminder_comes_unless_somebody_cares(story: Story) -> None:
    await story.fires("PgDown")
    card = await story.card()
    await story.passes("4h1s")
    await card.tells("reminder: 1 alert still firing")
    await card.press("Snooze", duration="5h")
    await card.shows(snoozed=True)
    await story.passes("4h1m")
    await card.shows(snoozed=True)
    await story.passes("1h")
    await card.shows(state="firing", snoozed=False)
    await card.tells("no longer snoozed")
    await card.press("Ack")
    await card.shows(state="acknowledged")
    await story.passes("9h")
    await story.fires("Other")
    await story.card(title="Other")
    assert sum("reminder" in line for line in await card.thread()) == 1


async def test_flapping_is_one_card_that_stays(story: Story) -> None:
    await story.fires("Flap")
    card = await story.card()
    for _ in range(3):
        await story.resolves("Flap")
        await card.shows(state="firing", closing=True)
        await story.passes("15s")
        await story.fires("Flap")
        await card.shows(state="firing", closing=False)
        await story.passes("15s")
    await card.press("Ack")
    await story.resolves("Flap")
    await story.passes("29s")
    await story.fires("Flap")
    await card.shows(state="acknowledged", who="Ana Petrova", closing=False)
    assert not any("resolved" in line and "all alerts" not in line for line in await card.thread())


async def test_reopened(story: Story) -> None:
    await story.fires("PgDown")
    card = await story.card()
    await card.press("Ack")
    await story.resolves("PgDown")
    await story.passes("31s")
    await card.shows(state="resolved")
    await story.passes("9m")
    await story.fires("PgDown")
    await card.shows(state="firing", who="")
    await card.tells("reopened: 1 firing")
    await story.resolves("PgDown")
    await story.passes("31s")
    await card.shows(state="resolved")
    await story.passes("11m")
    await story.fires("PgDown")
    assert (await story.card(number=card.number + 1)).number
    await card.shows(state="resolved")


async def test_resolved_by_hand_but_it_fires_on(story: Story) -> None:
    await story.fires("PgDown")
    card = await story.card()
    reply = await story.command("ana", f"resolve {card.number} restarted it")
    assert "But 1 alert still fires" in reply.text
    await card.shows(state="resolved", who="Ana Petrova", note="restarted it")
    await story.passes("4h1s")
    await card.shows(state="firing", who="")
    await card.tells("reopened: 1 alert still firing, though it was resolved by hand")


async def test_an_alert_that_is_not_sent_again_ends(story: Story) -> None:
    """Prometheus' API names no resolve: what is not repeated is over, but not just after a start."""
    labels = {"alertname": "PgDown", "severity": "critical"}
    assert (await story.post("/api/v2/alerts", [{"labels": labels}]))[0] == 200
    card = await story.card()
    await story.passes("4m")
    assert (await story.post("/api/v2/alerts", [{"labels": labels}]))[0] == 200
    await story.passes("4m")
    await asyncio.sleep(0.1)  # eight minutes after the first report: had the second one not counted, it would close now
    await card.shows(state="firing", closing=False)
    await story.passes("61s")
    await card.shows(closing=True)
    await story.passes("31s")
    await card.shows(state="resolved")


async def test_group_wait_gathers(story: Story) -> None:
    story.rewrite(lambda text: text.replace("group_wait: 0s", "group_wait: 30s"))
    await story.restart()
    await story.fires("DiskFull", instance="a")
    await story.fires("DiskFull", instance="b")

    async def two_wait() -> bool:
        incidents = (await story.get("/api/v1/incidents"))["incidents"]
        return len(incidents) == 1 and len(incidents[0]["alerts"]) == 2

    await until(two_wait)
    assert await story.view.cards("ops") == []
    await story.passes("30s")
    await (await story.card()).shows(title="DiskFull (cluster=eu1)")


FEW = BASE.replace('{allow: ["*"], groups: [sre]}', "{allow: [ack], groups: [sre]}")
FEW = FEW.replace("audience: [sre, dba, web]", "audience: [sre, web]")


@pytest.mark.parametrize("config", [FEW])
async def test_a_card_offers_what_somebody_there_may_do(story: Story) -> None:
    """Those who may resolve are not in the channel: there, a button for it would be a trap."""
    await story.fires("PgDown")
    card = await story.card()
    found = set((await card.shows(state="firing")).buttons)
    assert {"Ack", "Note"} <= found and found.isdisjoint({"Resolve", "Snooze", "Silence"})
