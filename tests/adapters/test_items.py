"""What an Item reads of a sender's JSON object: tables of what senders write, and what it means."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.fields import parse_time
from adapters.sources._item import MOST_SHOWN, Item
from rules.alert import BadAlert

BERLIN, KOLKATA, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata"), ZoneInfo("America/New_York")


def item(data: Any, zone: tzinfo = UTC) -> Item:
    return Item(data, "alerts[0]", zone)


PLACEHOLDERS = [
    "$HOST", "${HOST}", "$EVENT_TITLE", "$HOSTNAME$", "$host.name$", "{EVENT.ID}", "{ProblemID}", "{$MACRO}", "{TRIGGER.NAME:1}",
    "{{ rule.id }}", "{{context.reason}}", "*monitorID*", "[ALERT_DESCRIPTION]", "|Name|", "%HOST_NAME%", "<no value>", "<NA>",
    "null", "(null)", "None", "undefined", "N/A", " {EVENT.ID} ",
]  # fmt: skip
NOT_PLACEHOLDERS = [
    "$5", "costs $HOST", "{}", "{a: 1}", "{{ a }} and more", "*", "**bold**", "[critical]", "[ A ]", "|", "100%", "%d",
    "nullable", "none", "NULL", "n/a", "0", "false", "{EVENT.ID} on {HOST.NAME}", "$" + "A" * 80,
]  # fmt: skip


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_a_placeholder_is_nothing(text: str) -> None:
    one = item({"a": text, "b": "there"})
    assert (one.get("a"), one.text("a", "b"), one.texts("a")) == (None, "there", {})
    with pytest.raises(BadAlert, match=r"alerts\[0\].a: is missing or still a placeholder; it says which alert this is"):
        one.need("a")


@pytest.mark.parametrize("text", NOT_PLACEHOLDERS)
def test_what_only_looks_like_one_is_a_text(text: str) -> None:
    assert item({"a": text}).text("a") == text


@pytest.mark.parametrize(("value", "noted"), [("{EVENT.ID}", True), ("$HOST", True), ("null", False), ("", False), (None, False)])
def test_a_placeholder_that_nothing_replaced_is_noted(value: Any, noted: bool) -> None:
    one = item({"a": value})
    assert one.text("a") == ""
    assert one.odd == ([("a", value)] if noted else [])


PLACES = {"a": {"b": {"c": 1}, "b.c": 2}, "d.e": 3, "list": [{"x": 4}, {"x": 5}], "": 6, "text": "abc", "nothing": {"x": None}}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b", {"c": 1}), ("a.b.c", 2), ("d.e", 3), ("list.0.x", 4), ("list.1", {"x": 5}), ("list.2.x", None), ("list.-1", None),
        ("list.x", None), ("list.²", None), ("list.99999999999999999999", None), ("", 6), ("text.0", None), ("text.b", None),
        ("nothing.x", None), ("nothing.x.y", None), (".", None), ("a..b", None),
    ],
)  # fmt: skip
def test_a_path_leads_through_objects_and_lists(path: str, found: Any) -> None:
    assert item(PLACES).get(path) == found


def test_a_key_with_dots_is_itself_before_it_is_a_path() -> None:
    assert item({"a.b": 1, "a": {"b": 2}}).get("a.b") == 1
    assert item({"a": {"b.c": 1, "b": {"c": 2}}}).get("a.b.c") == 1


def test_the_first_place_counts_where_something_stands() -> None:
    one = item({"a": "", "b": [], "c": {}, "d": None, "e": " ", "f": 0, "g": 1})
    assert one.get(*"abcdefg") == 0
    assert (one.has("d"), one.has("h"), one.has("f.x")) == (True, False, False)
    assert item({"a": False}).get("a") is False


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("  a ", "a"), (7, "7"), (1.5, "1.5"), (True, "true"), (False, "false"), ([1, "a"], '[1,"a"]'), ({"a": 1}, '{"a":1}'),
        ("a\x00b\ud800", "a\ufffdb\ufffd"), ("ä\n b", "ä\n b"),
    ],
)  # fmt: skip
def test_anything_is_a_text(value: Any, text: str) -> None:
    assert item({"a": value}).text("a") == text
    assert item({"a": value}).need("a") == text


@pytest.mark.parametrize(
    ("data", "paths", "told"),
    [
        ({}, ("id",), "alerts[0].id: is missing"),
        ({"id": None, "key": " "}, ("id", "key", "name"), "alerts[0].id (or key, name): is missing"),
        ([], ("id",), "alerts[0].id: is missing"),
        ("text", ("id",), "alerts[0].id: is missing"),
    ],
)
def test_what_is_needed_and_missing_is_named(data: Any, paths: tuple[str, ...], told: str) -> None:
    with pytest.raises(BadAlert) as refused:
        item(data).need(*paths)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    ("written", "zone", "meant"),
    [
        ("2026-03-02T12:00:00Z", BERLIN, "2026-03-02T12:00:00Z"),
        ("2026-03-02T12:00:00+05:30", BERLIN, "2026-03-02T06:30:00Z"),
        ("2026-03-02T12:00:00+0530", BERLIN, "2026-03-02T06:30:00Z"),
        ("2026-03-02T12:00:00.123456789Z", UTC, "2026-03-02T12:00:00.123456Z"),
        ("2026-03-02 12:00:00 UTC", BERLIN, "2026-03-02T12:00:00Z"),
        ("2026-03-02 12:00:00", UTC, "2026-03-02T12:00:00Z"),
        ("2026-03-02 12:00:00", BERLIN, "2026-03-02T11:00:00Z"),
        ("2026-07-02T12:00:00", BERLIN, "2026-07-02T10:00:00Z"),
        ("2026-03-29 02:30:00", BERLIN, "2026-03-29T01:30:00Z"),  # a time that no clock showed
        ("2026-10-25 02:30:00", BERLIN, "2026-10-25T00:30:00Z"),  # one that it showed twice: the first
        ("2026.03.02 12:00:00", KOLKATA, "2026-03-02T06:30:00Z"),
        ("2026/03/02 12:00:00.5", NEW_YORK, "2026-03-02T17:00:00.5Z"),
        ("2026-03-02", NEW_YORK, "2026-03-02T05:00:00Z"),
        (1772452800, BERLIN, "2026-03-02T12:00:00Z"),
        (1772452800.5, UTC, "2026-03-02T12:00:00.5Z"),
        ("1772452800", UTC, "2026-03-02T12:00:00Z"),
        ("1772452800.5", UTC, "2026-03-02T12:00:00.5Z"),
        (1772452800123, UTC, "2026-03-02T12:00:00.123Z"),
        ("1772452800123", UTC, "2026-03-02T12:00:00.123Z"),
        (1772452800123456, UTC, "2026-03-02T12:00:00.123456Z"),
        ("1772452800123456000", UTC, "2026-03-02T12:00:00.123456Z"),
    ],
)
def test_times(written: Any, zone: tzinfo, meant: str) -> None:
    one = item({"at": written}, zone)
    assert one.time("missing", "at") == pytest.approx(parse_time(meant), abs=1e-5)
    assert one.odd == []


@pytest.mark.parametrize("written", [None, "", "0", 0, -1, "-1", "0001-01-01T00:00:00Z", "0001-01-01 00:00:00", "{TIME}", "null"])
def test_no_time_is_no_news(written: Any) -> None:
    one = item({"at": written}, BERLIN)
    assert (one.time("at"), one.odd) == (0.0, [])


@pytest.mark.parametrize("written", ["soon", "2026-02-30 12:00:00", "12:00", True, ["2026-03-02"], -5, "9" * 40])
def test_what_is_no_time_is_noted(written: Any) -> None:
    one = item({"at": written})
    assert one.time("at") == 0.0
    assert [path for path, _ in one.odd] == ["at"]


@pytest.mark.parametrize(
    ("value", "number"), [(7, 7.0), ("7", 7.0), (" 7.5 ", 7.5), ("1e3", 1000.0), (None, None), ("", None), ("$X", None)]
)
def test_numbers(value: Any, number: float | None) -> None:
    one = item({"a": value})
    assert (one.number("a"), one.odd) == (number, [])


def test_what_is_no_number_is_noted() -> None:
    one = item({"a": "many", "b": [1]})
    assert (one.number("a"), one.number("b"), one.odd) == (None, None, [("a", "many"), ("b", "[1]")])


@pytest.mark.parametrize(
    ("value", "meant", "odd"),
    [
        ("Down", True, []), (" UP ", False, []), (0, True, []), ("0", True, []), ("melted", None, [("state", "melted")]),
        (None, None, [("state", "nothing")]), ("{STATE}", None, [("state", "{STATE}"), ("state", "nothing")]),
    ],
)  # fmt: skip
def test_words_of_a_table(value: Any, meant: bool | None, odd: list[Any]) -> None:
    one = item({"state": value})
    assert one.word({"down": True, "up": False, "0": True}, None, "state") is meant
    assert one.odd == odd


@pytest.mark.parametrize(
    "written",
    [
        {"env": "prod", "tier": 1},
        {"env": "prod", "tier": 1, "gone": None, "": "x"},
        [["env", "prod"], ["tier", 1]],
        [["env", "prod"], ["tier", 1], ["odd"], {}, ["a", "b", "c"], {"value": "nameless"}],
        [{"key": "env", "value": "prod"}, {"Key": "tier", "Value": "1"}],
        [{"tag": "env", "value": "prod"}, {"name": "tier", "value": 1}],
        ["env:prod", "tier:1"],
        "env:prod,tier:1",
        "env:prod tier:1",
        '{"env": "prod", "tier": 1}',
        '[{"name": "env", "value": "prod"}, "tier:1"]',
    ],
)
def test_pairs_in_every_shape(written: Any) -> None:
    assert item({"tags": written}).texts("tags") == {"env": "prod", "tier": "1"}


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (None, {}), ("", {}), ([], {}), (7, {}), ("$TAGS", {}), (["linux"], {"linux": "true"}), ("a, b:", {"a": "true"}),
        ([{"name": "linux"}], {"linux": "true"}), ({"a": {"b": 1}}, {"a": '{"b":1}'}), ({"a": "{EVENT.ID}"}, {}),
        (["url:https://x:1/"], {"url": "https://x:1/"}), ([True, None, 5], {"true": "true", "5": "true"}),
    ],
)  # fmt: skip
def test_pairs_that_are_less(written: Any, found: dict[str, str]) -> None:
    assert item({"tags": written}).texts("tags") == found


def test_inside_an_object_or_a_text_that_holds_one() -> None:
    one = item({"a": {"b": "$X"}, "c": '{"b": 7}', "d": "no json", "list": [{"b": 1}, 2], "text": '[{"b": 3}]'})
    assert [one.inner(path).text("b") for path in ("a", "c", "d", "gone")] == ["", "7", "", ""]
    assert one.odd == [("b", "$X")]
    assert [each.text("b") for each in (*one.each("list"), *one.each("text"), *one.each("a"), *one.each("gone"))] == [
        "1",
        "",
        "3",
    ]
    with pytest.raises(BadAlert, match=r"alerts\[0\].list\[1\].b: is missing"):
        one.each("list")[1].need("b")


def test_what_is_noted_is_short_and_stands_there_once() -> None:
    one = item({})
    one.note("a", "x" * 500)
    one.note("a", "x" * 500)
    one.inner("b").note("a", "y")
    assert one.odd == [("a", "x" * MOST_SHOWN + "…"), ("a", "y")]
