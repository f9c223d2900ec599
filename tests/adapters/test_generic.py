"""Any JSON: what common names give, what expressions give, and what is told of mistakes in either."""

import json
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from pydantic import ValidationError

from adapters.fields import parse_time
from adapters.source import Batch, Rejected, Request
from adapters.sources._generic_config import GenericConfig
from adapters.sources.generic import Generic
from rules.alert import Alert, Severity

NOW = parse_time("2026-03-02T12:00:00Z")


def parse(body: Any, headers: dict[str, str] | None = None, now: float = NOW, **config: Any) -> Batch:
    source = Generic("gen", GenericConfig.model_validate({"auth": "none", **config}))
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return source.parse(Request("POST", "", headers or {}, data, ""), now)


def only(body: Any, **config: Any) -> Alert:
    (report,) = parse(body, **config).reports
    return report.open()


def refused(body: Any, headers: dict[str, str] | None = None, **config: Any) -> tuple[int, str]:
    with pytest.raises(Rejected) as error:
        parse(body, headers, **config)
    return error.value.status, error.value.reason


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ({"title": "a", "message": "b"}, "a"), ({"message": "b"}, "b"), ({"name": "n"}, "n"), ({"summary": "s"}, "s"),
        ({"text": "t"}, "t"),
        ({"title": 5}, "5"), ({"title": "", "name": "n"}, "n"), ({"id": 7}, "7"), ({"labels": {"alertname": "A"}}, "A"),
        ({"title": {"de": "x"}}, '{"de":"x"}'), ({"labels": ["no", "object"], "title": "t"}, "t"),
    ],
)  # fmt: skip
def test_common_names_make_a_sensible_alert(body: Any, title: str) -> None:
    alert = only(body)
    assert (alert.title, alert.firing, alert.starts_at, alert.ends_at) == (title, True, 0.0, 0.0)
    assert alert.labels["severity"] == "warning"


@pytest.mark.parametrize(
    ("word", "severity"),
    [("CRIT", Severity.critical), ("P2", Severity.high), ("low", Severity.low), (3, Severity.warning), (None, Severity.warning)],
)
@pytest.mark.parametrize("name", ["severity", "level", "priority"])
def test_common_severities(name: str, word: object, severity: Severity) -> None:
    alert = only({"title": "t", name: word})
    assert (alert.severity, alert.labels["severity"]) == (severity, severity.name)


@pytest.mark.parametrize("word", ["resolved", "OK", " Closed ", "up", "recovered", "green", "0", 0, "false", "normal"])
def test_words_that_mean_resolved(word: object) -> None:
    alert = only({"title": "t", "status": word})
    assert (alert.firing, alert.ends_at) == (False, 0.0)


@pytest.mark.parametrize("word", ["firing", "open", "down", "1", 1, True, None, "", "something else"])
def test_every_other_word_fires(word: object) -> None:
    assert only({"title": "t", "state": word}).firing


@pytest.mark.parametrize(
    ("body", "firing", "starts_at", "ends_at"),
    [
        ({"status": "ok", "ends_at": "2026-03-02T11:59:00Z"}, False, None, -60),
        ({"status": "down", "ends_at": "2026-03-02T11:59:00Z"}, True, None, None),
        ({"status": "down", "ends_at": "2026-03-02T12:01:00Z"}, True, None, 60),
        ({"resolved_at": "2026-03-02T11:59:00Z"}, False, None, -60),
        ({"started_at": 1772452740}, True, -60, None),
        ({"started_at": "1772452740000"}, True, -60, None),
        ({"started_at": "2026-03-02 11:59:00"}, True, -60, None),
        ({"started_at": "an hour ago"}, True, None, None),
        ({"started_at": {"a": 1}}, True, None, None),
        ({"started_at": "2999-01-01T00:00:00Z"}, True, None, None),
    ],
)
def test_times(body: Any, firing: bool, starts_at: float | None, ends_at: float | None) -> None:
    alert = only({"title": "t", **body})
    starts, ends = (at - NOW if at else None for at in (alert.starts_at, alert.ends_at))
    assert (alert.firing, starts, ends) == (firing, starts_at, ends_at)


