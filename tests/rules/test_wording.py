import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.change import Change, Kind
from rules.wording import WORDS, tell

NAMES = {"ana": "Ana Petrova", "bo": "Bo"}
TOLD = [
    (Change(Kind.new, 1.0, text="Disk is full"), "opened"),
    (Change(Kind.more_alerts, 1.0, text="2 alerts"), "2 alerts more"),
    (Change(Kind.some_resolved, 1.0, text="1 alert"), "resolved in part: 1 alert"),
    (Change(Kind.severity_raised, 1.0, text="low to high"), "severity rose: low to high"),
    (Change(Kind.all_resolved, 1.0), "all alerts resolved, closing soon"),
    (Change(Kind.firing_again, 1.0, text="1 alert"), "firing again: 1 alert"),
    (Change(Kind.resolved, 1.0), "resolved"),
    (Change(Kind.resolved, 1.0, "ana", "fixed"), "resolved by Ana Petrova: fixed"),
    (Change(Kind.reopened, 1.0, text="2 firing"), "reopened: 2 firing"),
    (Change(Kind.reminder, 1.0, text="1 alert still firing"), "reminder: 1 alert still firing"),
    (Change(Kind.acknowledged, 1.0, "ana"), "acknowledged by Ana Petrova"),
    (Change(Kind.acknowledged, 1.0, "ana", "on it"), "acknowledged by Ana Petrova: on it"),
    (Change(Kind.acknowledged, 1.0, "left the company"), "acknowledged by left the company"),
    (Change(Kind.unacknowledged, 1.0, "bo"), "no longer acknowledged by Bo"),
    (Change(Kind.ack_ended, 1.0, text="ana"), "the acknowledgement by Ana Petrova ended"),
    (Change(Kind.assigned, 1.0, "ana", "bo"), "assigned to Bo by Ana Petrova"),
    (Change(Kind.noted, 1.0, "bo", "it is {text} {by}"), "note by Bo: it is {text} {by}"),
    (Change(Kind.approved, 1.0, "bo", "resolve"), "approved by Bo: resolve"),
    (Change(Kind.snoozed, 1.0, "bo"), "snoozed by Bo"),
    (Change(Kind.snooze_ended, 1.0), "no longer snoozed"),
    (Change(Kind.muted_by_silence, 1.0), "muted by a silence"),
    (Change(Kind.muted_by_inhibition, 1.0), "muted while a worse alert fires"),
    (Change(Kind.muted_by_time_interval, 1.0), "muted by a time interval"),
    (Change(Kind.unmuted, 1.0), "no longer muted"),
]


@pytest.mark.parametrize(("change", "line"), TOLD)
def test_a_change_in_plain_words(change: Change, line: str) -> None:
    assert tell(change, NAMES) == line


def test_every_kind_has_words() -> None:
    assert {change.kind for change, _ in TOLD} == set(Kind) == set(WORDS)


@given(st.sampled_from(Kind), st.sampled_from(["", "ana", "cy"]), st.text())
def test_a_change_is_one_line_whatever_it_says(kind: Kind, by: str, text: str) -> None:
    line = tell(Change(kind, 1.0, by, f"{text}\n12:00 resolved by Ana\u2028\r\x0b"), NAMES)
    assert len(line.splitlines()) == 1
