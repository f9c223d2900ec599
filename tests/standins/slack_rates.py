"""How much the stand-in Slack takes: a tier per method and workspace, about one post a second per channel."""

from __future__ import annotations

from collections import Counter

from tests.standins.slack_state import Clock

TIERS = {1: 1.0, 2: 20.0, 3: 50.0, 4: 100.0}
"""Calls a minute."""
SPECIAL = 600.0


class Bucket:
    """`per_minute` calls on average, `burst` at once."""

    def __init__(self, per_minute: float, burst: float) -> None:
        self.step, self.burst = 60.0 / per_minute, burst
        self.full_at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a call is allowed; 0.0 if it is now."""
        return max(0.0, max(self.full_at, now) - now - self.step * (self.burst - 1))

    def spend(self, now: float) -> None:
        self.full_at = max(self.full_at, now) + self.step


class Rates:
    """Counts calls. A refused call costs nothing. `posts_burst` is a guess: Slack publishes none."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.on = True
        self.posts_per_minute, self.posts_burst, self.workspace_per_minute = 60.0, 5.0, 300.0
        self.per_minute: dict[str, float] = {}
        """A method's own rate, where a test wants another than that of its tier."""
        self.refused: Counter[str] = Counter()
        """Answers of 429, by method."""
        self._buckets: dict[str, Bucket] = {}

    def forget(self) -> None:
        """All budgets are whole again; to be called after the rates were changed."""
        self._buckets.clear()

    def take(self, method: str, tier: int, channel: str) -> float:
        """Real seconds to wait, 0.0 if the call may pass. Tier 0: special."""
        now = self._clock.now()
        buckets = self._of(method, tier, channel)
        wait = max(bucket.wait(now) for bucket in buckets) if self.on else 0.0
        if wait > 1e-6:
            self.refused[method] += 1
            return wait / self._clock.speed
        for bucket in buckets:
            bucket.spend(now)
        return 0.0

    def _of(self, method: str, tier: int, channel: str) -> list[Bucket]:
        if method == "chat.postMessage":
            own = self._bucket(f"{method} {channel}", self.posts_per_minute, self.posts_burst)
            return [own, self._bucket(method, self.workspace_per_minute, self.workspace_per_minute)]
        rate = self.per_minute.get(method) or TIERS.get(tier, SPECIAL)
        return [self._bucket(method, rate, rate)]

    def _bucket(self, name: str, per_minute: float, burst: float) -> Bucket:
        return self._buckets.setdefault(name, Bucket(per_minute, burst))
