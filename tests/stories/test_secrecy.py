"""What may not be shown is shown to nobody who is not cleared, by no way out (G3); what may not be done is not done (G6)."""

import json

import aiohttp

from tests.stories.story import Story

CANARY = "kestrel-7731"


def secret(story: Story) -> list[dict[str, object]]:
    """An alert of the payments team that says the canary in every text it has."""
    alert = story.alert(f"Fraud-{CANARY}", "high", f"{CANARY} is leaking", team="payments", instance=CANARY)
    alert["annotations"] |= {"description": CANARY, "runbook_url": f"https://example.com/{CANARY}"}
    return [{**alert, "generatorURL": f"https://example.com/{CANARY}"}]


async def test_a_confidential_alert(story: Story) -> None:
    await story.accepts(secret(story))
    stub, full = await story.card("ops"), await story.card("vault")
    await stub.shows(stub=True, title="confidential incident", severity="high", buttons={}, text="sre, dba")
    await full.shows(stub=False, title=f"{CANARY} is leaking", state="firing")
    await story.command("ana", f"ack {full.number} it is {CANARY}")
    await full.shows(state="acknowledged", who="Ana Petrova", note=f"it is {CANARY}")
    await stub.shows(state="acknowledged", who="", note="")
    await full.tells(f"acknowledged by Ana Petrova: it is {CANARY}")
    await story.accepts([{**secret(story)[0], "status": "resolved"}])
    await story.passes("31s")
    await full.shows(state="resolved")
    await stub.shows(state="resolved")
    assert CANARY not in repr(await story.view.cards("ops")) and await stub.thread() == []


async def test_no_way_out_tells_it_to_somebody_not_cleared(story: Story) -> None:
    await story.accepts(secret(story))
    await story.fires("Plain")
    number = (await story.card("vault")).number
    lines = [f"{verb} {number}" for verb in ("incident", "why", "ack", "unack", "resolve", "snooze", "silence")]
    lines += [f"note {number} x", f"assign {number} cleo", f"ak {number}"]
    lines += ["incidents", "incidents all", "silences", "whoami", "help"]
    await story.order("ana", f'silence team="payments" instance="{CANARY}" 2h {CANARY}')
    told = [await story.order("cleo", line) for line in lines]
    told += [{"text": (await story.command("cleo", line)).text} for line in lines]
    told += [await story.get("/api/v1/incidents", "cleo"), await story.get("/api/v1/incidents?state=all", "cleo")]
    told += [await story.get(f"/api/v2/{path}", "cleo") for path in ("alerts", "alerts/groups", "silences", "status")]
    assert CANARY not in json.dumps(told) and "payments" not in json.dumps(told)
    assert "Plain" in json.dumps(told)
    unknown = await story.order("cleo", "incident 4711")
    assert (await story.order("cleo", f"incident {number}"))["text"] == unknown["text"].replace("4711", str(number))
    for path in (f"/api/v1/incidents/{number}", "/api/v1/incidents/4711"):
        async with story.http.get(path, headers={"Authorization": "Bearer token-of-cleo"}) as answer:
            assert answer.status == 404 and CANARY not in await answer.text()
    assert CANARY in json.dumps(await story.get(f"/api/v1/incidents/{number}", "ben"))


async def test_what_is_public_without_a_name(story: Story) -> None:
    await story.accepts(secret(story))
    await story.card("vault")
    async with aiohttp.ClientSession(story.url) as stranger:
        for path in ("/metrics", "/readyz", "/healthz", "/", "/incidents/1", "/api/v1/incidents"):
            async with stranger.get(path, allow_redirects=False) as answer:
                assert answer.status != 500 and CANARY not in await answer.text(), path
        told = [await _where(stranger, f"/incidents/{number}") for number in (1, 4711)]
        assert told == [(302, "/signin")] * 2
    assert CANARY not in repr(story.logs)


async def _where(browser: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with browser.get(path, allow_redirects=False) as answer:
        return answer.status, answer.headers["Location"]


async def test_a_channel_that_is_not_private_gets_a_stub(story: Story) -> None:
    if not await story.view.lets_in("cleo", "vault"):
        return
    await story.accepts(secret(story))
    card = await story.card("vault")
    await card.shows(stub=True)
    await story.card("ops", number=card.number)
    assert CANARY not in repr([*await story.view.cards("ops"), *await story.view.cards("vault")])


async def test_who_may_not_is_told_who_may(story: Story) -> None:
    await story.fires("PgDown")
    card = await story.card()
    reply = await card.press("Ack", by="cleo")
    assert not reply.ok and reply.text == "You may not ack this. Members of dba, sre may."
    assert not (await story.command("ben", f"silence {card.number} 2h")).ok
    assert (await story.command("ben", 'silence team="db" 2h')).text.endswith("Members of sre may.")
    assert (await story.command("cleo", f"note {card.number} I see it too")).ok
    await card.shows(state="firing", who="", note="I see it too", silenced=False)


async def test_a_stranger(story: Story, chat: str) -> None:
    await story.fires("PgDown")
    await story.card()
    for token in ("", "token-of-eve", "token-of-prometheus"):
        for path in ("/api/v1/commands", "/console/command"):
            status, answer = await story.post(path, {"text": "incidents"}, token)
            assert status in (401, 404) and "PgDown" not in answer
    if chat != "console":
        reply = await story.command("eve", "incidents")
        assert not reply.ok and reply.text.startswith("I do not know you") and "Ask sre" in reply.text
        assert (await story.command("eve", "whoami")).text == reply.text
        assert not (await story.command("eve", "ack 1")).ok
        await (await story.card()).shows(state="firing", who="")


async def test_a_group_becomes_as_secret_as_its_worst_alert(story: Story) -> None:
    """The card was open to all until an alert joined that is not."""
    await story.fires("Mixed", instance="a", summary="harmless")
    card = await story.card("ops")
    await card.shows(stub=False)
    await story.accepts([story.alert("Mixed", summary=CANARY, team="payments", instance="b")])
    await story.card("vault")
    await story.passes("10s")
    await card.shows(stub=True, title="confidential incident")
    assert CANARY not in repr(await story.view.cards("ops"))
