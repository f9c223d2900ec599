"""Prometheus' API and Alertmanager's webhook: what fires, what ends when, which alert it is, and what is told of bad ones."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.fields import parse_time
from adapters.source import Batch, Rejected, Request, Response
from adapters.sources.alertmanager import Alertmanager, AlertmanagerConfig
from rules.alert import Alert, BadAlert, Severity, fingerprint

NOW = parse_time("2026-03-02T12:00:00Z")
LABELS = {"alertname": "Down", "instance": "a:1", "severity": "page"}
ALERT: dict[str, Any] = {
    "labels": LABELS,
    "annotations": {"summary": "a:1 is down"},
    "startsAt": "2026-03-02T11:00:00Z",
    "endsAt": "2026-03-02T12:04:00Z",
    "generatorURL": "https://prom.example/graph",
}


def source(**config: Any) -> Alertmanager:
    return Alertmanager("prom", AlertmanagerConfig.model_validate({"auth": "none", **config}))


def parse(body: Any, now: float = NOW, **config: Any) -> Batch:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return source(**config).parse(Request("POST", "", {}, data, ""), now)


def hook(*alerts: Any, **more: Any) -> dict[str, Any]:
    return {"version": "4", "alerts": list(alerts), "externalURL": "https://am.example", **more}


def hooked(status: str = "firing", **more: Any) -> dict[str, Any]:
    return {**ALERT, "status": status, "fingerprint": "0123456789abcdef", **more}


def only(body: Any, **config: Any) -> Alert:
    (report,) = parse(body, **config).reports
    return report.open()


def refused(body: Any) -> tuple[int, str]:
    with pytest.raises(Rejected) as error:
        parse(body)
    return error.value.status, error.value.reason


def answer_to(batch: Batch) -> Response:
    """As the engine does it: open all, then answer."""
    bad, accepted = list(batch.bad), 0
    for report in batch.reports:
        try:
            report.open()
            accepted += 1
        except BadAlert as error:
            bad.append(error)
    return (batch.answer or source().reply)(accepted, bad)


@pytest.mark.parametrize(
    ("times", "firing", "starts_at", "ends_at"),
    [
        ({"endsAt": "2026-03-02T12:04:00Z"}, True, -3600, 240),
        ({"endsAt": "2026-03-02T12:00:00Z"}, False, -3600, 0),
        ({"endsAt": "2026-03-02T13:59:00+02:00"}, False, -3600, -60),
        ({"endsAt": None}, True, -3600, 300),
        ({"endsAt": ""}, True, -3600, 300),
        ({"endsAt": "0001-01-01T00:00:00Z"}, True, -3600, 300),
        ({"startsAt": None}, True, 0, 240),
        ({"startsAt": "0001-01-01T00:00:00Z", "endsAt": None}, True, 0, 300),
        ({"startsAt": None, "endsAt": "2026-03-02T11:30:00Z"}, False, -1800, -1800),
        ({"startsAt": "2026-03-02T11:59:00Z", "endsAt": "2026-03-02T11:30:00Z"}, False, -1800, -1800),
        ({"startsAt": "2999-01-01T00:00:00Z", "endsAt": None}, True, 0, 300),
    ],
)
def test_an_alert_of_the_api_fires_until_its_end(times: Any, firing: bool, starts_at: float, ends_at: float) -> None:
    alert = only([{**ALERT, **times}])
    assert (alert.firing, alert.starts_at - NOW, alert.ends_at - NOW) == (firing, starts_at, ends_at)


def test_resolve_timeout_is_configured() -> None:
    assert only([{"labels": {"a": "b"}}], resolve_timeout="1h").ends_at == NOW + 3600


@pytest.mark.parametrize(
    ("status", "ends", "firing", "ends_at"),
    [
        ("firing", "0001-01-01T00:00:00Z", True, 0.0),
        ("firing", "2020-01-01T00:00:00Z", True, 0.0),
        ("firing", "garbage", True, 0.0),
        ("resolved", "2026-03-02T11:59:00Z", False, NOW - 60),
        ("resolved", "0001-01-01T00:00:00Z", False, 0.0),
        ("resolved", None, False, 0.0),
    ],
)
def test_the_status_of_a_webhook_decides(status: str, ends: str | None, firing: bool, ends_at: float) -> None:
    alert = only(hook(hooked(status, endsAt=ends)))
    assert (alert.firing, alert.ends_at) == (firing, ends_at)


def test_truncated_alerts_and_an_empty_webhook_resolve_nothing() -> None:
    assert [report.firing for report in parse(hook(hooked(), truncatedAlerts=500)).reports] == [True]
    assert parse(hook(status="resolved", truncatedAlerts=500)) == Batch([], [])
    assert parse([]).reports == []


def test_the_first_byte_decides_not_the_content_type() -> None:
    headers = {"content-type": "text/plain"}
    for body in (b' \n[{"labels":{"a":"b"}}]', b'\t{"alerts":[{"status":"firing","labels":{"a":"b"}}]}'):
        assert len(source().parse(Request("POST", "", headers, body, ""), NOW).reports) == 1


@pytest.mark.parametrize(
    ("sent", "config", "wanted"),
    [
        ("0123456789abcdef", {}, "0123456789abcdef"),
        ("0123456789ABCDEF", {}, "0123456789abcdef"),
        ("0123456789abcde", {}, fingerprint(LABELS)),
        ("0123456789abcdeg", {}, fingerprint(LABELS)),
        (None, {}, fingerprint(LABELS)),
        ("0123456789abcdef", {"drop_labels": ["instance"]}, fingerprint({"alertname": "Down", "severity": "page"})),
    ],
)
def test_which_alert_a_webhook_means(sent: str | None, config: Any, wanted: str) -> None:
    assert only(hook(hooked(fingerprint=sent)), **config).fingerprint == wanted


def test_twins_of_an_ha_pair_are_one_alert() -> None:
    twins = [{**ALERT, "labels": {"alertname": "Down", "replica": name}} for name in "ab"]
    a, b = (report.open() for report in parse(twins, drop_labels=["replica"]).reports)
    assert a.fingerprint == b.fingerprint == fingerprint({"alertname": "Down"})
    assert a.labels == {"alertname": "Down"}
    with pytest.raises(BadAlert, match=r"^alerts\[0\]\.labels: at least one label is needed$"):
        only([{"labels": {"replica": "a"}}], drop_labels=["replica"])


@pytest.mark.parametrize("wrap", [lambda alert: [alert], lambda alert: hook({**alert, "status": "firing"})], ids=["api", "hook"])
def test_key_and_content_tell_news_from_repetition(wrap: Callable[[Any], Any]) -> None:
    def seen(**change: Any) -> tuple[bytes, int]:
        (report,) = parse(wrap({**ALERT, **change})).reports
        return report.key, report.content

    key, content = seen()
    assert seen(endsAt="2026-03-02T12:05:00Z") == (key, content)
    for change in ({"startsAt": "2026-03-02T11:00:01Z"}, {"annotations": {"summary": "b"}}, {"generatorURL": "https://b.example"}):
        changed = seen(**change)
        assert changed[0] == key
        assert changed[1] != content
    assert seen(labels={"alertname": "Up"})[0] != key


def test_a_webhook_of_another_alertmanager_or_fingerprint_is_news() -> None:
    (here,), (moved,) = parse(hook(hooked())).reports, parse(hook(hooked(), externalURL="https://other.example")).reports
    assert here.key == moved.key
    assert here.content != moved.content
    (other,) = parse(hook(hooked(fingerprint="ffffffffffffffff"))).reports
    assert other.key != here.key


def test_nothing_is_opened_before_it_is_asked_for() -> None:
    (report,) = parse([{**ALERT, "labels": {"a": 5}}]).reports
    with pytest.raises(BadAlert, match=r"^alerts\[0\]\.labels\.a: must be text, is a number$"):
        report.open()


def test_the_severity_stands_where_the_config_says() -> None:
    alert = {"labels": {"a": "b", "severity": "page", "prio": "Sev-X"}}
    assert only([alert]).severity is Severity.critical
    assert only([alert], severity={"label": "prio", "map": {"SEV-X": "low"}}).severity is Severity.low
    assert only([alert], severity={"map": {"page": "info"}}).severity is Severity.info
    assert only([{"labels": {"a": "b"}, "annotations": {"severity": "critical"}}]).severity is Severity.critical
    assert only([{"labels": {"a": "b"}}]).severity is Severity.warning


BAD_ALERTS: list[tuple[Any, str]] = [
    (5, "alerts[1]: must be an object, is a number"),
    (None, "alerts[1]: must be an object, is null"),
    ([ALERT], "alerts[1]: must be an object, is a list"),
    ({"labels": {}}, "alerts[1].labels: at least one label is needed"),
    ({}, "alerts[1].labels: at least one label is needed"),
    ({"labels": None}, "alerts[1].labels: at least one label is needed"),
    ({"labels": {"a": ""}}, "alerts[1].labels: at least one label is needed"),
    ({"labels": {"": "a"}}, "alerts[1].labels: one has no name"),
    ({"labels": "a=b"}, "alerts[1].labels: must be an object, is text"),
    ({"labels": 1.5}, "alerts[1].labels: must be an object, is a number"),
    ({"labels": {"ok": "x", "foo": 5}}, "alerts[1].labels.foo: must be text, is a number"),
    ({"labels": {"foo": -1e999}}, "alerts[1].labels.foo: must be text, is a number"),
    ({"labels": {"foo": True}}, "alerts[1].labels.foo: must be text, is true"),
    ({"labels": {"foo": {}}}, "alerts[1].labels.foo: must be text, is an object"),
    ({"labels": {"f\x00": []}}, "alerts[1].labels.f\ufffd: must be text, is a list"),
    ({"labels": {"x" * 100: 1}}, f"alerts[1].labels.{'x' * 60}: must be text, is a number"),
    ({"labels": {str(i): "x" for i in range(201)}}, "alerts[1].labels: 201 labels; 200 at most"),
    ({"labels": {"a": "x" * 65536}}, "alerts[1].labels: 65545 bytes; 65536 at most"),
    ({"labels": {"a": "b"}, "annotations": []}, "alerts[1].annotations: must be an object, is a list"),
    ({"labels": {"a": "b"}, "annotations": {"v": False}}, "alerts[1].annotations.v: must be text, is false"),
    ({"labels": {"a": "b"}, "startsAt": 1772452800}, "alerts[1].startsAt: must be text, is a number"),
    ({"labels": {"a": "b"}, "startsAt": "now"}, "alerts[1].startsAt: is not a time such as 2026-01-06T03:00:00Z"),
    ({"labels": {"a": "b"}, "generatorURL": {}}, "alerts[1].generatorURL: must be text, is an object"),
]
BAD_TIMES: list[tuple[Any, str]] = [
    ({"endsAt": "now"}, "alerts[1].endsAt: is not a time such as 2026-01-06T03:00:00Z"),
    ({"endsAt": "2026-13-01T00:00:00Z"}, "alerts[1].endsAt: is not a time of the calendar, such as 2026-01-06T03:00:00Z"),
    ({"endsAt": []}, "alerts[1].endsAt: must be text, is a list"),
]


def body_of(text: Any) -> bytes:
    return json.dumps(text).replace("-Infinity", "-1e999").encode()


@pytest.mark.parametrize(("bad", "told"), BAD_ALERTS + [({"labels": {"a": "b"}, **bad}, told) for bad, told in BAD_TIMES])
def test_a_bad_alert_of_the_api_is_named_and_its_neighbours_live(bad: Any, told: str) -> None:
    batch = parse(body_of([ALERT, bad, {**ALERT, "labels": {"a": "b"}}]))
    good = {batch.reports[0].open().fingerprint, batch.reports[-1].open().fingerprint}
    assert good == {fingerprint(LABELS), fingerprint({"a": "b"})}
    answer = answer_to(batch)
    assert (answer.status, msgspec.json.decode(answer.body)) == (400, told)


@pytest.mark.parametrize(
    ("bad", "told"),
    [({"status": "firing", **bad} if isinstance(bad, dict) else bad, told) for bad, told in BAD_ALERTS]
    + [({"status": "resolved", "labels": {"a": "b"}, **bad}, told) for bad, told in BAD_TIMES]
    + [({"labels": LABELS, "status": status}, "alerts[1].status: must be firing or resolved") for status in (None, "", "Firing")]
    + [({"labels": {"a": "b"}, "status": 1}, "alerts[1].status: must be text, is a number")],
)
def test_a_bad_alert_of_a_webhook_is_named_and_its_neighbours_live(bad: Any, told: str) -> None:
    answer = answer_to(parse(body_of(hook(hooked(), bad, hooked(labels={"a": "b"})))))
    assert (answer.status, msgspec.json.decode(answer.body)) == (200, {"status": "ok", "accepted": 2, "bad": [told]})


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"", 400, "the body is empty; send JSON"),
        (b" \n", 400, "the body is empty; send JSON"),
        (b"hello", 400, "the body is neither a JSON list (Alertmanager's API) nor a JSON object (its webhook)"),
        (b'"[]"', 400, "the body is neither a JSON list (Alertmanager's API) nor a JSON object (its webhook)"),
        (b"\xef\xbb\xbf[]", 400, "the body is neither a JSON list (Alertmanager's API) nor a JSON object (its webhook)"),
        (b'[{"labels":{"a":"\xff"}}]', 400, "the body is not UTF-8: byte 17 cannot be read"),
        (b'[{"labels":{"a":"b"}}', 400, "the body is not JSON: it ends too early, at byte 21"),
        (b'[{"labels":{"a":"b"}},]', 400, "the body is not JSON: trailing comma in array (byte 22)"),
        (b'[{"labels":{"a":"b"}}]x', 400, "the body is not JSON: trailing characters (byte 23)"),
        (b'[{"labels":{"a":NaN}}]', 400, "the body is not JSON: invalid character (byte 16)"),
        (b'[{"labels":{"a":-Infinity}}]', 400, "the body is not JSON: invalid character (byte 17)"),
        (b'[{"labels":{"a":01}}]', 400, "the body is not JSON: invalid number (byte 17)"),
        (b"{}", 400, "alerts: is missing"),
        (b'{"alerts":null}', 400, "alerts: must be a list, is null"),
        (b'{"alerts":{}}', 400, "alerts: must be a list, is an object"),
        (b'[{"labels":' + b"[" * 10_000 + b"]" * 10_000 + b"}]", 400, "the body is nested more than 200 deep, at byte 209"),
        (b"[" * 10_000, 400, "the body is nested more than 200 deep, at byte 200"),
        (b"[5,6]", 400, "alerts[0]: must be an object, is a number; alerts[1]: must be an object, is a number"),
        (b'{"alerts":[{"labels":{"a":"b"}}]}', 400, "alerts[0].status: must be firing or resolved"),
        (b"[" + b"{}," * 20_000 + b"{}]", 413, "the body holds 20001 alerts; 20000 at most in one request"),
        (b'{"alerts":[' + b"0," * 20_000 + b"0]}", 413, "the body holds 20001 alerts; 20000 at most in one request"),
    ],
)
def test_a_body_of_which_nothing_can_be_used(body: bytes, status: int, told: str) -> None:
    assert refused(body) == (status, told)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (rb'{"a":"1","b":"2","a":"3"}', "alerts[0].labels.a: stands twice"),
        (rb'{"a":"\"","b":"2","b":"2"}', "alerts[0].labels.b: stands twice"),
        (rb'{"a":"1","\u0061":"\""}', "alerts[0].labels.a: stands twice"),
    ],
)
def test_a_label_that_stands_twice_has_no_value(labels: bytes, told: str) -> None:
    with pytest.raises(BadAlert) as error:
        only(b'[{"labels":' + labels + b"}]")
    assert str(error.value) == told


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (rb"a\ud800b", "a\ufffdb"),
        (rb"\udc00\ud800", "\ufffd\ufffd"), (rb"\ud83d\ude80", "🚀"),
        (rb"\ud83d\ud83d\ude80", "\ufffd🚀"),
        (rb"\\ud800", "\\ud800"), (rb"\\\ud800", "\\\ufffd"), (rb"\u0000\u001b[31m", "\ufffd\ufffd[31m"), (b"a\nb\x01c", "a b c"),
        (rb"a\nb\tc", "a\nb\tc"), (b"\x7f", "\ufffd"), ("\x85".encode(), "\ufffd"),
        (rb"say \"hi\"", 'say "hi"'), ("ünï 🔥".encode(), "ünï 🔥"),
    ],
)  # fmt: skip
def test_odd_texts_stay_readable(sent: bytes, kept: str) -> None:
    batch = parse(b'[{"labels":{"a":"' + sent + b'"}},{"labels":{"b":"c"},"annotations":{"' + sent + b'":"' + sent + b'"}}]')
    first, second = (report.open() for report in batch.reports)
    assert (first.labels, second.annotations) == ({"a": kept}, {kept: kept})


def test_an_odd_text_leaves_the_bytes_of_its_neighbours_alone() -> None:
    plain, odd = b'{"labels":{"a" : "b\\u00e4"}}', b'{"labels":{"half":"\\ud800"}}'
    (alone,), (beside, _) = parse(b"[" + plain + b"]").reports, parse(b"[" + plain + b"," + odd + b"]").reports
    assert (alone.key, alone.content) == (beside.key, beside.content)


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_whatever_json_can_say_in_texts_comes_out_as_it_went_in(labels: dict[str, str]) -> None:
    labels = {"alertname": "x"} | {name: text for name, text in labels.items() if (name + text).isprintable()}
    alert = only([{"labels": labels, "annotations": labels}])
    assert alert.labels == alert.annotations == {name: text for name, text in labels.items() if text}


def test_answers() -> None:
    assert answer_to(parse([ALERT])) == Response(200, b"")
    assert answer_to(parse([])) == Response(200, b"")
    assert answer_to(parse(hook(hooked(), hooked(labels={"a": "b"})))) == Response(200, b'{"status":"ok","accepted":2}')
    assert answer_to(parse(hook())) == Response(200, b'{"status":"ok","accepted":0}')
    none_good = answer_to(parse(hook(hooked(labels={}))))
    assert none_good.status == 400
    assert b'"bad":["alerts[0].labels: at least one label is needed"]' in none_good.body
    many = answer_to(parse([{}] * 30))
    assert many.body.endswith(b'alerts[19].labels: at least one label is needed; and 10 more"')


@pytest.mark.parametrize("external", [5, None, {}, "javascript:x", "https://am.example"])
def test_an_odd_external_url_costs_no_alert(external: Any) -> None:
    links = {link.name: link.url for link in only(hook(hooked(), externalURL=external)).links}
    wanted = {"alertmanager": "https://am.example"} if external == "https://am.example" else {}
    assert links == {"graph": "https://prom.example/graph", **wanted}
