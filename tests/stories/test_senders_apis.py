"""Senders made for PagerDuty and Opsgenie, pointed at Tocsin by their address and key alone."""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import ClientConnectionError, ClientSession

from bot.store import audit
from tests.standins.httpchat import HttpChatServer, serving
from tests.stories.cluster import cluster
from tests.stories.process import free_port
from tests.stories.story import BASE, Story, iso
from tests.stories.telling import telling
from tests.stories.test_prometheus import ALERTMANAGER, running
from tests.stories.until import until

PD, PD2, OG = "pd-key-of-the-web-team", "pd-key-of-the-db-team", "og-key"
CONFIG = BASE.replace(
    "sensitivity:",
    f"""\
  pager: {{type: pagerduty, auth: {{key: {PD}}}}}
  pager-db: {{type: pagerduty, auth: {{key: {PD2}}}}}
  signed: {{type: alertmanager, auth: {{hmac: secret-of-signed}}}}
  genie: {{type: opsgenie, auth: {{key: {OG}}}}}
sensitivity:""",
)
OPS = {"Authorization": f"GenieKey {OG}"}


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    async with telling(tmp_path, CONFIG, "httpchat") as found:
        yield found


def event(action: str, key: str = "db7/lag", routing_key: str = PD, **details: Any) -> dict[str, Any]:
    payload = {"summary": "db7 lags", "source": "db7", "severity": "critical", "class": "Lag", "custom_details": details}
    return {
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": key,
        **({"payload": payload} if action == "trigger" else {}),
    }