def test_identity_is_the_key_else_the_labels_but_never_the_severity() -> None:
    by_key = [only({"id": 7, "title": title, "severity": word}).fingerprint for title, word in (("a", "high"), ("b", "ok"))]
    assert by_key[0] == by_key[1]
    by_labels = [only({"title": "a", "host": "h", "severity": word, "message": word}).fingerprint for word in ("high", "low")]
    assert by_labels[0] == by_labels[1]
    severe = [only({"labels": {"a": "b", "severity": word}}).fingerprint for word in ("high", "low")]
    assert severe[0] == severe[1]
    assert len({by_key[0], by_labels[0], only({"title": "a", "host": "i"}).fingerprint, only({"id": 8}).fingerprint}) == 4


def test_a_start_that_is_not_told_is_no_news() -> None:
    (first,), (again,) = parse({"title": "t"}).reports, parse({"title": "t"}, now=NOW + 60).reports
    assert (first.key, first.content) == (again.key, again.content)
    assert again.open().starts_at == 0.0
    (moved,) = parse({"title": "t", "started_at": 1772452740}).reports
    assert moved.content != first.content


def test_expressions_say_where_things_stand() -> None:
    alert = only(
        {"data": {"rows": [{"k": "x", "env": "prod", "n": [1, {"a": None}], "w": 1.50, "yes": True, "u": "https://a.example/?q=<1>"}]}},
        each="data.rows",
        labels={"check": "k", "const": "'yes, constant'", "n": "n", "w": "w", "yes": "yes", "none": "missing"},
        annotations={"where": "join('/', [env, k])"},
        title="env",
        severity="'P1'",
        links={"page": "u", "bad": "'javascript:alert(1)'"},
    )
    assert alert.labels == {
        "check": "x", "const": "yes, constant", "n": '[1,{"a":null}]', "w": "1.5", "yes": "true",
        "alertname": "prod", "severity": "critical",
    }  # fmt: skip
    assert alert.annotations == {"where": "prod/x", "summary": "prod"}
    assert [(link.name, link.url) for link in alert.links] == [("page", "https://a.example/?q=%3C1%3E")]


def test_one_expression_gives_all_labels_and_a_named_one_beats_it() -> None:
    tags = {"tags": {"a": "1", "b": None, "": "x", "c\x00": "\ud800"}, "other": "2"}
    assert only(tags, labels="tags").labels == {"a": "1", "c\ufffd": "\ufffd", "severity": "warning"}
    assert only(tags, labels={"a": "other", "*": "tags"}).labels["a"] == "2"
    assert only(tags, labels={"*": "tags", "a": "missing"}).labels["a"] == "1"


@pytest.mark.parametrize(
    ("config", "body", "firing"),
    [
        ({"status": "x", "resolved_values": ["gone", 0, False]}, {"x": "GONE"}, False),
        ({"status": "x", "resolved_values": ["gone", 0, False]}, {"x": 0}, False),
        ({"status": "x", "resolved_values": ["gone", 0, False]}, {"x": False}, False),
        ({"status": "x", "resolved_values": ["gone"]}, {"x": "ok"}, True),
        ({"status": "x", "resolved_values": "gone"}, {"x": "gone"}, False),
        ({"status": "x", "firing_values": ["there"]}, {"x": "There"}, True),
        ({"status": "x", "firing_values": ["there"]}, {}, True),
        ({"status": "x == `true` && 'ok' || 'bad'"}, {"x": True}, False),
    ],
)
def test_the_config_says_which_words_mean_what(config: Any, body: Any, firing: bool) -> None:
    assert only({"title": "t", **body}, **config).firing is firing


def test_the_config_maps_severities() -> None:
    config = {"severity": {"value": "lvl", "map": {5: "critical", "Meh": "info"}}}
    assert [only({"title": "t", "lvl": word}, **config).severity.name for word in (5, "5", "MEH", "high", None)] == [
        "critical", "critical", "info", "high", "warning",
    ]  # fmt: skip
    alert = only({"title": "t", "labels": {"prio": "meh"}}, severity={"label": "prio", "map": {"meh": "low"}})
    assert (alert.severity, alert.labels["prio"]) == (Severity.low, "meh")


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"}])
def test_json_is_json_whatever_the_content_type(headers: dict[str, str]) -> None:
    for body, count in ((b' {"title":"t"}', 1), (b'[{"title":"t"},{"title":"u"}]', 2), (b"[]", 0)):
        assert len(parse(body, headers).reports) == count


