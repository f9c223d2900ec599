"""Senders that cannot POST, cannot send a header, or ask first."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.stories.story import BASE, Story
from tests.stories.telling import telling

SOURCES = """
  path: {type: generic, auth: {path: right-path}}
  query: {type: statuscake, auth: {query: {value: right-query}}}
  prom: {type: alertmanager, auth: {path: right-prom}}
  genie: {type: opsgenie, auth: {path: right-genie}}
  am: {type: alertmanager, auth: {query: {name: key, value: right-key}}}
  events: {type: cloudevents, auth: {bearer: right-token}, origins: [eventgrid.azure.net], rate: 2}
  azure: {type: cloudevents, auth: {query: {name: code, value: right-code}}, origins: ["*"]}
"""
CONFIG = BASE.replace("sensitivity:", f"{SOURCES.strip(chr(10))}\nsensitivity:")
ALERTS = [{"labels": {"alertname": "DiskFull"}}]


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    async with telling(tmp_path, CONFIG) as found:
        yield found


async def ask(story: Story, method: str, place: str, body: Any = None, **headers: str) -> tuple[int, str, Mapping[str, str]]:
    data = None if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with story.http.request(method, f"/webhooks/{place}", data=data, headers=named) as answer:
        return answer.status, await answer.text(), answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("place", ["path/right-path", "path/right-path/", "path/right-path/any/thing?a=b"])
async def test_a_secret_in_the_path(story: Story, method: str, place: str) -> None:
    assert (await ask(story, method, place, {"title": "Disk full"}))[0] == 200
    await story.card("ops", "Disk full")


@pytest.mark.parametrize(
    "place", ["path", "path/", "path/wrong", "path/right-pathx", "path/x/right-path", "path?token=right-path"]
)
async def test_a_wrong_secret_in_the_path(story: Story, place: str) -> None:
    status, told, _ = await ask(story, "POST", place, {"title": "Disk full"})
    assert status == 401 and "the address: the secret after the source's name is" in told
    assert "right" not in told and "wrong-" not in told


async def test_what_stands_below_the_secret_is_what_the_source_sees(story: Story) -> None:
    """As Prometheus adds it: the address with the secret is its `path_prefix`. To Opsgenie it says which alert."""
    assert (await ask(story, "POST", "genie/right-genie", {"message": "Queue stuck", "alias": "queue"}))[0] == 202
    assert (await ask(story, "POST", "genie/right-genie/queue/close?identifierType=alias", {}))[0] == 202
    card = await story.card("ops", "Queue stuck")
    await story.passes("40s")
    await card.shows(state="resolved")
    assert (await ask(story, "POST", "prom/right-prom/api/v2/alerts", ALERTS))[:2] == (200, "")
    await story.card("ops", "DiskFull")


async def test_a_secret_in_the_query_is_seen_by_no_source(story: Story) -> None:
    """Nor does it become a label: all other fields do."""
    down = "query?token=right-query&Name=Shop&Status=Down&StatusCode=503&URL=https://shop.example.com"
    assert (await ask(story, "GET", down))[0] == 200
    card = await story.card("ops", "Shop is down")
    assert (await ask(story, "GET", down.replace("Down", "Up")))[0] == 200
    await story.passes("40s")
    seen = await card.shows(state="resolved")
    assert "right-query" not in str(seen)
    status, told, _ = await ask(story, "GET", "query?token=right-query")
    assert status == 400 and "the body is empty" in told and "right-query" not in told
    for wrong in ("query?Name=Shop", "query?token=&Name=Shop", "query?token=right&Name=Shop", "query?Token=right-query"):
        assert (await ask(story, "GET", wrong))[0] == 401


async def test_the_alertmanager_api_knows_a_secret_in_the_query(story: Story) -> None:
    """One in the path cannot be told from the address itself; it is not looked for there."""
    async with story.http.post("/api/v2/alerts?key=right-key", json=ALERTS) as answer:
        assert answer.status == 200
    await story.card("ops", "DiskFull")
    for wrong in ("?key=wrong", "", "/right-prom"):
        async with story.http.post(f"/api/v2/alerts{wrong}", json=ALERTS) as answer:
            assert answer.status in (401, 404) and "right" not in await answer.text()


async def test_guesses_at_a_secret_in_the_address_are_limited(story: Story) -> None:
    """Who knew it before goes on."""
    assert (await ask(story, "POST", "path/right-path", {"title": "Disk full"}))[0] == 200
    told = [(await ask(story, "POST", f"path/guess-{n}", {"title": "x"}))[0] for n in range(25)]
    told += [(await ask(story, "GET", f"query?token=guess-{n}&Name=x"))[0] for n in range(5)]
    assert set(told[:20]) == {401} and set(told[21:]) == {429}
    assert (await ask(story, "POST", "path/right-path", {"title": "Disk full"}))[0] == 200
    async with story.http.get("/metrics") as answer:
        text = await answer.text()
    assert "guess-" not in text + str(story.logs) and "right-" not in text + str(story.logs)


@pytest.mark.parametrize("method", ["HEAD", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_other_methods_are_told_which_there_are(story: Story, method: str) -> None:
    for place in ("backups", "path/right-path"):
        status, told, headers = await ask(story, method, place)
        assert (status, headers["Allow"]) == (405, "POST, PUT, GET")
        assert method == "HEAD" or "send POST, PUT, GET" in told
    assert (await ask(story, method, "nobody"))[0] == 404


async def test_get_without_a_field_is_refused_in_words(story: Story) -> None:
    status, told, _ = await ask(story, "GET", "backups")
    assert status == 400 and "the body is empty" in told


async def test_who_asks_first_is_told_whether_it_may_send(story: Story) -> None:
    """The handshake of CloudEvents' web hooks. It needs no proof, and nobody is called back."""
    asked = {"WebHook_Request_Origin": "eventgrid.azure.net", "WebHook_Request_Callback": "https://example.com/?id=1"}
    status, told, headers = await ask(story, "OPTIONS", "events", **asked)
    assert (status, told) == (200, "")
    found = [headers[name] for name in ("WebHook-Allowed-Origin", "WebHook-Allowed-Rate", "Allow")]
    assert found == ["eventgrid.azure.net", "120", "POST"]
    for origin, status in (("example.com", 403), ("eventgrid.azure.net.example.com", 403), ("", 400)):
        refused, _, headers = await ask(story, "OPTIONS", "events", WebHook_Request_Origin=origin)
        assert refused == status and "WebHook-Allowed-Origin" not in headers
    assert (await ask(story, "POST", "events", {"title": "x"}))[0] == 401


async def test_who_asks_first_shows_a_secret_that_the_address_has(story: Story) -> None:
    origin = {"WebHook_Request_Origin": "anybody.example.com"}
    status, _, headers = await ask(story, "OPTIONS", "azure?code=right-code", **origin)
    assert (status, headers["WebHook-Allowed-Origin"], headers["WebHook-Allowed-Rate"]) == (200, "anybody.example.com", "*")
    assert (await ask(story, "OPTIONS", "azure?code=wrong", **origin))[0] == 401


async def test_azure_event_grid_asks_in_its_own_words(story: Story) -> None:
    event = [{"id": "1", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "512d-38b6"}}]
    status, told, _ = await ask(story, "POST", "azure?code=right-code", event, aeg_event_type="SubscriptionValidation")
    assert (status, json.loads(told)) == (200, {"validationResponse": "512d-38b6"})
    assert (await ask(story, "POST", "azure", event, aeg_event_type="SubscriptionValidation"))[0] == 401
