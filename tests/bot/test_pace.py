"""Budgets of lanes: what is spent comes back with time, and a clock that jumps makes nobody wait longer."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from adapters.chat import Lane
from bot.pace import MOST_LANES, SLOW, Pace

ONE = Lane("one", 1.0, 1)
FIVE = Lane("five", 2.0, 5)


class Clock:
    def __init__(self) -> None:
        self.at = 1_700_000_000.0

    def __call__(self) -> float:
        return self.at


def test_a_lane_gives_its_burst_and_then_its_pace() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(5):
        assert pace.wait([FIVE]) == 0.0
        pace.spend([FIVE])
    assert abs(pace.wait([FIVE]) - 0.5) < 1e-6
    clock.at += 0.5
    assert pace.wait([FIVE]) == 0.0


def test_the_last_tokens_wait_for_what_is_urgent() -> None:
    clock = Clock()
    pace, lane = Pace(clock), Lane("many", 2.0, 8)
    for _ in range(6):
        assert pace.wait([lane], urgent=False) == 0.0
        pace.spend([lane])
    assert abs(pace.wait([lane], urgent=False) - 0.5) < 1e-6 and pace.wait([lane]) == 0.0
    clock.at += 0.5
    assert pace.wait([lane], urgent=False) == 0.0
    pace.spend([ONE])
    clock.at += 1.0
    pace.answered([ONE])
    assert pace.wait([ONE], urgent=False) == pace.wait([ONE]), "where one is allowed at a time there is nothing to keep"


def test_a_call_needs_all_its_lanes() -> None:
    pace = Pace(Clock())
    pace.spend([ONE])
    assert pace.wait([FIVE]) == 0.0 and pace.wait([FIVE, ONE]) > 0.9 and pace.wait([]) == 0.0


@given(st.lists(st.floats(0.0, 1.9), min_size=2, max_size=20), st.integers(0, 2**32))
def test_one_at_a_time_is_never_too_early_for_the_platform(latencies: list[float], seed: int) -> None:
    """Wherever between its start and its answer a call arrives, a second has passed since the one before."""
    clock, dice = Clock(), random.Random(seed)
    pace, arrived = Pace(clock), [0.0]
    for latency in latencies:
        clock.at += pace.wait([ONE])
        pace.spend([ONE])
        arrived.append(clock.at + dice.random() * latency)
        assert arrived[-1] - arrived[-2] > 1.0 - 1e-5
        clock.at += latency
        pace.answered([ONE])


def test_a_call_without_an_answer_gives_its_lane_back() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.spend([ONE])
    clock.at += SLOW + 1.0
    assert pace.wait([ONE]) < 1e-6


def test_what_the_platform_asks_for_is_kept() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.hold("five", 30.0)
    pace.hold("five", 3.0)
    assert pace.wait([ONE]) == 0.0 and abs(pace.wait([FIVE]) - 30.0) < 1e-5
    clock.at += 29.0
    assert abs(pace.held("five") - 1.0) < 1e-5
    clock.at += 1.1
    assert pace.wait([FIVE]) == 0.0


def test_a_clock_that_is_set_back_makes_nobody_wait_longer() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.hold("all of ops", 10.0)
    pace.spend([ONE])
    clock.at -= 3600.0
    assert pace.held("all of ops") < 10.1 and pace.wait([ONE]) < SLOW + 1.1


def test_a_lane_may_become_another() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(5):
        pace.spend([FIVE])
    assert abs(pace.wait([Lane("five", 10.0, 5)]) - 0.1) < 1e-6


def test_old_lanes_are_forgotten() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.spend([ONE])
    for n in range(3 * MOST_LANES):
        pace.spend([Lane(f"thread {n}", 100.0, 1)])
        clock.at += 0.01
    assert len(pace._buckets) <= MOST_LANES


def test_a_call_that_was_not_made_costs_nothing() -> None:
    pace = Pace(Clock())
    for _ in range(5):
        pace.spend([FIVE])
    pace.spend([ONE])
    pace.give_back([FIVE, ONE])
    assert pace.wait([FIVE]) == pace.wait([ONE]) == 0.0
    pace.spend([FIVE])
    assert pace.wait([FIVE]) > 0.4
