"""Why nobody is told of an alert: a silence, an inhibition, a time interval. Alertmanager's semantics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from pydantic import Field

from rules.access import Strict
from rules.change import Kind
from rules.interval import TimeIntervalSpec, contains, next_change
from rules.matcher import Matcher, Matchers, match_all
from rules.route import Node

Intervals = Mapping[str, Sequence[TimeIntervalSpec]]
Sources = Mapping[int, Mapping[tuple[str, ...], str]]
"""Per inhibition rule (its place in the list), the mark of every firing source alert and that alert's title."""

NEVER = float("inf")

_SOURCE, _BOTH = "source", "both"


class Silence(msgspec.Struct, frozen=True):
    """Nobody is told of alerts that match, from `starts_at` to `ends_at`, in seconds since the epoch.

    `level`: how secret what it says is, by what it muted when it was made; empty: no more than the labels that it names.
    `author`: whom a tool named as its maker; `by` is who it really was. `updated_at`: when it was last changed.
    """

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: float
    ends_at: float
    by: str
    reason: str
    level: str = ""
    author: str = ""
    updated_at: float = 0.0

    def active(self, at: float) -> bool:
        return self.starts_at <= at < self.ends_at


class Inhibition(Strict):
    """While an alert that matches `source` fires, nobody is told of those that match `target` and agree on `equal`."""

    source: Matchers = Field(description="Matchers of the alert that mutes others.")
    target: Matchers = Field(description="Matchers of the alerts that are muted by it.")
    equal: tuple[str, ...] = Field((), description="Labels that must have the same value in both; missing counts as empty.")

    def key(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """The values that both must share."""
        return tuple(labels.get(name, "") for name in self.equal)

    def mark(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """What is kept of a source alert: its key, and whether it is a target as well."""
        return *self.key(labels), _BOTH if match_all(self.target, labels) else _SOURCE


class Mute(msgspec.Struct, frozen=True):
    """`kind`: which of the three. `text`: in words. `until`: when to look again, in seconds since the epoch, or infinity."""

    kind: Kind
    text: str
    until: float = NEVER


def muted_by_silence(labels: Mapping[str, str], silences: Iterable[Silence], at: float) -> Mute | None:
    """The silence that lasts longest of those that mute the alert."""
    active = [s for s in silences if s.active(at) and match_all(s.matchers, labels)]
    if not active:
        return None
    last = max(active, key=lambda s: s.ends_at)
    return Mute(Kind.muted_by_silence, f"silence {last.id} by {last.by}: {last.reason}", last.ends_at)


def silenced_from(labels: Mapping[str, str], silences: Iterable[Silence], at: float) -> float:
    """When the next silence begins that mutes the alert, in seconds since the epoch; infinity if none is to come."""
    coming = (s.starts_at for s in silences if at < s.starts_at < s.ends_at and match_all(s.matchers, labels))
    return min(coming, default=NEVER)


def inhibits(labels: Mapping[str, str], rules: Sequence[Inhibition]) -> list[tuple[int, tuple[str, ...]]]:
    """The rules whose source an alert with these labels is: (place of the rule, mark)."""
    return [(place, rule.mark(labels)) for place, rule in enumerate(rules) if match_all(rule.source, labels)]


def muted_by_inhibition(labels: Mapping[str, str], rules: Sequence[Inhibition], sources: Sources) -> Mute | None:
    title = inhibitor(labels, rules, sources)
    return None if title is None else Mute(Kind.muted_by_inhibition, f"inhibited while {title} fires")


def inhibitor(labels: Mapping[str, str], rules: Sequence[Inhibition], sources: Sources) -> str | None:
    """The title of the alert that mutes this one by inhibition.

    An alert that matches both sides of a rule is not muted by others that do: else all would mute each other.
    """
    for place, rule in enumerate(rules):
        found = sources.get(place)
        if not found or not match_all(rule.target, labels):
            continue
        sides = (_SOURCE,) if match_all(rule.source, labels) else (_SOURCE, _BOTH)
        title = next((found[mark] for side in sides if (mark := (*rule.key(labels), side)) in found), None)
        if title is not None:
            return title
    return None


def muted_by_time_interval(node: Node, intervals: Intervals, at: float) -> Mute | None:
    """Inside one of the route's mute intervals, or outside all of its active ones."""
    route = node.route
    for name in route.mute_time_intervals:
        if contains(intervals[name], at):
            return Mute(Kind.muted_by_time_interval, f"time interval {name}", _flip(intervals[name], at))
    active = route.active_time_intervals
    if active and not any(contains(intervals[name], at) for name in active):
        until = min(_flip(intervals[name], at) for name in active)
        return Mute(Kind.muted_by_time_interval, f"outside time interval {', '.join(active)}", until)
    return None


def _flip(interval: Sequence[TimeIntervalSpec], at: float) -> float:
    change = next_change(interval, at)
    return NEVER if change is None else change
