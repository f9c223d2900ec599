"""One firing or resolved condition from one source, and how two reports of it become one state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from enum import Enum, IntEnum
from functools import lru_cache

import msgspec

OWN_SOURCE = "tocsin"
"""The source of the alerts that Tocsin raises about itself."""


class Severity(IntEnum):
    """Worst first, so that `min()` of several is the worst of them."""

    critical = 0
    high = 1
    warning = 2
    low = 3
    info = 4


class Link(msgspec.Struct, frozen=True, gc=False):
    """A named way out of the card: `runbook`, `dashboard`, `graph`, `source`, …"""

    name: str
    url: str


class Alert(msgspec.Struct, frozen=True):
    """A condition as its source reports it. Identity is `source` + `fingerprint`.

    Times are seconds since the epoch, UTC. `starts_at` is 0.0 where the source does not say: then it began when it was first
    heard of. `ends_at` of a resolved alert is when it ended (0.0: just now); of a firing
    one, when it counts as resolved unless it is reported again (0.0: never).
    """

    source: str
    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str]
    severity: Severity
    firing: bool
    starts_at: float
    ends_at: float = 0.0
    links: tuple[Link, ...] = ()

    @property
    def title(self) -> str:
        """What a person calls it: the summary, else the alert's name."""
        return self.annotations.get("summary") or self.labels.get("alertname") or "alert without a name"


class BadAlert(ValueError):
    """An alert that cannot be understood. The text names the field and what it should be; it holds no secret."""


class Report(msgspec.Struct):
    """An alert as it arrived, still closed.

    Most reports repeat what is known. `key` (the sender's own bytes of the label set, hashed) and `content` (a hash of
    all the rest that matters, times of expiry excepted) tell that without looking inside. `open()` gives the alert and
    raises BadAlert when it makes no sense.
    """

    key: bytes
    content: int
    firing: bool
    ends_at: float
    open: Callable[[], Alert]

    @classmethod
    def of(cls, alert: Alert) -> Report:
        """The report of an alert that is open already."""
        content = hash((
            alert.starts_at,
            int(alert.severity),
            tuple(sorted(alert.labels.items())),
            tuple(sorted(alert.annotations.items())),
            tuple((link.name, link.url) for link in alert.links),
        ))
        return cls(alert.fingerprint.encode(), content, alert.firing, alert.ends_at, lambda: alert)


class AlertState(msgspec.Struct, frozen=True, gc=False):
    """What is known of an alert: firing since `starts_at`, or resolved at `ends_at`.

    `ends_at` of a firing one: the end that its source told last (0.0: none yet); only a later one ends it. `expires_at`:
    when a firing alert counts as resolved unless reported again (0.0: never). `expired`: it was resolved by that, not by its
    source. `resolved_on`: when the resolve reached us, on our own clock.
    """

    firing: bool
    starts_at: float
    ends_at: float = 0.0
    expires_at: float = 0.0
    expired: bool = False
    resolved_on: float = 0.0


class Verdict(Enum):
    """What one report meant for its alert."""

    new = "new"
    refired = "refired"
    duplicate = "duplicate"
    resolved = "resolved"
    early_resolve = "early_resolve"  # resolved before it was ever seen firing: remembered, shown nowhere
    stale = "stale"  # older than what is known


OUT_OF_ORDER = 10.0
"""Seconds in which reports of one moment may overtake each other on their way here.

A "firing" that reaches us this soon after the resolve of the same episode is taken for one that was overtaken. Later
than this it is news, whatever its start time says: Alertmanager repeats an unchanged start time when an alert that
expired there fires on, and a missed alert is worse than a reopened one.
"""


def merge(known: AlertState | None, alert: Alert, now: float) -> tuple[AlertState, Verdict]:
    """The state after one more report, and what the report meant.

    Any interleaving of the same reports within OUT_OF_ORDER ends in the same state: the latest start against the latest
    end decides, and both only grow.
    """
    return _merge_firing(known, alert, now) if alert.firing else _merge_resolved(known, alert, now)


def expire(known: AlertState) -> AlertState:
    """The alert resolved because nobody reported it again in time."""
    return AlertState(False, known.starts_at, known.expires_at, 0.0, True, known.expires_at)


def _merge_firing(known: AlertState | None, alert: Alert, now: float) -> tuple[AlertState, Verdict]:
    began = alert.starts_at or now
    if known is None:
        return AlertState(True, began, 0.0, alert.ends_at), Verdict.new
    if known.firing:
        starts_at = max(known.starts_at, alert.starts_at)
        expires_at = max(known.expires_at, alert.ends_at) if known.expires_at and alert.ends_at else 0.0
        return AlertState(True, starts_at, known.ends_at, expires_at), Verdict.duplicate
    if known.expired:  # a guess, so that any report sent after it tells better
        overtaken = 0.0 < alert.ends_at <= known.ends_at <= now + OUT_OF_ORDER
    else:
        overtaken = began <= known.ends_at and abs(now - known.resolved_on) <= OUT_OF_ORDER
    if overtaken:
        return known, Verdict.stale
    starts_at = max(known.starts_at, began)
    # The end is kept: whoever told it may tell it again for minutes, and means the episode before.
    return AlertState(True, starts_at, 0.0 if known.expired else known.ends_at, alert.ends_at), Verdict.refired


def _merge_resolved(known: AlertState | None, alert: Alert, now: float) -> tuple[AlertState, Verdict]:
    ends_at = alert.ends_at or max(now, alert.starts_at)  # a sender's clock may be ahead of ours
    if known is None:
        return AlertState(False, min(alert.starts_at or now, ends_at), ends_at, resolved_on=now), Verdict.early_resolve
    before = ends_at == known.ends_at or _is_before(ends_at, known.ends_at, now) or _is_before(ends_at, known.starts_at, now)
    if known.firing and alert.ends_at and before:  # an end that nobody told is just now, whatever the clocks say
        return known, Verdict.stale
    after = AlertState(False, min(known.starts_at, ends_at), ends_at, resolved_on=now)
    if known.firing:
        return after, Verdict.resolved
    news = ends_at >= known.starts_at if known.expired else ends_at > known.ends_at
    return after if news else known, Verdict.duplicate


def _is_before(ends_at: float, known: float, now: float) -> bool:
    """Whether an end is older than what is known; not if that lies ahead of us and the end does not: a clock was set back."""
    return ends_at < known and not ends_at <= now + OUT_OF_ORDER < known


def fingerprint(labels: Mapping[str, str]) -> str:
    """16 hex digits that name a label set; the order of the labels does not matter."""
    heads = _heads(tuple(labels))
    if heads is None:
        labels = dict(sorted(labels.items()))
        heads = [_head(name) for name in labels]
    text = "".join([f"{head}{len(value)} {value}" for head, value in zip(heads, labels.values(), strict=True)])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _head(name: str) -> str:
    """With its length, as each value has one: no value can pass for the end of itself and another label."""
    return f"{len(name)} {name}"


@lru_cache(256)  # most alerts have the same few sets of names, and senders sort them
def _heads(names: tuple[str, ...]) -> list[str] | None:
    """What stands before each value; None if the names are in no order."""
    return [_head(name) for name in names] if list(names) == sorted(names) else None
