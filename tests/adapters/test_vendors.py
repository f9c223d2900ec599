"""Sources that stand in for a vendor's API: the key in each of its places, and what their clients may leave out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import registry
from adapters.source import Rejected, Request, Source, Vendor
from tests.adapters.bodies import NOW

KEY = "the-key-of-this-test"
VENDORS = sorted(set(registry.APIS.values()))


def build(kind: str, **auth: Any) -> Any:
    cls = registry.load(registry.SOURCES[kind])
    return cls("src", cls.config_model.model_validate({"type": kind, "auth": auth or {"key": KEY}}))


def post(path: str, body: Any = None, method: str = "POST", query: dict[str, str] | None = None, **headers: str) -> Request:
    data = b"" if body is None else json.dumps(body).encode()
    return Request(method, path, {k.lower().replace("_", "-"): v for k, v in headers.items()}, data, "192.0.2.7", query or {})


def key_of(source: Source, request: Request) -> str:
    return source.parse(request, NOW).reports[0].open().fingerprint


@pytest.mark.parametrize("kind", VENDORS)
def test_it_speaks_as_the_vendor(kind: str) -> None:
    source = build(kind)
    assert isinstance(source, Vendor) and "POST" in source.methods
    for status in (400, 401, 405, 413, 429):
        answer = source.refuse(Rejected(status, "why"))
        assert answer.status == status and b"why" in answer.body and json.loads(answer.body)


@pytest.mark.parametrize("kind", VENDORS)
@given(sent=st.text(max_size=20))
def test_another_key_is_refused_and_not_repeated(kind: str, sent: str) -> None:
    source = build(kind)
    auth = source._config.auth
    for key in (sent, f"{KEY}{sent}x", KEY[:-1], ""):
        with pytest.raises(Rejected) as refused:
            source.verify(post("", {"routing_key": key}, **auth.headers(key)), NOW)
        assert refused.value.status == 401
        assert "the key is" in refused.value.reason and KEY not in refused.value.reason
    source.verify(post("", {}, **auth.headers(KEY)), NOW)
    assert auth.shown(post("", {}, **auth.headers(KEY))) == KEY


@pytest.mark.parametrize("kind", VENDORS)
def test_other_ways_to_prove_it_stay_open(kind: str) -> None:
    source = build(kind, header={"name": "X-Token", "value": KEY})
    assert source.needs_body is False
    source.verify(post("", {}, X_Token=KEY), NOW)
    with pytest.raises(Rejected, match="X-Token"):
        source.verify(post("", {"routing_key": KEY}, Authorization=f"GenieKey {KEY}"), NOW)
    near = build(kind, key=KEY, ip=["198.51.100.0/24"])
    with pytest.raises(Rejected, match=r"auth\.ip"):
        near.verify(post("", {"routing_key": KEY}, Authorization=f"GenieKey {KEY}"), NOW)


def test_the_key_of_pagerduty_stands_in_the_body() -> None:
    source = build("pagerduty")
    assert source.needs_body
    source.verify(post("v2/enqueue", {"routing_key": f" {KEY} "}), NOW)
    for body in ([{"routing_key": KEY}], {"routing_key": [KEY]}, {"routing_key": None}, {}, "text", 7):
        with pytest.raises(Rejected, match=r"routing_key: the key is (missing|wrong)"):
            source.verify(post("v2/enqueue", body), NOW)


@given(alias=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=40))
def test_an_alias_and_an_id_name_the_same_alert(alias: str) -> None:
    source = build("opsgenie")
    created = source.parse(post("v2/alerts", {"message": "m", "alias": alias}), NOW)
    request = json.loads(created.answer(1, []).body)["requestId"]
    close = f"v2/alerts/{alias}/close"
    keys = {
        created.reports[0].open().fingerprint,
        key_of(source, post(close, query={"identifierType": "alias"})),
        key_of(source, post(f"v2/alerts/{request}/close")),
        key_of(source, post(f"v2/alerts/{request.upper()}/close", {}, query={"identifierType": "id"})),
        key_of(source, post(f"jsm/ops/integration/v2/alerts/{request}", method="DELETE")),
    }
    assert len(keys) == 1


def test_an_alias_that_looks_like_an_action_is_an_alias() -> None:
    source = build("opsgenie")
    first = key_of(source, post("v2/alerts", {"message": "m", "alias": "a/close"}))
    assert key_of(source, post("v2/alerts/a/close/close", query={"identifierType": "alias"})) == first
    assert source.parse(post("v2/alerts/a/close", method="DELETE", query={"identifierType": "alias"}), NOW).reports
    assert (
        source.parse(post("v2/alerts/a/tags", method="DELETE", query={"identifierType": "alias", "tags": "x"}), NOW).reports == []
    )
    assert source.parse(post("v2/alerts/17/close", query={"identifierType": "tiny"}), NOW).reports == []


LONG = "x" * 80_000
ENDLESS = {
    "pagerduty": {
        "event_action": "trigger", "dedup_key": "k",
        "payload": {"summary": LONG, "source": LONG, "class": LONG, "component": LONG, "custom_details": {"team": LONG}},
    },
    "opsgenie": {
        "message": LONG, "alias": "k", "entity": LONG, "tags": [f"t{n}" for n in range(500)],
        "details": {"alertname": LONG, **{f"d{n}": "x" for n in range(500)}},
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", VENDORS)
def test_what_is_too_long_is_cut_not_refused(kind: str) -> None:
    alert = build(kind).parse(post("", ENDLESS[kind]), NOW).reports[0].open()
    assert len(alert.title) == 1024
    assert len(alert.labels) <= 50 and max(map(len, alert.labels.values())) <= 1024
