import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rules.interval import MONTHS, WEEKDAYS, TimeInterval, TimeIntervalSpec, contains, next_change

OFFICE = "{times: [{start_time: '09:00', end_time: '17:00'}], weekdays: ['monday:friday'], location: Europe/Berlin}"
DAY = 86400.0


def interval(*specs: str) -> Sequence[TimeIntervalSpec]:
    return TypeAdapter(TimeInterval).validate_python([yaml.safe_load(spec) for spec in specs])


def at(written: str) -> float:
    """Seconds of `2026-01-06T03:00Z` or `2026-01-06T03:00+01:00`."""
    return datetime.fromisoformat(written).timestamp()


def shown(moment: float | None) -> str:
    return "never" if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%MZ")


# --- contains


@pytest.mark.parametrize(
    ("spec", "inside", "outside"),
    [
        ("{}", ["1970-01-01T00:00Z", "2038-02-01T00:00Z"], []),
        (OFFICE, ["2026-01-06T09:00+01:00", "2026-01-06T16:59:59+01:00"],
         ["2026-01-06T08:59:59+01:00", "2026-01-06T17:00+01:00"]),
        (OFFICE, ["2026-07-06T07:00Z", "2026-01-06T08:00Z"], ["2026-01-06T07:00Z", "2026-01-10T12:00Z", "2026-01-11T12:00Z"]),
        ("{times: [{start_time: '20:00', end_time: '24:00'}]}", ["2026-01-06T23:59:59Z"],
         ["2026-01-07T00:00Z", "2026-01-06T19:59Z"]),
        ("{weekdays: [Sunday, 'wednesday:thursday']}", ["2026-01-04T12:00Z", "2026-01-08T12:00Z"],
         ["2026-01-05T12:00Z", "2026-01-09T12:00Z"]),
        ("{days_of_month: ['1:5', '-3:-1']}", ["2026-01-05T12:00Z", "2026-01-29T00:00Z"],
         ["2026-01-06T00:00Z", "2026-01-28T23:59Z"]),
        ("{days_of_month: ['-1']}", ["2028-02-29T12:00Z", "2026-02-28T12:00Z", "2026-04-30T00:00Z"], ["2028-02-28T12:00Z"]),
        ("{days_of_month: ['30:31'], months: [february]}", [], ["2026-02-28T12:00Z", "2028-02-29T12:00Z"]),
        ("{days_of_month: ['28:31']}", ["2026-02-28T12:00Z", "2026-01-31T12:00Z"], ["2026-03-01T00:00Z"]),
        ("{days_of_month: ['-31:-29']}", ["2028-02-01T12:00Z", "2026-01-03T12:00Z"], ["2026-02-01T12:00Z", "2028-02-02T12:00Z"]),
        ("{months: ['january:march', '12']}", ["2026-03-31T23:59Z", "2026-12-01T00:00Z"],
         ["2026-04-01T00:00Z", "2026-11-30T23:59Z"]),
        ("{years: ['2026:2028', 2030]}", ["2026-01-01T00:00Z", "2028-12-31T23:59Z", "2030-06-01T00:00Z"], ["2029-01-01T00:00Z"]),
        ("{weekdays: [monday], location: Pacific/Auckland}", ["2026-01-04T11:00Z"], ["2026-01-05T11:00Z"]),
    ],
)  # fmt: skip
def test_contains(spec: str, inside: list[str], outside: list[str]) -> None:
    found = interval(spec)
    assert [moment for moment in inside + outside if contains(found, at(moment))] == inside


def test_any_spec_suffices_and_no_spec_never_holds() -> None:
    both = interval("{weekdays: [saturday]}", "{months: [january]}")
    assert [contains(both, at(day)) for day in ("2026-02-07T12:00Z", "2026-01-06T12:00Z", "2026-02-06T12:00Z")] == [
        True,
        True,
        False,
    ]
    assert not contains((), 0.0)
    assert next_change((), 0.0) is None


def test_the_last_microsecond_before_an_edge_is_before_it() -> None:
    edge = at("2026-01-06T17:00+01:00")
    assert contains(interval(OFFICE), edge - 2.4e-7)
    assert next_change(interval(OFFICE), edge - 2.4e-7) == edge


# --- next_change


