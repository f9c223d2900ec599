"""When a failed delivery is tried again. Pure: luck comes in as a number."""

from __future__ import annotations

FIRST, LONGEST = 0.5, 60.0
SLOW = 60.0
"""Seconds between looks at something that a person must mend first."""

LONGEST_WAIT = LONGEST * 1.25
"""With all the luck that `back_off` knows. Only a platform's own Retry-After is longer, which bot/pace.py keeps."""


def back_off(failures: int, luck: float) -> float:
    """Seconds to wait after so many failures in a row: doubling up to LONGEST, give or take a quarter.

    `luck` in [0, 1) decides how much, so that cards do not march in step.
    """
    return float(min(LONGEST, FIRST * 2 ** min(failures, 10)) * (0.75 + luck / 2))
