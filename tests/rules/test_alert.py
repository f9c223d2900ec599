from typing import NamedTuple

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rules.alert import OUT_OF_ORDER, Alert, AlertState, Link, Report, Severity, Verdict, expire, fingerprint, merge
from tests.rules.made import NOW, alert

FIRING = AlertState(True, 100.0)
RESOLVED = AlertState(False, 100.0, 200.0, resolved_on=NOW)
EXPIRED = expire(AlertState(True, 100.0, expires_at=200.0))


def fires(start: float, expiry: float = 0.0) -> Alert:
    return alert(firing=True, starts_at=start, ends_at=expiry)


def resolves(start: float, end: float) -> Alert:
    return alert(firing=False, starts_at=start, ends_at=end)


# --- one report


MEANINGS: list[tuple[AlertState | None, Alert, AlertState, Verdict]] = [
    (None, fires(100, 300), AlertState(True, 100, expires_at=300), Verdict.new),
    (None, resolves(100, 200), AlertState(False, 100, 200, resolved_on=NOW), Verdict.early_resolve),
    (None, resolves(100, 0), AlertState(False, 100, NOW, resolved_on=NOW), Verdict.early_resolve),
    (None, resolves(NOW + 5, 0), AlertState(False, NOW + 5, NOW + 5, resolved_on=NOW), Verdict.early_resolve),
    (None, resolves(300, 200), AlertState(False, 200, 200, resolved_on=NOW), Verdict.early_resolve),
    (FIRING, fires(100), FIRING, Verdict.duplicate),
    (FIRING, fires(90), FIRING, Verdict.duplicate),
    (FIRING, fires(110), AlertState(True, 110), Verdict.duplicate),
    (None, fires(0, 300), AlertState(True, NOW, expires_at=300), Verdict.new),  # its source does not say when it began
    (None, resolves(0, 0), AlertState(False, NOW, NOW, resolved_on=NOW), Verdict.early_resolve),
    (FIRING, fires(0), FIRING, Verdict.duplicate),
    (RESOLVED, fires(0), AlertState(True, NOW, 200), Verdict.refired),
    (EXPIRED, fires(0), AlertState(True, NOW), Verdict.refired),
    (AlertState(True, NOW + 60), resolves(0, 0), AlertState(False, NOW, NOW, resolved_on=NOW), Verdict.resolved),
    (FIRING, fires(100, 300), FIRING, Verdict.duplicate),  # somebody said it never expires
    (AlertState(True, 100, 0, 300), fires(100, 400), AlertState(True, 100, 0, 400), Verdict.duplicate),
    (AlertState(True, 100, 0, 300), fires(100, 200), AlertState(True, 100, 0, 300), Verdict.duplicate),
    (AlertState(True, 100, 0, 300), fires(100), AlertState(True, 100), Verdict.duplicate),
    (FIRING, resolves(100, 200), RESOLVED, Verdict.resolved),
    (FIRING, resolves(100, 100), AlertState(False, 100, 100, resolved_on=NOW), Verdict.resolved),
    (FIRING, resolves(100, 0), AlertState(False, 100, NOW, resolved_on=NOW), Verdict.resolved),
    (FIRING, resolves(50, 99), FIRING, Verdict.stale),  # the end of an earlier episode
    (RESOLVED, resolves(100, 200), RESOLVED, Verdict.duplicate),
    (RESOLVED, resolves(100, 150), RESOLVED, Verdict.duplicate),
    (RESOLVED, resolves(100, 250), AlertState(False, 100, 250, resolved_on=NOW), Verdict.duplicate),
    (RESOLVED, fires(100), RESOLVED, Verdict.stale),  # the resolve overtook it
    (RESOLVED, fires(200), RESOLVED, Verdict.stale),
    (RESOLVED, fires(201, 400), AlertState(True, 201, 200, 400), Verdict.refired),
    (EXPIRED, fires(100, 200), EXPIRED, Verdict.stale),  # sent before it expired
    (EXPIRED, fires(100, 201), AlertState(True, 100, expires_at=201), Verdict.refired),
    (EXPIRED, fires(100), AlertState(True, 100), Verdict.refired),
    (EXPIRED, fires(90, 400), AlertState(True, 100, expires_at=400), Verdict.refired),
    (EXPIRED, resolves(100, 150), AlertState(False, 100, 150, resolved_on=NOW), Verdict.duplicate),  # it knows better
    (EXPIRED, resolves(50, 99), EXPIRED, Verdict.duplicate),
]


