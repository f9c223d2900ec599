"""Alertmanager's API v2 as people's tools use it: who sees what, who may do what, and one store of silences with chat."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from adapters.source import Rejected
from bot.alertmanager.alerts import PAGE
from bot.alertmanager.asked import matchers_of
from bot.alertmanager.listing import PART
from bot.alertmanager.shapes import fingerprint, silence_of, time_text, uuid_of
from tests.bot.alertmanager_client import CONFIG, Client, ask, made, silence
from tests.stories.story import Story
from tests.stories.telling import telling
from tests.stories.test_audit import Told, log_of, of

SECRET = {"team": "payments"}
REDACT = "\nredact: [{name: ip, below: confidential}]\n"


@pytest.fixture
def config() -> str:
    return CONFIG


@pytest.fixture
async def story(tmp_path: Path, config: str) -> AsyncIterator[Story]:
    async with telling(tmp_path, config) as found:
        yield found


async def names(client: Client, query: str = "") -> list[str]:
    return sorted(one["labels"]["alertname"] for one in await client.get(f"/alerts{query}"))


# --- Who asks -------------------------------------------------------------------------------------------------------

PATHS = [("GET", "/alerts"), ("GET", "/alerts/groups"), ("GET", "/silences"), ("POST", "/silences"), ("GET", "/status"),
         ("GET", "/receivers"), ("GET", f"/silence/{uuid_of('a1b2c3')}"), ("DELETE", f"/silence/{uuid_of('a')}")]  # fmt: skip


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


NOT_TOKENS = ["", "Bearer wrong", "Bearer token-of-prometheus", "Bearer ", basic("ana", "wrong"), basic("token-of-ana", ""),
              "Basic !", "Basic w6k=", "Basic /w==", "Digest token-of-ana"]  # fmt: skip


@pytest.mark.parametrize("header", NOT_TOKENS)
async def test_nobody_without_a_token(story: Story, header: str) -> None:
    """Not even a source: that may post alerts, and read nothing. Nobody is asked for a password that a browser would keep."""
    await story.fires("PgDown")
    headers = {"Authorization": header} if header else {}
    for method, path in PATHS:
        async with story.http.request(method, f"/api/v2{path}", headers=headers) as answer:
            assert answer.status == 401 and "PgDown" not in await answer.text(), path
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="tocsin"'


@pytest.mark.parametrize("user", ["ana", "", "whoever"])
async def test_a_token_as_password(story: Story, user: str) -> None:
    await story.fires("PgDown")
    assert await names(Client(story.url, Authorization=basic(user, "token-of-ana"))) == ["PgDown"]
    async with story.http.get("/api/v1/incidents", headers={"Authorization": basic(user, "token-of-ana")}) as answer:
        assert answer.status == 200


async def test_guesses_are_limited(story: Story) -> None:
    statuses = [(await Client(story.url, Authorization=basic("ana", f"wrong{n}"))("GET", "/alerts")).status for n in range(22)]
    assert statuses == [401] * 20 + [429] * 2


async def test_people_post_no_alerts(story: Story) -> None:
    answer = await ask(story)("POST", "/alerts", [{"labels": {"alertname": "A"}}])
    assert answer.status == 401
    assert await names(ask(story)) == []


# --- Alerts ---------------------------------------------------------------------------------------------------------


async def test_alerts_say_what_they_are(story: Story) -> None:
    await story.fires("PgDown", team="db", summary="it is down")
    await story.fires("Over")
    await story.resolves("Over")
    (one,) = await ask(story).get("/alerts")
    assert one["labels"] == {"alertname": "PgDown", "severity": "critical", "cluster": "eu1", "team": "db"}
    assert one["annotations"] == {"summary": "it is down"} and one["receivers"] == [{"name": "db"}]
    assert one["status"] == {"inhibitedBy": [], "silencedBy": [], "state": "active"}
    assert one["endsAt"] > time_text(story.now()), "one without an end is renewed"
    assert await ask(story).get("/receivers") == [{"name": name} for name in story.app.policy.channels]


async def test_a_person_sees_what_they_may(story: Story) -> None:
    """An alert beyond their clearance, the silence of one, and which alert or silence mutes what they see, are not there."""
    ana, ben, cleo = (ask(story, person) for person in ("ana", "ben", "cleo"))
    await story.fires("Secret", **SECRET)
    await story.fires("Muted", severity="warning")
    await made(ana, silence(story, "team=payments"))
    assert await names(ana) == await names(ben) == ["Muted", "Secret"]
    assert await names(cleo) == ["Muted"]
    assert await names(cleo, "?filter=team=payments") == []
    assert len(await ben.get("/silences")) == 1 and await cleo.get("/silences") == []
    assert [len(await one.get("/alerts/groups")) for one in (ana, cleo)] == [2, 1]
    hidden = (await ana.get("/silences"))[0]["id"]
    assert (await cleo("GET", f"/silence/{hidden}")).status == 404
    assert (await cleo("DELETE", f"/silence/{hidden}")) == (500, "silence not found")
    assert (await cleo("POST", "/silences", silence(story, id=hidden))) == (404, "silence not found")
    shown = {client: (await client.get("/alerts?filter=alertname=Muted"))[0]["status"] for client in (ana, cleo)}
    (secret,) = await ana.get("/alerts?filter=team=payments")
    assert shown[ana] == {"inhibitedBy": [secret["fingerprint"]], "silencedBy": [], "state": "suppressed"}
    assert shown[cleo] == {"inhibitedBy": [], "silencedBy": [], "state": "suppressed"}


async def test_what_is_secret_is_in_the_audit_log_before_it_is_shown(story: Story) -> None:
    await story.fires("Secret", **SECRET)
    await story.fires("PgDown")
    await ask(story, "cleo").get("/alerts")
    await ask(story, "ana").get("/alerts?filter=alertname=PgDown")
    assert await _told(story) == []
    await ask(story, "ben").get("/alerts/groups")
    assert of(await _told(story), "actor", "level", "via") == [("ben", "confidential", "alertmanager-api")]


async def _told(story: Story) -> Told:
    """What people were shown; cards have their own entries."""
    return [row for row in await log_of(story, "disclosure") if row["actor"]]


@pytest.mark.parametrize("config", [CONFIG + REDACT])
async def test_what_is_hidden_leaves_by_no_field(story: Story) -> None:
    """Nor can it be sounded out: by filters, by fingerprints, or by posting back what was shown."""
    await story.fires("PgDown", instance="10.77.31.5", summary="10.77.31.5 is down")
    ana, cleo = ask(story), ask(story, "cleo")
    made_by = await made(ana, silence(story, "instance=10.77.31.5", comment="10.77.31.5 moves", createdBy="at 10.77.31.5"))
    for path in ("/alerts", "/alerts/groups", "/silences", f"/silence/{made_by}", "/status"):
        assert "10.77" not in json.dumps(await cleo.get(path)), path
    assert await names(cleo, "?filter=instance=10.77.31.5") == [] and await names(ana, "?filter=instance=10.77.31.5") == [
        "PgDown"
    ]
    assert await cleo.get("/silences?filter=instance=10.77.31.5") == []
    (theirs,), (true,) = await cleo.get("/alerts"), await ana.get("/alerts")
    assert theirs["fingerprint"] == fingerprint(theirs["labels"]) != true["fingerprint"]
    assert theirs["status"] == {"inhibitedBy": [], "silencedBy": [], "state": "suppressed"}
    assert true["status"]["silencedBy"] == [made_by]

    story.rewrite(lambda text: text.replace("{allow: [note], groups: [web]}", "{allow: [note, silence], groups: [web]}"))
    assert await story.app.reload()
    shown = await cleo.get(f"/silence/{made_by}")
    assert await made(cleo, {**shown, "endsAt": time_text(story.now() + 60)}) == made_by
    (whole,) = await ana.get("/silences")
    assert whole["matchers"][0]["value"] == "10.77.31.5" and whole["comment"] == "10.77.31.5 moves"
    assert whole["createdBy"] == "at 10.77.31.5"


async def test_many_come_whole_and_in_order(story: Story) -> None:
    count = 12 * PAGE + 1
    await story.accepts([story.alert(f"A{n}", note="x" * 400) for n in range(count)])
    found = await ask(story).get("/alerts")
    prints = [one["fingerprint"] for one in found]
    assert len(json.dumps(found)) > PART and len(set(prints)) == count and prints == sorted(prints)
    assert len(await ask(story).get("/alerts/groups")) == count


@pytest.mark.parametrize("config", [CONFIG.replace("channels: [db]", "channels: [db, ops], name: 'with both'")])
async def test_a_route_with_two_channels(story: Story) -> None:
    """Two receivers, and a group of each."""
    await story.fires("PgDown", team="db")
    client = ask(story)
    (one,) = await client.get("/alerts")
    assert one["receivers"] == [{"name": "db"}, {"name": "ops"}]
    for name in ("db", "ops"):
        (group,) = await client.get(f"/alerts/groups?receiver={name}")
        assert group["receiver"] == {"name": name} and group["labels"] == {"alertname": "PgDown", "cluster": "eu1"}
        assert group["alerts"] == [{**one, "endsAt": group["alerts"][0]["endsAt"]}]
    config = yaml.safe_load((await client.get("/status"))["config"]["original"])
    assert config["route"]["routes"][0]["receiver"] == "db,ops" and {"name": "db,ops"} in config["receivers"]


# --- Shapes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [({"alertname": "A", "team": "db"}, "7c645696d60f2876"), ({"alertname": "B"}, "d2c2efc389db2050")],
)
def test_fingerprints_are_alertmanagers(labels: dict[str, str], wanted: str) -> None:
    """As Debian's Alertmanager answered, whatever the order."""
    assert fingerprint(labels) == fingerprint(dict(reversed(labels.items()))) == wanted


def test_ids_lead_back() -> None:
    assert silence_of(uuid_of("d9484f")) == "d9484f"
    assert silence_of("5a305a36-4426-4b06-9398-5b6df3698dfb") == "" and silence_of("d9484f") is None


@pytest.mark.parametrize(
    ("at", "text"), [(0.0, "1970-01-01T00:00:00.000Z"), (1.9996, "1970-01-01T00:00:01.999Z"), (1e18, "9999-12-31T23:59:59.999Z")]
)
def test_times(at: float, text: str) -> None:
    assert time_text(at) == text


@given(st.text())
def test_any_filter_is_a_matcher_or_is_refused(text: str) -> None:
    try:
        matchers_of([text])
    except Rejected as problem:
        assert problem.status == 400


@given(st.from_regex(r"[a-z_][a-z0-9_]*", fullmatch=True), st.sampled_from(["=", "!="]), st.text())
def test_what_is_quoted_is_read_back(name: str, op: str, value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    (found,) = matchers_of([f' {name} {op} "{quoted}" '])
    assert (found.name, found.op, found.value) == (name, op, value)
