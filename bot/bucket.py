"""A rate limit: tokens that come back with time."""

from __future__ import annotations


class Bucket:
    """`per_second` tokens come back, up to `burst`. Times are seconds of any clock that does not jump."""

    __slots__ = ("_at", "_burst", "_left", "_per_second")

    def __init__(self, per_second: float, burst: float, now: float) -> None:
        self._per_second, self._burst, self._left, self._at = per_second, burst, burst, now

    def take(self, now: float) -> bool:
        """Takes a token if there is one."""
        if self._fill(now) < 1.0:
            return False
        self._left -= 1.0
        return True

    def wait(self, now: float, kept: float = 0.0) -> float:
        """The seconds until there is a token beside those that are `kept` (a share of the burst); 0.0: there is one now."""
        return max(0.0, (1.0 + kept * self._burst - self._fill(now)) / self._per_second)

    def give(self, now: float) -> None:
        """Puts back a token that was not used."""
        self._left = min(self._burst, self._fill(now) + 1.0)

    def empty(self, now: float, wait: float) -> None:
        """Leaves no token for so many seconds, whatever there was."""
        self._left, self._at = 1.0 - wait * self._per_second, now

    def full(self, now: float) -> bool:
        return self._fill(now) >= self._burst

    def change(self, per_second: float, burst: float) -> None:
        """Other limits from now on."""
        self._per_second, self._burst = per_second, burst

    def _fill(self, now: float) -> float:
        self._left = min(self._burst, self._left + max(0.0, now - self._at) * self._per_second)
        self._at = now
        return self._left