@pytest.mark.parametrize(("known", "report", "state", "verdict"), MEANINGS)
def test_what_one_report_means(known: AlertState | None, report: Alert, state: AlertState, verdict: Verdict) -> None:
    assert merge(known, report, NOW) == (state, verdict)


def test_every_verdict_is_in_the_table() -> None:
    assert {verdict for *_, verdict in MEANINGS} == set(Verdict)


# --- when it comes late


def test_a_firing_that_comes_later_than_out_of_order_reopens_whatever_its_start() -> None:
    in_time = merge(RESOLVED, fires(100), NOW + OUT_OF_ORDER)
    late = merge(RESOLVED, fires(100), NOW + OUT_OF_ORDER + 0.001)
    assert in_time == (RESOLVED, Verdict.stale)
    assert late == (AlertState(True, 100, 200), Verdict.refired)


def test_an_end_that_is_told_again_does_not_end_what_fires_on() -> None:
    """One of two Prometheus saw it end and says so for 15 minutes; for the other it goes on, with the same start."""
    reopened, _ = merge(RESOLVED, fires(100), NOW + 60)
    assert merge(reopened, resolves(100, 200), NOW + 61) == (reopened, Verdict.stale)
    again, verdict = merge(reopened, fires(100), NOW + 62)
    assert (again, verdict) == (reopened, Verdict.duplicate)
    assert merge(again, resolves(100, 200.5), NOW + 63) == (AlertState(False, 100, 200.5, resolved_on=NOW + 63), Verdict.resolved)


def test_a_resolve_long_after_a_newer_episode_began_does_not_end_it() -> None:
    newer, _ = merge(RESOLVED, fires(300), NOW + 3600)
    for late in (150, 200, 299):
        assert merge(newer, resolves(100, late), NOW + 7200) == (newer, Verdict.stale)
    assert merge(newer, resolves(300, 300), NOW + 7200)[1] == Verdict.resolved


def test_what_expired_fires_again_at_once() -> None:
    known = expire(AlertState(True, 100.0, expires_at=200.0))
    assert known == AlertState(False, 100, 200, expired=True, resolved_on=200)
    assert merge(known, fires(100, 440), 200.001)[1] == Verdict.refired


# --- any order


class Sent(NamedTuple):
    """A set of reports of one alert, told in two orders, each perhaps several times, within OUT_OF_ORDER."""

    known: AlertState | None
    reports: list[Alert]
    orders: tuple[list[tuple[float, Alert]], list[tuple[float, Alert]]]


TIMES = st.integers(50, 70).map(float)  # few, so that many fall together
EXPIRIES = st.sampled_from([0.0, 60.0, 65.0, 70.0, 90.0])
LONG_AGO = NOW - 3600.0


@st.composite
def known_states(draw: st.DrawFn) -> AlertState | None:
    start = draw(TIMES)
    end = draw(st.floats(start, 70.0).map(round).map(float))
    return draw(st.sampled_from([
        None,
        AlertState(True, start),
        AlertState(True, start, end, 90.0),  # reopened
        AlertState(False, start, end, resolved_on=LONG_AGO),
        expire(AlertState(True, start, expires_at=end)),
    ]))  # fmt: skip


@st.composite
def sent(draw: st.DrawFn) -> Sent:
    known = draw(known_states())
    firing = st.builds(fires, TIMES, EXPIRIES)
    resolved = st.tuples(TIMES, TIMES).map(lambda pair: resolves(min(pair), max(pair)))
    reports = draw(st.lists(st.one_of(firing, resolved), min_size=1, max_size=6))
    if known and known.expired:  # a report from before the expiry is one of the episode that expired
        assume(all(not r.firing or _newer(r, known) or r.starts_at <= known.starts_at for r in reports))
    return Sent(known, reports, (draw(_delivery(reports)), draw(_delivery(reports))))


@st.composite
def _delivery(draw: st.DrawFn, reports: list[Alert]) -> list[tuple[float, Alert]]:
    told = draw(st.permutations(reports + draw(st.lists(st.sampled_from(reports), max_size=4))))
    offsets = draw(st.lists(st.floats(0.0, OUT_OF_ORDER), min_size=len(told), max_size=len(told)).map(sorted))
    return [(NOW + offset, report) for offset, report in zip(offsets, told, strict=True)]


def _newer(report: Alert, known: AlertState) -> bool:
    """Whether it was sent after what is known expired."""
    return report.ends_at == 0.0 or report.ends_at > known.ends_at


