"""Inside the platform's limits (G5): a token bucket for each lane that a chat names, shared by all cards of the chat."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from adapters.chat import Lane
from bot.bucket import Bucket

SLOW = 2.0
"""Seconds after which a call without an answer no longer keeps others out of a lane that takes one at a time."""

RESERVE = 0.25
"""The share of a lane's burst that waits for what is urgent: a storm's first hundred must not use up what its criticals need."""

MOST_LANES = 1000
"""Remembered lanes; beyond that, those whose tokens are all back are forgotten."""


class Pace:
    """`clock`: seconds that do not jump; if it does all the same, what is to be waited for gets no longer by it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}
        self._held: dict[str, Bucket] = {}

    def wait(self, lanes: Sequence[Lane], urgent: bool = True) -> float:
        """The seconds until a call that spends these may be made; 0.0: now."""
        now = self._clock()
        return max((max(self.held(lane.name), self._in(lane, now, urgent)) for lane in lanes), default=0.0)

    def _in(self, lane: Lane, now: float, urgent: bool) -> float:
        return self._bucket(lane, now).wait(now, 0.0 if urgent or lane.burst == 1 else RESERVE)

    def spend(self, lanes: Sequence[Lane]) -> None:
        """A call is about to be made. Where one is allowed at a time, the next one waits for its answer."""
        now = self._clock()
        for lane in lanes:
            bucket = self._bucket(lane, now)
            if lane.burst == 1:
                bucket.empty(now, SLOW + 1.0 / lane.per_second)
            else:
                bucket.take(now)

    def answered(self, lanes: Sequence[Lane]) -> None:
        """The call is over. When it arrived nobody knows, so what it spent comes back from now on."""
        now = self._clock()
        for lane in lanes:
            if lane.burst == 1:
                self._bucket(lane, now).empty(now, 1.0 / lane.per_second)

    def give_back(self, lanes: Sequence[Lane]) -> None:
        """The call was not made after all."""
        now = self._clock()
        for lane in lanes:
            if lane.burst == 1:
                self._bucket(lane, now).empty(now, 0.0)
            else:
                self._bucket(lane, now).give(now)

    def hold(self, name: str, seconds: float) -> None:
        """The platform asks to leave a lane (or whatever is called so) alone for so long."""
        now = self._clock()
        if seconds > self.held(name):
            self._held[name] = Bucket(1.0, 1.0, now)
            self._held[name].empty(now, seconds)

    def held(self, name: str) -> float:
        """For how many seconds it is still to be left alone."""
        hold = self._held.get(name)
        wait = hold.wait(self._clock()) if hold else 0.0
        if hold and not wait:
            del self._held[name]
        return wait

    def _bucket(self, lane: Lane, now: float) -> Bucket:
        bucket = self._buckets.get(lane.name)
        if bucket is None:
            if len(self._buckets) >= MOST_LANES:
                self._buckets = {name: one for name, one in self._buckets.items() if not one.full(now)}
            bucket = self._buckets[lane.name] = Bucket(lane.per_second, lane.burst, now)
        bucket.change(lane.per_second, lane.burst)
        return bucket
