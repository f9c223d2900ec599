"""What senders and their templates really send, in several sources: a sensible alert comes of it, or a refusal that says why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.fields import parse_time
from adapters.source import Rejected, Request
from rules.alert import Alert, Verdict, merge
from tests.adapters.bodies import FIRING, NOW, SAMPLES, build, reports_of, resolved_of

START = parse_time("2026-03-02T11:58:03Z")
BERLIN = {"timezone": "Europe/Berlin"}
ZABBIX = {"event_id": "4711", "name": "CPU is hot", "status": "PROBLEM", "nseverity": "4", "host_name": "db7"}
KUMA = {"heartbeat": {"status": 0, "msg": "no answer"}, "monitor": {"id": 7, "name": "Shop"}, "msg": "Shop is down"}
SENSU = {"metadata": {"name": "disk"}}
NEWRELIC = {"id": "e1", "title": "CPU is hot", "state": "ACTIVATED", "priority": "CRITICAL"}


def grafana(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"status": "firing", "alerts": [{"status": "firing", "labels": {"alertname": "Hot"}, **one} for one in alerts], **more}


def request(body: Any, kind: str = "application/json") -> Request:
    data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    return Request("POST", "", {"content-type": kind}, data, "192.0.2.7")


def alerts_of(kind: str, sent: Request, config: dict[str, Any]) -> tuple[list[Alert], list[str]]:
    batch = build(kind, config).parse(sent, NOW)
    return [report.open() for report in batch.reports], batch.odd


@pytest.mark.parametrize(
    ("kind", "body", "wanted", "odd"),
    [
        # placeholders that stayed as they were
        ("zabbix", {**ZABBIX, "host_name": "{HOST.NAME}"}, {"alertname": "CPU is hot", "severity": "high"}, ["host_name"]),
        ("zabbix", {**ZABBIX, "status": "{EVENT.STATUS}"}, {"alertname": "CPU is hot"}, ["status", "status"]),
        ("healthchecks", {"code": "c0de", "name": "$NAME", "status": "down"}, {"severity": "critical"}, ["name"]),
        # a template that nobody rendered
        ("kibana", {"rule_id": "r1", "rule_name": "{{rule.name}}", "alert_id": "a", "status": "active"}, {"alertname": "r1"}, []),
        ("kibana", {"rule_id": "r1", "alert_id": "a", "status": "active", "reason": "{{x}}"}, {"alertname": "r1"}, ["reason"]),
        ("gatus", {"name": "web", "status": "TRIGGERED", "description": "[ALERT_DESCRIPTION]"}, {"host": None}, ["description"]),
        # numbers as texts, and texts as numbers
        ("uptime_kuma", {"heartbeat": {"status": "0"}, "monitor": {"id": "7", "name": "Shop"}}, {"monitor": "Shop"}, []),
        ("zabbix", {**ZABBIX, "event_id": 4711, "nseverity": 4}, {"host": "db7", "severity": "high"}, []),
        ("sensu", {"entity": {"metadata": {"name": "db2"}}, "check": {**SENSU, "status": "2"}}, {"host": "db2"}, []),
        # a word that nobody knows still fires
        ("zabbix", {**ZABBIX, "status": "EXPLODED"}, {"alertname": "CPU is hot"}, ["status"]),
        ("newrelic", {**NEWRELIC, "priority": "PURPLE"}, {"severity": "warning"}, ["severity"]),
        # nulls where something should stand
        ("newrelic", {**NEWRELIC, "priority": None, "createdAt": None, "issueUrl": None}, {"severity": "warning"}, []),
        ("openobserve", {"alert_name": "Hot", "stream_name": "app", "org_name": None, "rows": None}, {"alertname": "Hot"}, []),
    ],
)  # fmt: skip
def test_what_is_left_makes_an_alert(kind: str, body: Any, wanted: dict[str, str], odd: list[str]) -> None:
    [alert], seen = alerts_of(kind, request(body), {})
    assert alert.firing and not alert.starts_at
    assert {name: alert.labels.get(name) for name in wanted} == wanted
    assert seen == odd
    assert ("Not understood" in alert.annotations.get("description", "")) is bool(odd)


@pytest.mark.parametrize(
    ("kind", "body", "told"),
    [
        (
            "zabbix",
            {**ZABBIX, "event_id": "{EVENT.ID}", "name": "{EVENT.NAME}"},
            "event_id (or id, alert_uid, trigger): is missing",
        ),
        ("kibana", {"rule_id": "{{rule.id}}", "alert_id": "{{alert.id}}"}, "still a placeholder; it says which alert this is"),
        ("healthchecks", {"code": "$CODE", "name": "$NAME"}, "still a placeholder; it says which alert this is"),
        ("pingdom", {"check_id": None, "current_state": "DOWN"}, "check_id: is missing"),
        ("grafana", {"alerts": [{"status": "firing", "labels": None}]}, "labels: is missing"),
        ("splunk", {"search_name": "", "sid": "$SID"}, "search_name (or sid): is missing"),
        ("zabbix", [], None),
        ("zabbix", "null", "must be an object"),
        ("zabbix", "7", "must be an object"),
        ("zabbix", "PROBLEM: CPU is hot", "the body is not JSON"),
        # a batch that the network cut off is never half a batch
        ("grafana", json.dumps(grafana({}, {}))[:-20], "the body is not JSON"),
        ("alertmanager", json.dumps(grafana({}, {}))[:-20], "not JSON"),
        ("wazuh", json.dumps({"rule": {"id": "1"}})[:-1], "the body is not JSON"),
    ],
)
def test_what_says_not_which_alert_it_is_is_refused_by_name(kind: str, body: Any, told: str | None) -> None:
    if told is None:
        assert alerts_of(kind, request(body), {}) == ([], [])
        return
    with pytest.raises(Rejected) as refused:
        alerts_of(kind, request(body), {})
    assert refused.value.status == 400
    assert told in refused.value.reason


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("uptime_kuma", request(KUMA, "text/plain")),
        ("uptime_kuma", request(KUMA, "application/x-www-form-urlencoded")),
        ("uptime_kuma", request("payload=" + json.dumps(KUMA).replace(" ", "+"), "application/x-www-form-urlencoded")),
        ("uptime_kuma", request('--b\r\nContent-Disposition: form-data; name="data"\r\n\r\n' + json.dumps(KUMA) + "\r\n--b--\r\n",
                                "multipart/form-data; boundary=b")),
        ("generic", request({"title": "Shop", "status": "down"}, "text/plain")),
        ("generic", request(b'payload={"title":"Shop"}', "application/x-www-form-urlencoded")),
        ("nagios", request("HOSTNAME=Shop&HOSTSTATE=DOWN&NOTIFICATIONTYPE=PROBLEM", "text/plain")),
    ],
)  # fmt: skip
def test_whatever_the_content_type_says(kind: str, sent: Request) -> None:
    [alert], odd = alerts_of(kind, sent, {})
    assert alert.firing and "Shop" in alert.labels.values() and odd == []


@pytest.mark.parametrize(
    ("kind", "body", "description"),
    [
        ("gatus", '{"name": "web", "status": "TRIGGERED", "description": "says "503" \\d"}', 'says "503" \\d'),
        ("zabbix", '{"event_id": "1", "status": "PROBLEM", "description": "C:\\Win is "full""}', 'C:\\Win is "full"'),
        ("healthchecks", '{"code": "c", "name": "Dump", "status": "down", "body": "line "1"\nline 2"}', 'line "1"\nline 2'),
    ],
)  # fmt: skip
def test_a_template_that_forgot_to_escape(kind: str, body: str, description: str) -> None:
    [alert], odd = alerts_of(kind, request(body), {})
    assert odd == ["body"]
    assert alert.annotations["description"].startswith(f"{description}\n\nNot understood: body: the body is not JSON: ")


@pytest.mark.parametrize(
    ("kind", "body", "config", "starts_at"),
    [
        ("grafana", grafana({"startsAt": "2026-03-02T11:58:03.478445995Z"}), {}, START + 0.478445),
        ("grafana", grafana({"startsAt": "2026-03-02T12:58:03+01:00"}), {}, START),
        ("grafana", grafana({"startsAt": "2026-03-02 12:58:03"}), BERLIN, START),
        ("grafana", grafana({"startsAt": "2026-03-02 11:58:03"}), {}, START),
        ("grafana", grafana({"startsAt": "0001-01-01T00:00:00Z"}), {}, 0.0),
        ("grafana", grafana({"startsAt": None}), BERLIN, 0.0),
        ("grafana", grafana({"startsAt": "2031-01-01T00:00:00Z"}), {}, 0.0),
        ("newrelic", {**NEWRELIC, "createdAt": int(START)}, {}, START),
        ("newrelic", {**NEWRELIC, "createdAt": int(START) * 1000}, {}, START),
        ("newrelic", {**NEWRELIC, "createdAt": str(int(START) * 1000)}, {}, START),
        ("newrelic", {**NEWRELIC, "createdAt": int(START) * 10**9}, {}, START),
        ("newrelic", {**NEWRELIC, "createdAt": "2026.03.02 11:58:03"}, {}, START),
        ("alertmanager", grafana({"startsAt": "2026-03-02T11:58:03.478445995Z"}), {}, START + 0.478445),
        ("alertmanager", grafana({"startsAt": "0001-01-01T00:00:00Z"}), {}, NOW),
        ("generic", {"title": "Hot", "started_at": str(int(START) * 1000)}, {}, START),
    ],
)
def test_times_as_senders_write_them(kind: str, body: Any, config: dict[str, Any], starts_at: float) -> None:
    [alert], _ = alerts_of(kind, request(body), config)
    assert alert.starts_at == pytest.approx(starts_at, abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("uptime_kuma", {"heartbeat": None, "monitor": None, "msg": "My Notification Testing"}),
        ("netdata", {"message": "Test Notification", "title": None, "token": None}),
    ],
)
def test_a_test_message_of_nulls_wakes_nobody_and_ends(kind: str, body: Any) -> None:
    [alert], _ = alerts_of(kind, request(body), {})
    assert (alert.severity.name, alert.labels["test"], alert.ends_at) == ("info", "true", NOW + 300)


def test_a_group_that_its_sender_cut_short_is_taken() -> None:
    body = grafana({"labels": {"alertname": "A"}}, {"labels": {"alertname": "B"}}, truncatedAlerts=5)
    assert [alert.labels["alertname"] for alert in alerts_of("grafana", request(body), {})[0]] == ["A", "B"]
    assert len(alerts_of("alertmanager", request(body), {})[0]) == 2


each_pair = pytest.mark.parametrize("path", FIRING, ids=lambda path: f"{path.parent.name}/{path.stem}")


@each_pair
def test_an_end_of_something_never_seen_opens_nothing(path: Path) -> None:
    state, verdict = merge(None, reports_of(resolved_of(path))[0].open(), NOW)
    assert (state.firing, verdict) == (False, Verdict.early_resolve)


TIMED = [path for path in FIRING if reports_of(path)[0].open().starts_at and reports_of(resolved_of(path))[0].open().ends_at]


@pytest.mark.parametrize("path", TIMED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_end_that_overtakes_its_start_is_not_undone_by_it(path: Path) -> None:
    """Only where the sender tells times; of the others nobody can know."""
    ended, _ = merge(None, reports_of(resolved_of(path))[0].open(), NOW)
    state, verdict = merge(ended, reports_of(path)[0].open(), NOW + 5)
    assert (state.firing, verdict) == (False, Verdict.stale)


def test_there_are_many_of_both() -> None:
    assert len(TIMED) > 8 and len({path.parent.name for path in FIRING if path.is_relative_to(SAMPLES)}) > 25
