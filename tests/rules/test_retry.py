import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.retry import FIRST, LONGEST, back_off


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0.5), (1, 1.0), (2, 2.0), (6, 32.0), (7, 60.0), (10**9, 60.0)])
def test_waits_double_up_to_the_longest(failures: int, seconds: float) -> None:
    assert back_off(failures, 0.5) == seconds


@given(st.integers(0, 10**6), st.floats(0.0, 1.0, exclude_max=True), st.floats(0.0, 1.0, exclude_max=True))
def test_luck_spreads_waits_by_a_quarter_and_more_failures_never_shorten_them(failures: int, luck: float, other: float) -> None:
    middle = back_off(failures, 0.5)
    assert FIRST <= middle <= LONGEST
    assert 0.75 * middle <= back_off(failures, luck) <= 1.25 * middle
    assert back_off(failures, luck) <= back_off(failures + 1, luck)
    assert (back_off(failures, luck) < back_off(failures, other)) <= (luck < other)