def test_json_in_a_form() -> None:
    body = urlencode({"token": "x", "payload": '{"title":"ä & b"}'}).encode()
    (report,) = parse(body, {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}).reports
    assert report.open().title == "ä & b"
    assert len(parse(b"payload=" + body.split(b"payload=")[1]).reports) == 1  # says it is something else


def test_nonsense_beside_the_point_costs_no_alert() -> None:
    config = {"title": "join('', x)", "annotations": {"a": "sum(x)", "*": "x"}, "severity": "abs(x)", "links": {"l": "keys(x)"},
              "starts_at": "to_number(x)", "labels": {"a": "a"}}  # fmt: skip
    alert = only({"x": "text", "a": "b"}, **config)
    assert (alert.labels, alert.annotations) == ({"a": "b", "severity": "warning"}, {})


@pytest.mark.parametrize(
    ("config", "bad", "told"),
    [
        ({}, 5, "alerts[1]: must be an object"),
        ({}, ["x"], "alerts[1]: must be an object"),
        ({}, {}, "alerts[1]: holds no label, title or fingerprint; say in the source's config where they stand"),
        ({}, {"other": 1}, "alerts[1]: holds no label, title or fingerprint; say in the source's config where they stand"),
        ({"labels": "tags"}, {"title": "t", "tags": ["a:b"]}, "alerts[1].labels: must be an object"),
        ({"labels": {"sum": "tags && sum(tags)"}}, {"tags": ["secret"]},
         "alerts[1].labels.sum: the expression does not fit what was sent: a function got a value of the wrong kind"),
        ({"fingerprint": "n && ceil(to_number(n))"}, {"title": "t", "n": "1e999"},
         "alerts[1].fingerprint: the expression does not fit what was sent: a function got a value of the wrong kind"),
        ({"firing_values": ["on"]}, {"title": "t", "status": "sleeping"},
         "alerts[1].status: is neither one of firing_values nor of resolved_values"),
        ({"labels": "t"}, {"title": "t", "t": {str(i): "x" for i in range(201)}}, "alerts[1].labels: 203 labels; 200 at most"),
        ({"labels": "tags"}, {"title": "t", "tags": {"a": "x" * 65536}}, "alerts[1].labels: 65562 bytes; 65536 at most"),
    ],
)  # fmt: skip
def test_a_bad_alert_is_named_and_its_neighbours_live(config: Any, bad: Any, told: str) -> None:
    batch = parse([{"title": "good"}, bad], **{"fingerprint": "title", **config})
    assert ([report.open().title for report in batch.reports], [str(error) for error in batch.bad]) == (["good"], [told])
    answer = Generic("gen", GenericConfig.model_validate({"auth": "none"})).reply(1, batch.bad)
    assert (answer.status, msgspec.json.decode(answer.body)) == (200, {"status": "ok", "accepted": 1, "bad": [told]})


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"", 400, "the body is empty; send JSON"),
        (b"hello", 400, "the body is not JSON: Expecting value at line 1, column 1"),
        (b'{"a":1,}', 400, "the body is not JSON: Expecting property name enclosed in double quotes at line 1, column 8"),
        (b'{\n "a": "b"\n', 400, "the body is not JSON: Expecting ',' delimiter at line 3, column 1"),
        (b'{"a":"\xff"}', 400, "the body is not UTF-8: byte 6 cannot be read"),
        (b'{"NaN":NaN}', 400, "the body is not sound JSON: NaN is no number, at byte 7"),
        (b'{"a":[-Infinity]}', 400, "the body is not sound JSON: -Infinity is no number, at byte 6"),
        (b'{"a":1e999}', 400, "the body is not sound JSON: a number is out of range, at byte 5"),
        (b'{"a":' + b"9" * 5000 + b"}", 400, "the body is not sound JSON: a number is out of range, at byte 5"),
        (b'{"a":{"b":1,"c":2,"b":3}}', 400, "the body is not sound JSON: the key 'b' stands twice in one object"),
        (b'{"a":"[[",' + b'"b":' + b"[" * 10_000, 400, "the body is nested more than 200 deep, at byte 213"),
        (b'"text"', 400, "the body must be a JSON object, or a list of them"),
        (b"null", 400, "the body must be a JSON object, or a list of them"),
        (b"[1]", 400, "alerts[0]: must be an object"),
        (b"[" + b"1," * 20_000 + b"1]", 413, "the body holds 20001 alerts; 20000 at most in one request"),
    ],
)
def test_a_body_of_which_nothing_can_be_used(body: bytes, status: int, told: str) -> None:
    assert refused(body) == (status, told)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "told"),
    [
        (b"--x", "multipart/form-data; boundary=x", 415,
         "Content-Type: multipart is not understood; send JSON, or a form with the field payload"),
        (b"title=x", "application/x-www-form-urlencoded", 400, "the form has no field payload; put the JSON there"),
        (b"a=1&" * 2000, "application/x-www-form-urlencoded", 400, "the form has more than 1000 fields"),
        (b"payload=%7B", "", 400, "the body is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        (b"payload=%FF", "", 400, "the body is not UTF-8: byte 0 cannot be read"),
    ],
)  # fmt: skip
def test_forms_of_which_nothing_can_be_used(body: bytes, content_type: str, status: int, told: str) -> None:
    assert refused(body, {"content-type": content_type}) == (status, told)


