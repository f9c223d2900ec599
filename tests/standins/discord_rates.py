"""How much the stand-in Discord takes: buckets per call and channel that fall and refill, and one for the whole bot."""

from __future__ import annotations

from collections import Counter

import msgspec

from tests.standins.discord_state import Clock

GLOBAL = (50, 1.0)
LIMITS = {
    "messages.create": (5, 5.0), "messages.edit": (5, 5.0), "messages.delete": (5, 1.0), "messages.get": (5, 1.0),
    "messages.list": (10, 10.0), "threads.create": (5, 10.0), "channels.edit": (5, 15.0), "channels.get": (50, 10.0),
    "guild.members": (10, 10.0), "commands.put": (2, 30.0), "dm.create": (10, 60.0), "messages.edit_old": (3, 20.0),
    "followup.create": (5, 2.0), "original.edit": (5, 2.0), "original.get": (5, 2.0), "original.delete": (5, 2.0),
}  # fmt: skip
"""Calls per seconds, by name of the call. All of them guesses, since Discord publishes none; others are not limited apart."""
OLD = 3600.0
"""Edits of messages older than this have a bucket of their own."""
EXEMPT = ("interactions.callback", "followup.create", "original.edit", "original.get", "original.delete")
"""Not counted by the global limit."""
INVALID = (10_000, 600.0)


class Bucket(msgspec.Struct):
    """`limit` calls in `per` seconds from the first one on."""

    id: str
    limit: int
    per: float
    used: int = 0
    until: float = 0.0

    def remaining(self, now: float) -> int:
        return self.limit if now >= self.until else max(0, self.limit - self.used)

    def spend(self, now: float) -> None:
        if now >= self.until:
            self.used, self.until = 0, now + self.per
        self.used += 1


class Refusal(msgspec.Struct):
    """`wait`: seconds of the stand-in's clock. `code`: what the body says, if anything."""

    wait: float
    scope: str
    bucket: Bucket | None = None
    code: int = 0


class Rates:
    """Counts calls. A refused call costs nothing. `limits` may be changed by tests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.on = True
        self.limits, self.everything = dict(LIMITS), GLOBAL
        self.invalid_limit = INVALID[0]
        """So many answers of 401, 403 and 429 in ten minutes ban the address."""
        self.invalid: list[float] = []
        self.refused: Counter[str] = Counter()
        """Answers of 429, by name of the call."""
        self._buckets: dict[str, Bucket] = {}

    def forget(self) -> None:
        """All budgets are whole again; to be called after the limits were changed."""
        self._buckets.clear()
        self.invalid.clear()

    def take(self, name: str, major: str, old: bool = False) -> Refusal | Bucket | None:
        """The bucket that it came from, None if it has none; or a refusal. `old`: an edit of an old message."""
        if not self.on:
            return None
        now, bucket = self._clock.now(), self._of(name, major)
        aged = self._of("messages.edit_old", major) if old else None
        whole = None if name in EXEMPT else self._named("global", *self.everything)
        for one, scope, code in ((whole, "global", 0), (bucket, "user", 0), (aged, "user", 30046)):
            if one is not None and not one.remaining(now):
                self.refused[name] += 1
                return Refusal(one.until - now, scope, one if one is bucket else None, code)
        for one in (whole, bucket, aged):
            if one is not None:
                one.spend(now)
        return bucket

    def count_invalid(self, status: int, scope: str) -> None:
        if status in (401, 403, 429) and scope != "shared":
            self.invalid.append(self._clock.now())

    @property
    def banned(self) -> bool:
        since = self._clock.now() - INVALID[1]
        self.invalid = [at for at in self.invalid if at > since]
        return len(self.invalid) >= self.invalid_limit

    def headers(self, bucket: Bucket | None) -> dict[str, str]:
        """What an answer says of its bucket. Reset-After in real seconds, since that is how long a client waits."""
        if bucket is None:
            return {}
        now = self._clock.now()
        left = max(0.0, bucket.until - now)
        return {
            "X-RateLimit-Limit": str(bucket.limit), "X-RateLimit-Remaining": str(bucket.remaining(now)),
            "X-RateLimit-Reset": f"{now + left:.3f}", "X-RateLimit-Reset-After": f"{left / self._clock.speed:.3f}",
            "X-RateLimit-Bucket": bucket.id.partition(" ")[0],
        }  # fmt: skip

    def _of(self, name: str, major: str) -> Bucket | None:
        if name not in self.limits:
            return None
        return self._named(f"{abs(hash_of(name)):032x} {major}", *self.limits[name])

    def _named(self, name: str, limit: int, per: float) -> Bucket:
        return self._buckets.setdefault(name, Bucket(name, limit, per))


def hash_of(name: str) -> int:
    """The same in each run: buckets are named by an opaque hash that leaves the channel out."""
    return int.from_bytes(name.encode().ljust(16, b".")[:16], "big")
