"""What commands and the API answer."""

import time

from tests.stories.story import Story

LINKS = (
    "http://",
    "https://standin.slack.com/archives/C0OPS/p",
    "https://discord.com/channels/41771983423143937/41771983423143940/",
)
"""Where a card may be looked at, by kind of chat."""


async def test_incidents(story: Story) -> None:
    assert (await story.command("ana", "incidents")).text == "No incident. All quiet."
    await story.fires("Slow", "warning")
    await story.fires("PgDown", summary="orders-db is down")
    await story.command("ben", "ack 1")
    lines = (await story.command("ana", "incidents")).text.splitlines()
    assert lines[0].startswith("● #2 critical orders-db is down (firing, ")
    assert lines[1].startswith("◐ #1 warning Slow (acknowledged, Ben Okafor has it, ")
    assert (await story.command("ana", "incidents mine")).text == "You own no open incident."
    assert len((await story.command("ben", "incidents mine")).text.splitlines()) == 1
    assert (await story.command("ana", "incidents alertname=Slow")).text.startswith("◐ #1 ")
    await story.resolves("Slow", "warning")
    await story.passes("31s")
    await (await story.card(number=1)).shows(state="resolved")
    assert "#1" not in (await story.command("ana", "incidents")).text
    assert "✓ #1" in (await story.command("ana", "incidents all")).text


async def test_one_incident(story: Story) -> None:
    await story.fires("PgDown", summary="orders-db is down", team="db")
    await story.card()
    await story.command("ana", "ack 1 on it")
    await story.shown()
    text = (await story.command("ben", "incident 1")).text
    for part in ("#1 critical orders-db is down", "team=db", "1 of 1 firing", "acknowledged by Ana Petrova: on it"):
        assert part in text
    assert "ops: shown at" in text
    missing = await story.command("ben", "incident 99")
    unseen = "There is no incident #99 that you may see. To list yours: incidents. Members of sre may show you more."
    assert not missing.ok and missing.text == unseen


async def test_why(story: Story) -> None:
    await story.fires("Fraud", team="payments")
    await story.card("vault")
    text = (await story.command("ana", "why 1")).text
    assert "#1 took the route root, grouped by alertname=Fraud, cluster=eu1." in text
    assert "It is confidential:" in text and "ops (internal) shows a stub" in text and "vault (restricted) shows it" in text
    await story.command("ana", "silence team=payments 2h")
    await (await story.card("vault")).shows(silenced=True)
    assert "Nobody is told now: muted by silence." in (await story.command("ana", "why 1")).text


async def test_whoami_and_help(story: Story) -> None:
    text = (await story.command("ben", "whoami")).text
    assert "You are Ben Okafor (ben)." in text and "Groups: dba" in text and "Clearance: confidential" in text
    assert "You may: ack, resolve, snooze, note" in text
    assert "ack " in (await story.command("cleo", "help")).text
    assert "ack NUMBER… [for DURATION] [NOTE]" in (await story.command("cleo", "help ack")).text


async def test_a_slip_of_the_finger(story: Story) -> None:
    await story.fires("PgDown")
    await story.card()
    for typed, meant in (("akc 1", "ack"), ("silense 1 2h", "silence"), ("incidnets", "incidents")):
        reply = await story.command("ana", typed)
        assert not reply.ok and f"Did you mean {meant}?" in reply.text
    slips = ("", "ack", "ack x", "ack 1 for ever and", "snooze 1 1parsec", "assign 1 nobody", "silence {", "ack 99999999999999")
    for typed in slips:
        reply = await story.command("ana", typed)
        assert reply.text and "Tocsin's log" not in reply.text
    assert (await story.get("/api/v1/incidents/1"))["state"] in ("firing", "acknowledged")


async def test_several_at_once(story: Story) -> None:
    await story.fires("A")
    await story.fires("B", team="payments")
    reply = await story.order("ben", "ack 1 2 3 mine")
    assert not reply["ok"]
    assert [line.split(" ", 1)[0] for line in reply["text"].splitlines()[:2]] == ["#1", "#2"]
    assert "no incident #3" in reply["text"]
    assert [one["owner"] for one in (await story.get("/api/v1/incidents"))["incidents"]] == ["ben", "ben"]


async def test_the_shape_of_the_api(story: Story) -> None:
    await story.fires("PgDown", summary="orders-db is down", team="db")
    await story.command("ana", "ack 1 on it")
    await story.shown()
    listed = await story.get("/api/v1/incidents?state=open&limit=5")
    one = await story.get("/api/v1/incidents/1")
    assert listed == {"incidents": [one]}
    said = {
        "number": 1, "title": "orders-db is down", "state": "acknowledged", "severity": "critical", "sensitivity": "internal",
        "owner": "ana",
    }  # fmt: skip
    assert one.items() >= said.items() and time.time() - 60 < one["started_at"] < time.time()
    assert one["labels"] == {"alertname": "PgDown", "severity": "critical", "cluster": "eu1", "team": "db"}
    assert [(alert["source"], alert["state"]) for alert in one["alerts"]] == [("prometheus", "firing")]
    assert [(entry["change"], entry["by"], entry["text"]) for entry in one["timeline"]][1:] == [("acknowledged", "ana", "on it")]
    delivery = one["deliveries"][0]
    assert set(delivery) == {"channel", "wanted", "shown", "error", "link"}
    assert delivery["wanted"] == delivery["shown"] and delivery["error"] is None and delivery["link"].startswith(LINKS)


async def test_the_api_says_what_is_wrong(story: Story) -> None:
    for path, told in (
        ("/api/v1/incidents?state=some", "state"), ("/api/v1/incidents?limit=0", "limit"), ("/api/v1/incidents?limit=x", "limit"),
        ("/api/v1/incidents?limit=99999", "limit"), ("/api/v1/incidents/x", "x"), ("/api/v1/incidents/-1", "-1"),
    ):  # fmt: skip
        async with story.http.get(path, headers={"Authorization": "Bearer token-of-ana"}) as answer:
            assert answer.status in (400, 404) and told in (await answer.json())["error"]
    wrong: list[object] = [{}, {"text": 1}, [], None, "ack 1", {"text": None}]
    for body in wrong:
        status, answer_text = await story.post("/api/v1/commands", body, "token-of-ana")
        assert status == 400 and "expected" in answer_text