@pytest.mark.parametrize(
    ("each", "status", "told"),
    [
        ("rows", 422, "each: rows finds no list in the body"),
        ("title", 422, "each: title finds no list in the body"),
        ("keys(title)", 422, "each: the expression does not fit what was sent: a function got a value of the wrong kind"),
    ],
)
def test_each_finds_nothing(each: str, status: int, told: str) -> None:
    assert refused({"title": "t"}, each=each) == (status, told)


def test_each_may_find_one_alert_or_an_empty_list() -> None:
    assert only({"row": {"title": "t"}}, each="row").title == "t"
    assert parse({"rows": []}, each="rows").reports == []


@pytest.mark.parametrize(
    ("config", "place", "told"),
    [
        ({"title": "a b"}, ("title",), "'a b' is not a JMESPath expression: it makes no sense from column 3 on"),
        ({"each": "rows["}, ("each",), "'rows[' is not a JMESPath expression: it makes no sense from column 6 on"),
        ({"title": "a ~ b"}, ("title",), "'a ~ b' is not a JMESPath expression: it makes no sense from column 3 on"),
        ({"title": "'open"}, ("title",), "\"'open\" is not a JMESPath expression: it makes no sense from column 1 on"),
        ({"title": ""}, ("title",), "an empty text is not a JMESPath expression; leave the key away instead"),
        ({"title": "a || lower(b)"}, ("title",), "'a || lower(b)' calls lower() at column 6, and JMESPath has no such function"),
        ({"labels": {"x": "a."}}, ("labels", "x"), "'a.' is not a JMESPath expression: it makes no sense from column 3 on"),
        ({"labels": "a."}, ("labels", "*"), "'a.' is not a JMESPath expression: it makes no sense from column 3 on"),
        ({"severity": "a."}, ("severity", "value"), "'a.' is not a JMESPath expression: it makes no sense from column 3 on"),
    ],
)
def test_a_bad_expression_is_a_mistake_in_the_config(config: Any, place: tuple[str, ...], told: str) -> None:
    with pytest.raises(ValidationError) as error:
        GenericConfig.model_validate({"auth": "none", **config})
    assert [(e["loc"], e["msg"]) for e in error.value.errors()] == [(place, f"Value error, {told}")]


def test_the_defaults_are_sound_expressions() -> None:
    defaults = GenericConfig.model_validate({"auth": "none"})
    assert GenericConfig.model_validate({"auth": "none", **defaults.model_dump(exclude={"auth", "each"})}) == defaults
