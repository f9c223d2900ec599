"""Severity words, times, links and texts, as senders write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.fields import clean, link, links_of, parse_time, severity_of, start_of, text_of, time_of
from rules.alert import Severity


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("critical", Severity.critical), (" PAGE ", Severity.critical), ("Fatal", Severity.critical), ("P1", Severity.critical),
        ("error", Severity.high), ("major", Severity.high), ("High", Severity.high),
        ("warn", Severity.warning), ("WARNING", Severity.warning), ("", Severity.warning), ("whatever", Severity.warning),
        ("minor", Severity.low), ("low", Severity.low),
        ("info", Severity.info), ("none", Severity.info), ("debug", Severity.info),
    ],
)  # fmt: skip
def test_severity_words(word: str, severity: Severity) -> None:
    assert severity_of(word) is severity


def test_the_config_knows_better() -> None:
    assert severity_of("Low", {"low": Severity.critical, "": Severity.info}) is Severity.critical
    assert severity_of("", {"": Severity.info}) is Severity.info


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2026-03-02T12:00:00Z", 1772452800.0),
        ("2026-03-02 12:00:00z", 1772452800.0),
        ("2026-03-02t12:00:00+00:00", 1772452800.0),
        ("2026-03-02T14:30:00.5+02:30", 1772452800.5),
        ("2026-03-02T12:00:00.123456789Z", 1772452800.123456),
        ("2026-03-02T12:00:00.1Z", 1772452800.1),
        ("0001-01-01T00:00:00Z", -62135596800.0),
        ("0001-01-01T00:00:00+14:00", -62135647200.0),
        ("9999-12-31T23:59:59.999999999-12:00", 253402343999.999999),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == pytest.approx(seconds, abs=1e-5)
    assert time_of(text) == parse_time(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not a time such as 2026-01-06T03:00:00Z"),
        ("tomorrow", "is not a time such as 2026-01-06T03:00:00Z"),
        ("2026-03-02", "is not a time such as 2026-01-06T03:00:00Z"),
        ("2026-03-02T12:00:00", "is not a time such as 2026-01-06T03:00:00Z"),
        ("2026-W10-1T12:00:00Z", "is not a time such as 2026-01-06T03:00:00Z"),
        ("2026-03-02T12:00:00.Z", "is not a time such as 2026-01-06T03:00:00Z"),
        ("٢٠٢٦-03-02T12:00:00Z", "is not a time such as 2026-01-06T03:00:00Z"),
        ("2026-03-02T12:00:00Z\n", "is not a time such as 2026-01-06T03:00:00Z"),
        ("2026-02-30T12:00:00Z", "is not a time of the calendar, such as 2026-01-06T03:00:00Z"),
        ("2026-03-02T24:00:00Z", "is not a time of the calendar, such as 2026-01-06T03:00:00Z"),
        ("2026-03-02T12:00:00+99:99", "is not a time of the calendar, such as 2026-01-06T03:00:00Z"),
    ],
)
def test_no_times(text: str, told: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_time(text)
    assert str(refused.value) == told


@pytest.mark.parametrize("value", [1772452800, 1772452800.0, 1772452800000, 1772452800000000, 1772452800 * 10**9, "1772452800",
                                   "1772452800000", "2026-03-02 12:00:00", " 2026-03-02T12:00:00 "])  # fmt: skip
def test_patient_times(value: object) -> None:
    assert time_of(value) == 1772452800.0


@pytest.mark.parametrize("value", [True, None, [], float("nan"), float("inf"), -5, 10**40, "9" * 400, "²", "soon"])
def test_nothing_patience_helps_with(value: object) -> None:
    with pytest.raises(ValueError):
        time_of(value)


def test_when_it_began() -> None:
    assert start_of(50.0, 0.0, 100.0) == 50.0
    assert start_of(0.0, 0.0, 100.0) == 100.0
    assert start_of(0.0, 40.0, 100.0) == 40.0
    assert start_of(60.0, 40.0, 100.0) == 40.0
    assert start_of(3000.0, 0.0, 100.0) == 3000.0  # a clock that runs a little ahead
    assert start_of(4000.0, 0.0, 100.0) == 100.0


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/x?y=1#z", "https://a.example/x?y=1#z"),
        (" HTTP://a.example ", "HTTP://a.example"),
        ("http://[::1]:9090/graph", "http://[::1]:9090/graph"),
        ("https://a.example/?q=a<b>|c d\"e`f\\g", "https://a.example/?q=a%3Cb%3E%7Cc%20d%22e%60f%5Cg"),
        ("https://a.example/@me", "https://a.example/@me"),
    ],
)
def test_links(url: str, shown: str) -> None:
    found = link("graph", url)
    assert found and (found.name, found.url) == ("graph", shown)


@pytest.mark.parametrize(
    "url",
    ["", "a.example", "//a.example", "javascript:alert(1)", "data:text/html,x", "ftp://a.example", "https://", "https:///x", "https://?x",
     "https://good.example@evil.example", "https://user:secret@a.example/", "https://good.example\\@evil.example", "https://a\n.example",
     "https://a.example/x\ny", "https://a.example/\x00", "https://a.example/\u202e", "https://a.example/\ud800", "https://a b/",
     "https://a.example/" + "x" * 5000],
)  # fmt: skip
def test_no_links(url: str) -> None:
    assert link("graph", url) is None


def test_links_in_annotations() -> None:
    annotations = {
        "runbook_url": "https://r.example", "dashboardURL": "https://d.example", "runbook": "https://second.example",
        "summary": "see https://s.example", "url": "https://u.example", "panel-url": "javascript:x", "dashboard": "no link",
    }  # fmt: skip
    links = links_of(annotations, {"graph": "https://g.example", "dashboard": "", "empty": ""})
    assert [(found.name, found.url) for found in links] == [
        ("graph", "https://g.example"), ("runbook", "https://r.example"), ("dashboard", "https://d.example"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"), (None, ""), (True, "true"), (5, "5"), (1.5, "1.5"), ({"a": [1, None]}, '{"a":[1,null]}'), (["ü"], '["ü"]'),
        ("\ud800", "\ufffd"),
    ],
)  # fmt: skip
def test_texts(value: object, text: str) -> None:
    assert text_of(value) == text


@given(st.text(st.characters()))
def test_clean_texts_can_be_stored_and_cleaning_twice_changes_nothing(text: str) -> None:
    cleaned = clean(text)
    assert "\x00" not in cleaned.encode().decode()
    assert clean(cleaned) == cleaned
    assert len(cleaned) == len(text)