@pytest.mark.parametrize(
    ("spec", "start", "changes"),
    [
        (OFFICE, "2026-01-09T12:00Z", ["2026-01-09T16:00Z", "2026-01-12T08:00Z", "2026-01-12T16:00Z"]),
        # Spring: Berlin's clock jumps on Sunday 2026-03-29 from 02:00 to 03:00; Monday's office opens an hour earlier in UTC.
        (OFFICE, "2026-03-27T17:00Z", ["2026-03-30T07:00Z", "2026-03-30T15:00Z"]),
        ("{times: [{start_time: '02:15', end_time: '02:45'}], location: Europe/Berlin}", "2026-03-28T12:00Z",
         ["2026-03-30T00:15Z", "2026-03-30T00:45Z"]),
        ("{times: [{start_time: '02:30', end_time: '04:00'}], location: Europe/Berlin}", "2026-03-28T12:00Z",
         ["2026-03-29T01:00Z", "2026-03-29T02:00Z"]),
        ("{times: [{start_time: '01:00', end_time: '02:30'}], location: Europe/Berlin}", "2026-03-28T12:00Z",
         ["2026-03-29T00:00Z", "2026-03-29T01:00Z"]),
        # Autumn: it goes back on 2026-10-25 from 03:00 to 02:00, so half past two comes twice.
        ("{times: [{start_time: '02:15', end_time: '02:45'}], location: Europe/Berlin}", "2026-10-24T12:00Z",
         ["2026-10-25T00:15Z", "2026-10-25T00:45Z", "2026-10-25T01:15Z", "2026-10-25T01:45Z", "2026-10-26T01:15Z"]),
        ("{times: [{start_time: '02:30', end_time: '03:30'}], location: Europe/Berlin}", "2026-10-24T12:00Z",
         ["2026-10-25T00:30Z", "2026-10-25T01:00Z", "2026-10-25T01:30Z", "2026-10-25T02:30Z"]),
        ("{times: [{start_time: '01:30', end_time: '02:00'}], location: America/New_York}", "2026-10-31T12:00Z",
         ["2026-11-01T05:30Z", "2026-11-01T06:00Z", "2026-11-01T06:30Z", "2026-11-01T07:00Z"]),
        ("{times: [{start_time: '02:00', end_time: '03:00'}], location: America/New_York}", "2026-03-07T12:00Z",
         ["2026-03-09T06:00Z", "2026-03-09T07:00Z"]),
        ("{weekdays: [sunday], location: America/New_York}", "2026-03-07T12:00Z", ["2026-03-08T05:00Z", "2026-03-09T04:00Z"]),
        ("{weekdays: [sunday], location: America/New_York}", "2026-10-31T12:00Z", ["2026-11-01T04:00Z", "2026-11-02T05:00Z"]),
        ("{times: [{start_time: '20:00', end_time: '24:00'}]}", "2026-01-06T12:00Z", ["2026-01-06T20:00Z", "2026-01-07T00:00Z"]),
        ("{times: [{start_time: '00:00', end_time: '06:00'}, {start_time: '22:00', end_time: '24:00'}]}", "2026-01-06T12:00Z",
         ["2026-01-06T22:00Z", "2026-01-07T06:00Z"]),
        ("{days_of_month: ['-1'], months: [february]}", "2026-03-15T00:00Z",
         ["2027-02-28T00:00Z", "2027-03-01T00:00Z", "2028-02-29T00:00Z", "2028-03-01T00:00Z"]),
        ("{days_of_month: ['29'], months: [february]}", "2026-03-15T00:00Z", ["2028-02-29T00:00Z", "2028-03-01T00:00Z"]),
        ("{years: ['2028']}", "2026-01-06T12:34Z", ["2028-01-01T00:00Z", "2029-01-01T00:00Z"]),
    ],
)  # fmt: skip
def test_next_changes(spec: str, start: str, changes: list[str]) -> None:
    found: list[str] = []
    moment = at(start)
    for _ in changes:
        change = next_change(interval(spec), moment)
        assert change is not None
        found.append(shown(change))
        moment = change
    assert found == changes


@pytest.mark.parametrize(
    "specs",
    [
        ["{}"], ["{years: [2020]}"], ["{days_of_month: ['30'], months: [february]}"], ["{weekdays: ['sunday:saturday']}"],
        ["{times: [{start_time: '00:00', end_time: '24:00'}], location: Europe/Berlin}"],
        ["{weekdays: ['monday:friday']}", "{weekdays: [saturday, sunday]}"],
        ["{times: [{start_time: '12:00', end_time: '13:00'}]}", "{}"],
    ],
)  # fmt: skip
def test_what_never_changes_has_no_next_change(specs: list[str]) -> None:
    assert next_change(interval(*specs), at("2026-01-06T12:30Z")) is None