async def call(story: Story, path: str, body: Any = None, method: str = "POST", **headers: str) -> tuple[int, Any]:
    async with story.http.request(method, path, json=body, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def pages(story: Story, *bodies: Any, path: str = "/v2/enqueue") -> Any:
    for body in bodies:
        status, answer = await call(story, path, body)
        assert status == 202, answer
    return answer


def changes(story: Story) -> int:
    """Calls that changed something in the chat."""
    return sum(heard.method != "GET" for heard in story.heard)


async def metric(story: Story, name: str) -> list[str]:
    async with story.http.get("/metrics") as answer:
        return [line for line in (await answer.text()).splitlines() if line.startswith(name)]


async def entries(story: Story) -> list[Any]:
    return await story.app.store.read(lambda conn: [row for row in audit.rows(conn) if row.kind == "act"])


async def test_pagerduty_acknowledges_and_resolves(story: Story) -> None:
    assert await pages(story, event("trigger")) == {"status": "success", "message": "Event processed", "dedup_key": "db7/lag"}
    card = await story.card()
    await card.shows(state="firing", severity="critical", title="db7 lags")
    await pages(story, event("acknowledge"))
    await card.shows(state="acknowledged", who="its sender (pager)")
    await card.tells("acknowledged by its sender (pager)")
    await story.shown()
    calls = changes(story)
    await story.restart()
    await pages(story, event("acknowledge"), event("trigger"))  # said again, it changes nothing
    await card.shows(state="acknowledged", who="its sender (pager)")
    await story.shown()
    assert changes(story) == calls
    await pages(story, event("resolve"))
    await story.passes("31s")
    await card.shows(state="resolved")
    [act] = await entries(story)
    assert (act.actor, act.incident) == ("its sender (pager)", 1)
    assert '"via":"source:pager"' in act.body and '"verb":"ack"' in act.body


async def test_who_has_it_here_keeps_it(story: Story) -> None:
    await pages(story, event("trigger"))
    card = await story.card()
    await card.press("Ack", by="ben")
    await card.shows(state="acknowledged", who="Ben Okafor")
    await pages(story, event("acknowledge"))
    await story.shown()
    await card.shows(state="acknowledged", who="Ben Okafor")


async def test_trigger_and_acknowledge_in_one_request(story: Story) -> None:
    events = [event("acknowledge"), event("trigger")]
    assert (await call(story, "/webhooks/pager", events, **{"X-Routing-Key": PD}))[0] == 202
    await (await story.card()).shows(state="acknowledged", who="its sender (pager)")


async def test_what_nobody_knows_or_is_over_is_dropped(story: Story) -> None:
    await pages(story, event("acknowledge"), event("resolve"), event("trigger"), event("resolve"))
    await story.passes("31s")
    card = await story.card()
    await card.shows(state="resolved")
    await pages(story, event("acknowledge"), event("resolve"), event("acknowledge", "another"))
    await story.shown()
    await card.shows(state="resolved", who="")
    assert await entries(story) == []


async def test_what_is_secret_is_acknowledged_too(story: Story) -> None:
    """It is its own source that says so; whoever may not see the incident learns no more than before."""
    await pages(story, event("trigger", team="payments"))
    stub, full = await story.card("ops"), await story.card("vault")
    await pages(story, event("acknowledge"))
    await full.shows(state="acknowledged", who="its sender (pager)", title="db7 lags")
    assert "db7" not in (await stub.shows(state="acknowledged")).text


async def test_the_key_tells_which_source_it_is(story: Story) -> None:
    await pages(story, event("trigger"), event("trigger", routing_key=PD2), event("acknowledge", routing_key=PD2))
    found = (await story.get("/api/v1/incidents"))["incidents"]
    assert {alert["source"] for one in found for alert in one["alerts"]} == {"pager", "pager-db"}
    status, _ = await call(story, "/webhooks/pager-db/v2/enqueue", event("trigger"))
    assert status == 401
    status, _ = await call(story, "/v2/enqueue", {**event("resolve"), "routing_key": None}, **{"X-Routing-Key": PD})
    assert status == 202


async def test_a_signature_tells_too(story: Story) -> None:
    """The body is read only for those who cannot be told without it."""
    body = json.dumps([{"labels": {"alertname": "Signed"}}]).encode()
    for secret, status in (("secret-of-signed", 200), ("another", 401)):
        signature = {"X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, 'sha256').hexdigest()}"}
        async with story.http.post("/api/v2/alerts", data=body, headers=signature) as answer:
            assert answer.status == status
    (found,) = (await story.get("/api/v1/incidents"))["incidents"]
    assert [alert["source"] for alert in found["alerts"]] == ["signed"]


async def test_an_event_without_a_key_gets_one(story: Story) -> None:
    answer = await pages(story, {**event("trigger"), "dedup_key": None})
    await story.card()
    await pages(story, event("resolve", answer["dedup_key"]))
    await story.passes("31s")
    await (await story.card()).shows(state="resolved")


async def test_a_change_is_a_note_on_what_it_names(story: Story) -> None:
    await pages(story, event("trigger"))
    card = await story.card()
    change = {"routing_key": PD, "payload": {"summary": "Deployed orders 4.2", "source": "ci"}}
    done = {"status": "success", "message": "Change event processed"}
    assert await pages(story, change, path="/v2/change/enqueue") == done
    assert await pages(story, {**change, "dedup_key": "db7/lag"}, path="/v2/change/enqueue") == done
    await card.tells("note by ci (pager): Deployed orders 4.2")
    assert len(await story.view.cards("ops")) == 1


async def test_pagerduty_is_told_in_its_own_words_what_is_wrong(story: Story) -> None:
    async def refusal(body: Any) -> tuple[int, Any]:
        status, answer = await call(story, "/v2/enqueue", body)
        assert answer["status"] == "invalid event" and answer["message"] and len(answer["errors"]) == 1
        return status, answer["errors"][0]

    assert await refusal({**event("trigger"), "payload": {}, "dedup_key": ""}) == (
        400, "alerts[0].payload.summary: is missing; it says what is wrong",
    )  # fmt: skip
    assert (await refusal({**event("resolve"), "dedup_key": ""}))[0] == 400
    assert (await refusal(event("trigger", "k" * 256)))[0] == 400
    status, reason = await refusal({**event("trigger"), "routing_key": "somebody-else's"})
    assert status == 401 and "somebody" not in reason
    assert (await refusal({**event("trigger"), "x": "x" * 600_000}))[0] == 413
    async with story.http.post("/v2/enqueue", data=b"no json") as answer:
        assert answer.status == 400 and (await answer.json())["status"] == "invalid event"
    async with story.http.get("/v2/enqueue", headers={"X-Routing-Key": PD}) as answer:
        assert answer.status == 405 and answer.headers["Allow"] == "POST"
    await pages(story, {**event("trigger"), "payload": {"summary": "x" * 2000}})
    assert len((await (await story.card()).seen()).title) <= 1024


async def test_keys_in_bodies_cannot_be_guessed_at_leisure(story: Story) -> None:
    statuses = [(await call(story, "/v2/enqueue", event("trigger", routing_key=f"guess {n}")))[0] for n in range(25)]
    assert statuses == [401] * 20 + [429] * 5
    status, answer = await call(story, "/v2/enqueue", event("trigger", routing_key="guess"))
    assert (status, answer["status"]) == (429, "throttle exceeded")


async def test_a_right_key_is_heard_beside_wrong_ones(story: Story) -> None:
    await pages(story, event("trigger"))
    for n in range(25):
        await call(story, "/webhooks/pager", event("trigger", routing_key=f"guess {n}"))
    await pages(story, event("resolve"))


async def test_what_made_no_sense_is_counted(story: Story) -> None:
    await pages(story, {**event("escalate"), "payload": {"summary": "odd", "severity": "dire"}})
    found = await metric(story, "tocsin_fields_not_understood_total")
    assert any('field="event_action",source="pager"' in line for line in found)
    assert any('field="severity",source="pager"' in line for line in found)
    assert "dire" in (await (await story.card()).seen()).text


@pytest.mark.real
async def test_another_replica_is_told(tmp_path: Path) -> None:
    async with (
        serving(HttpChatServer().application()) as url,
        cluster(tmp_path, f"{{type: httpchat, url: '{url}'}}", CONFIG) as both,
    ):
        leader = await both.leader()
        for place, action in ((leader, "trigger"), (both.other(leader), "acknowledge"), (leader, "acknowledge")):
            async with ClientSession(place.url) as http, http.post("/v2/enqueue", json=event(action)) as answer:
                assert answer.status == 202
        async with ClientSession(leader.url, headers={"Authorization": "Bearer token-of-ana"}) as http:
            await until(lambda: _shows(http, "acknowledged"))
            async with http.get("/api/v1/incidents/1") as answer:
                told = [change["change"] for change in (await answer.json())["timeline"]]
            assert told == ["new", "acknowledged"]


async def _shows(http: ClientSession, state: str) -> bool:
    async with http.get("/api/v1/incidents/1") as answer:
        found = await answer.json()
        return bool(found["state"] == state and found["deliveries"][0]["shown"] == found["deliveries"][0]["wanted"])


# --- Opsgenie -------------------------------------------------------------------------------------------------------

ALIAS = "web/checkout latency"
QUOTED = "web%2Fcheckout%20latency"
CREATE = {"message": "Checkout is slow", "alias": ALIAS, "priority": "P2", "details": {"region": "eu1"}, "note": "p99 is 4 s"}


async def asks(story: Story, path: str, body: Any = None, method: str = "POST") -> str:
    """The id of the request."""
    status, answer = await call(story, path, body, method, **OPS)
    assert (status, answer["result"]) == (202, "Request will be processed") and answer["took"] > 0
    return str(answer["requestId"])


@pytest.mark.parametrize("base", ["/v2/alerts", "/webhooks/genie/v2/alerts", "/jsm/ops/integration/v2/alerts"])
async def test_an_alert_of_opsgenie_from_its_start_to_its_end(story: Story, base: str) -> None:
    await asks(story, base, CREATE)
    card, alert, kind = await story.card(), f"{base}/{QUOTED}", "?identifierType=alias"
    await card.shows(state="firing", severity="high", title="Checkout is slow", text="p99 is 4 s")
    await asks(story, f"{alert}/acknowledge{kind}", {"user": "Kim Lee", "note": "looking"})
    await card.shows(state="acknowledged", who="Kim Lee (genie)", text="looking")
    await asks(story, f"{alert}/notes{kind}", {"user": "Kim Lee", "note": "the cache is cold"})
    await card.tells("note by Kim Lee (genie): the cache is cold")
    await story.restart()
    await asks(story, f"{alert}/unacknowledge{kind}")
    await card.shows(state="firing", who="")
    await asks(story, f"{alert}/message{kind}", {"message": "Checkout is down"}, "PUT")
    await card.tells("note by its sender (genie): Checkout is down")
    await asks(story, f"{alert}/close{kind}", {"user": "Kim Lee", "note": "warm again"})
    await card.tells("note by Kim Lee (genie): warm again")
    await story.passes("31s")
    await card.shows(state="resolved")


async def test_an_alert_without_an_alias_is_found_by_its_request(story: Story) -> None:
    request = await asks(story, "/v2/alerts", {"message": "Backup failed"})
    status, answer = await call(story, f"/v2/alerts/requests/{request}", method="GET", **OPS)
    assert status == 200 and answer["data"]["isSuccess"]
    await asks(story, f"/v2/alerts/{answer['data']['alertId']}", method="DELETE")
    await story.passes("31s")
    await (await story.card()).shows(state="resolved")


async def test_opsgenie_is_told_in_its_own_words_what_is_wrong(story: Story) -> None:
    for status, method, path, body, headers in (
        (401, "POST", "/v2/alerts", CREATE, {"Authorization": "GenieKey nobodys"}),
        (401, "POST", "/v2/alerts", CREATE, {}),
        (400, "POST", "/v2/alerts", {}, OPS),
        (404, "GET", "/v2/alerts", None, OPS),
        (404, "POST", "/v2/alerts/alone", {}, OPS),
    ):
        found, answer = await call(story, path, body, method, **headers)
        assert found == status and answer["message"] and answer["requestId"], path


async def test_a_heartbeat_is_answered(story: Story) -> None:
    status, answer = await call(story, "/v2/heartbeats/backups/ping", method="GET", **OPS)
    assert (status, answer["result"]) == (202, "PONG - Heartbeat received")


async def test_who_did_it_is_hidden_like_any_other_text(tmp_path: Path) -> None:
    """What a sender calls a person may be what not everybody may read; the log has no name at all."""
    hiding = CONFIG + "redact: [{name: email, below: confidential}]\n"
    async with telling(tmp_path, hiding, "httpchat") as story:
        await asks(story, "/v2/alerts", CREATE)
        card, alert, kind = await story.card(), f"/v2/alerts/{QUOTED}", "?identifierType=alias"
        await asks(story, f"{alert}/acknowledge{kind}", {"user": "kestrel@example.com", "note": "ask kestrel@example.com"})
        await card.shows(state="acknowledged", who="[email] (genie)")
        await story.shown()
        assert "kestrel" not in str(await card.seen()) + str(await card.thread()) + str(story.logs)
        for person, sees in (("cleo", False), ("ben", True)):
            assert ("kestrel" in json.dumps(await story.get("/api/v1/incidents/1", person))) == sees
            assert ("kestrel" in json.dumps(await story.order(person, "incident 1"))) == sees


# --- Debian's Alertmanager ------------------------------------------------------------------------------------------


def receiver(kind: str, url: str) -> dict[str, Any]:
    if kind == "pagerduty":
        return {"pagerduty_configs": [{"url": f"{url}/v2/enqueue", "routing_key": PD}]}
    return {"opsgenie_configs": [{"api_url": f"{url}/", "api_key": OG, "update_alerts": True}]}


@pytest.mark.real
@pytest.mark.skipif(not ALERTMANAGER, reason="no alertmanager here")
@pytest.mark.parametrize("kind", ["pagerduty", "opsgenie"])
async def test_alertmanager_itself(story: Story, kind: str, tmp_path: Path) -> None:
    assert ALERTMANAGER
    route = {"receiver": "tocsin", "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h", "group_by": ["alertname"]}
    written = {"route": route, "receivers": [{"name": "tocsin", **receiver(kind, story.url)}]}
    (tmp_path / "am.yml").write_text(yaml.safe_dump(written))
    address = f"127.0.0.1:{free_port()}"
    where = (f"--config.file={tmp_path / 'am.yml'}", f"--storage.path={tmp_path / 'am'}", f"--web.listen-address={address}")
    alert = {"labels": {"alertname": "PgDown", "severity": "critical", "cluster": "eu1"}, "startsAt": iso(story.now())}
    async with running(ALERTMANAGER, *where, "--cluster.listen-address="):
        await until(lambda: _posts(story, address, alert), within=20)
        card = await story.card()
        seen = await card.shows(state="firing", severity="critical", within=20)
        assert "PgDown" in seen.title and "eu1" in seen.text
        await _posts(story, address, {**alert, "endsAt": iso(story.now())})
        await card.shows(closing=True, within=20)
        await story.passes("31s")
        await card.shows(state="resolved")
    assert len(await story.view.cards("ops")) == 1


async def _posts(story: Story, address: str, alert: Any) -> bool:
    try:
        async with story.http.post(f"http://{address}/api/v2/alerts", json=[alert]) as answer:
            return answer.status == 200
    except ClientConnectionError:
        return False