def _reckon(known: AlertState | None, reports: list[Alert]) -> tuple[bool, float]:
    """The latest start against the latest end, looked at all at once: fires since, or ended at."""
    starts = [report.starts_at for report in reports if report.firing]
    ends = [report.ends_at for report in reports if not report.firing]
    if known is None:
        end = max(ends, default=0.0)
    elif known.expired:
        starts = [report.starts_at for report in reports if report.firing and _newer(report, known)]
        end = max((end for end in ends if end >= known.starts_at), default=0.0)
        if not end and not starts:
            return False, known.ends_at
        starts = [max(start, known.starts_at) for start in starts]
    else:
        end = max((end for end in ends if end > known.ends_at), default=0.0)
        if known.firing:
            starts.append(known.starts_at)
        elif not end and not starts:
            return False, known.ends_at
        else:
            starts = [max(start, known.starts_at) for start in starts]
    start = max(starts, default=0.0)
    return (True, start) if start > end else (False, end)


def _told(known: AlertState | None, delivery: list[tuple[float, Alert]]) -> tuple[bool, float]:
    state = known
    for now, report in delivery:
        state, _ = merge(state, report, now)
    assert state is not None
    return state.firing, state.starts_at if state.firing else state.ends_at


@settings(max_examples=max(500, settings().max_examples))
@given(sent())
def test_any_order_and_any_repetition_ends_in_the_same_state(story: Sent) -> None:
    expected = _reckon(story.known, story.reports)
    event("firing" if expected[0] else "resolved")
    assert [_told(story.known, order) for order in story.orders] == [expected, expected]


@given(sent(), st.floats(OUT_OF_ORDER + 0.001, 1e6), TIMES)
def test_no_alert_is_missed(story: Sent, later: float, start: float) -> None:
    """Whatever was told before: who fires after the window is heard."""
    state = story.known
    for now, report in story.orders[0]:
        state, _ = merge(state, report, now)
    assert merge(state, fires(start), NOW + OUT_OF_ORDER + later)[0].firing


@given(st.lists(TIMES, min_size=3, max_size=3, unique=True).map(sorted), st.floats(0.0, 1e6))
def test_the_end_of_an_earlier_episode_never_ends_a_newer_one(times: list[float], later: float) -> None:
    start, end, next_start = times
    state, _ = merge(None, fires(start), NOW)
    state, _ = merge(state, fires(next_start), NOW)
    assert merge(state, resolves(start, end), NOW + later) == (state, Verdict.stale)


# --- reports and names


def test_the_worst_severity_comes_first() -> None:
    assert min(Severity) == Severity.critical
    assert sorted(Severity, reverse=True)[0] == Severity.info


@pytest.mark.parametrize(
    ("annotations", "labels", "title"),
    [
        ({"summary": "Disk is full"}, {"alertname": "DiskFull"}, "Disk is full"),
        ({"summary": ""}, {"alertname": "DiskFull"}, "DiskFull"),
        ({}, {}, "alert without a name"),
    ],
)
def test_a_title_is_what_a_person_would_say(annotations: dict[str, str], labels: dict[str, str], title: str) -> None:
    assert alert(annotations=annotations, labels=labels).title == title


def test_a_report_says_whether_anything_but_its_state_and_expiry_is_new() -> None:
    first = alert(links=(Link("graph", "http://x"),))
    report = Report.of(first)
    assert report.open() is first
    same = Report.of(replace(first, firing=False, ends_at=9.0))
    assert (same.key, same.content) == (report.key, report.content)
    others = [
        replace(first, starts_at=1.0), replace(first, severity=Severity.high), replace(first, labels={"a": "b"}),
        replace(first, annotations={}), replace(first, links=()), replace(first, links=(Link("graph", "http://y"),)),
    ]  # fmt: skip
    assert all(Report.of(other).content != report.content for other in others)


label_sets = st.dictionaries(st.text("a1 ÿþ:", max_size=3), st.text("a1 ÿþ:", max_size=6), max_size=3)


@given(label_sets, label_sets)
def test_a_fingerprint_names_one_label_set(one: dict[str, str], other: dict[str, str]) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (one == other)
    assert fingerprint(dict(reversed(one.items()))) == fingerprint(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "1", "b": "2"}, {"a": "1ÿbþ2"}),
        ({"a": "1", "b": "2"}, {"a": "11 b1 2"}),
        ({"a": "1", "b": "2"}, {"a": "11 b2"}),
        ({"a": "b"}, {"ab": ""}),
        ({"a": "\ud800"}, {"a": "?"}),
    ],
)
def test_no_value_passes_for_another_label(one: dict[str, str], other: dict[str, str]) -> None:
    assert fingerprint(one) != fingerprint(other)
    assert len(fingerprint(one)) == 16