def test_the_horizon_bounds_the_search() -> None:
    february = interval("{months: [february]}")
    assert next_change(february, at("2026-01-06T00:00Z"), horizon_days=25) is None
    assert shown(next_change(february, at("2026-01-06T00:00Z"), horizon_days=26)) == "2026-02-01T00:00Z"


def by_minute(found: Sequence[TimeIntervalSpec], start: float, days: int) -> list[float]:
    """The slow, obvious way."""
    minutes = [start + 60 * i for i in range(days * 1440 + 1)]
    held = [contains(found, minute) for minute in minutes]
    return [minute for minute, before, now in zip(minutes[1:], held, held[1:], strict=False) if before is not now]


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Europe/Berlin", "2026-03-27T00:00Z"), ("Europe/Berlin", "2026-10-23T00:00Z"), ("America/New_York", "2026-11-01T00:00Z"),
        ("Australia/Lord_Howe", "2026-04-03T00:00Z"),  # half an hour of summer time
        ("America/Sao_Paulo", "2018-11-03T00:00Z"),  # a day without its midnight
        ("America/Sao_Paulo", "2018-02-16T00:00Z"),  # a day with 23:00 twice
        ("America/St_Johns", "2010-11-05T00:00Z"),  # a date that goes back, at one past midnight
        ("Pacific/Apia", "2011-12-28T00:00Z"),  # a date that never was
        ("Africa/Casablanca", "2026-02-13T00:00Z"), ("Asia/Kathmandu", "2026-02-26T00:00Z"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "spec",
    [
        "times: [{start_time: '00:30', end_time: '02:30'}, {start_time: '23:15', end_time: '24:00'}]",
        "times: [{start_time: '00:00', end_time: '00:15'}, {start_time: '02:15', end_time: '03:45'}], weekdays: [sunday]",
        "weekdays: ['friday', 'sunday']",
        "days_of_month: ['1:3', '30', '-1'], months: ['october:december', '1:3']",
    ],
)
def test_every_change_is_found_when_clocks_change(zone: str, start: str, spec: str) -> None:
    found = interval(f"{{{spec}, location: {zone}}}")
    days = 5
    changes = [at(start)]
    while (change := next_change(found, changes[-1])) is not None and change <= at(start) + days * DAY:
        changes.append(change)
    assert changes[1:] == by_minute(found, at(start), days)


hours = st.integers(0, 96).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")


def ranges(names: Sequence[str]) -> st.SearchStrategy[list[str]]:
    pair = st.tuples(st.integers(0, len(names) - 1), st.integers(0, len(names) - 1))
    return st.lists(pair.map(lambda p: f"{names[min(p)]}:{names[max(p)]}"), min_size=1, max_size=2)


specs = st.fixed_dictionaries(
    {"location": st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])},
    optional={
        "times": st.lists(
            st.tuples(hours, hours).filter(lambda t: t[0] != t[1]).map(lambda t: {"start_time": min(t), "end_time": max(t)}),
            min_size=1,
            max_size=2,
        ),
        "weekdays": ranges(WEEKDAYS),
        "days_of_month": ranges([str(day) for day in range(1, 32)]) | ranges([str(day) for day in range(-31, 0)]),
        "months": ranges(MONTHS),
        "years": ranges(["2025", "2026", "2027", "2028"]),
    },
)
intervals = st.lists(specs, min_size=1, max_size=3).map(TypeAdapter(TimeInterval).validate_python)


@settings(max_examples=100, deadline=None)
@given(intervals, st.floats(at("2025-01-01T00:00Z"), at("2029-01-01T00:00Z")), st.lists(st.floats(0, 1), max_size=20))
def test_nothing_changes_before_the_next_change(found: Sequence[TimeIntervalSpec], start: float, samples: list[float]) -> None:
    change = next_change(found, start)
    until = start + 366 * 5 * DAY if change is None else change
    for share in samples:
        sample = min(start + share * (until - start), until - 1)
        assert sample < start or contains(found, sample) is contains(found, start)
    if change is not None:
        assert change > start
        assert contains(found, change) is not contains(found, start)
        assert contains(found, change - 1e-3) is contains(found, start)


@pytest.mark.parametrize(
    "specs",
    [
        [OFFICE], ["{days_of_month: ['-1'], months: [december], years: [2030]}"], ["{years: [2020]}"], ["{}"],
        ["{times: [{start_time: '12:00', end_time: '13:00'}]}", "{}"],
    ],
)  # fmt: skip
def test_next_change_is_fast(specs: list[str]) -> None:
    found = interval(*specs)
    taken = []
    for day in range(5):
        started = time.perf_counter()
        next_change(found, at("2026-01-06T12:00Z") + day * DAY)
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.01
