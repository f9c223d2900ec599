"""What intake remembers of reports: nothing that changes a state may pass for a repetition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import known as module
from bot.known import Known
from rules.alert import Alert, Report


def report(key: bytes, *, content: int = 1, firing: bool = True, ends_at: float = 100.0) -> Report:
    def never_opened() -> Alert:
        raise AssertionError("a repetition was opened")

    return Report(key, content, firing, ends_at, never_opened)


def test_a_repetition_is_not_fresh_and_moves_the_expiry() -> None:
    known = Known()
    known.learn(report(b"a"), "f")
    assert known.fresh([report(b"a", ends_at=200.0)]) == []
    assert known.expiry("f") == 200.0


def test_other_content_another_state_or_another_end_is_fresh() -> None:
    known = Known()
    known.learn(report(b"a"), "f")
    changed = [report(b"a", content=2), report(b"a", firing=False), report(b"b")]
    assert known.fresh(changed) == changed
    known.learn(report(b"a", firing=False, ends_at=50.0), "f")
    assert known.fresh([report(b"a", firing=False, ends_at=50.0)]) == []
    assert len(known.fresh([report(b"a", firing=False, ends_at=60.0)])) == 1


def test_the_twin_that_is_still_sent_keeps_the_alert_alive() -> None:
    known = Known()
    known.learn(report(b"a", ends_at=100.0), "f")
    known.learn(report(b"b", ends_at=100.0), "f")
    assert known.fresh([report(b"a", ends_at=900.0)]) == []
    assert known.expiry("f") == 900.0


def test_a_twin_is_looked_at_again_once_the_other_said_resolved() -> None:
    known = Known()
    known.learn(report(b"a"), "f")
    known.learn(report(b"b"), "f")
    known.learn(report(b"b", firing=False), "f")
    assert len(known.fresh([report(b"a")])) == 1


def test_forgetting_an_alert_forgets_all_its_keys() -> None:
    known = Known()
    known.learn(report(b"a"), "f")
    known.learn(report(b"b"), "f")
    known.forget("f")
    assert len(known) == 0
    assert len(known.fresh([report(b"a"), report(b"b")])) == 2


def test_memory_is_bounded_and_the_oldest_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    known = Known()
    for name in (b"a", b"b", b"c", b"d"):
        known.learn(report(name), name.decode())
    assert len(known) == 3
    assert [one.key for one in known.fresh([report(b"a"), report(b"d")])] == [b"a"]


def test_one_alert_may_be_written_in_a_bounded_number_of_ways() -> None:
    known = Known()
    for i in range(100):
        known.learn(report(str(i).encode()), "f")
    assert len(known) == module.MOST_TWINS


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.booleans(), st.integers(0, 2))))
def test_what_is_no_repetition_of_the_last_state_is_always_fresh(steps: list[tuple[bytes, bool, int]]) -> None:
    """One alert, three keys: a report may only be skipped while the alert's last learnt state is the one it says."""
    known, state = Known(), None
    for key, firing, content in steps:
        one = report(key, content=content, firing=firing)
        if known.fresh([one]):
            known.learn(one, "f")
            state = firing
        assert state is firing
