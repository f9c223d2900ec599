from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from rules.change import Kind
from rules.interval import TimeInterval
from rules.matcher import Matcher, match_all, parse_matchers
from rules.mute import (
    NEVER,
    Inhibition,
    Intervals,
    Mute,
    Silence,
    Sources,
    inhibits,
    muted_by_inhibition,
    muted_by_silence,
    muted_by_time_interval,
    silenced_from,
)
from rules.route import Node, Route, compile_tree
from tests.rules.made import NOW

HOUR, DAY = 3600.0, 86400.0
MIDNIGHT = NOW - NOW % DAY


# --- silences


def silence(matchers: str = "team=db", start: float = NOW, end: float = NOW + HOUR, name: str = "s1") -> Silence:
    return Silence(name, parse_matchers(matchers), start, end, "ana", "maintenance")


@pytest.mark.parametrize(
    ("after", "active"), [(-0.001, False), (0.0, True), (HOUR - 0.001, True), (HOUR, False), (2 * HOUR, False)]
)
def test_a_silence_holds_from_its_start_until_its_end(after: float, active: bool) -> None:
    at = NOW + after
    assert silence().active(at) == active
    mute = muted_by_silence({"team": "db"}, [silence()], at)
    assert mute == (Mute(Kind.muted_by_silence, "silence s1 by ana: maintenance", NOW + HOUR) if active else None)


def test_all_matchers_of_a_silence_must_hold() -> None:
    both = silence('{team="db", severity=~"low|info"}')
    assert muted_by_silence({"team": "db", "severity": "low"}, [both], NOW)
    assert not muted_by_silence({"team": "db", "severity": "high"}, [both], NOW)
    assert not muted_by_silence({"severity": "low"}, [both], NOW)
    assert not muted_by_silence({"team": "db"}, [], NOW)


def test_the_next_silence_to_come() -> None:
    soon, later = silence(name="soon", start=NOW + 1), silence(name="later", start=NOW + 2)
    other, never = silence("team=web", name="other", start=NOW + 0.5), silence(name="never", start=NOW + 0.5, end=NOW + 0.5)
    coming = [later, soon, other, never, silence()]
    assert silenced_from({"team": "db"}, coming, NOW) == NOW + 1
    assert silenced_from({"team": "db"}, coming, NOW + 1) == NOW + 2
    assert silenced_from({"team": "db"}, coming, NOW + 2) == silenced_from({}, coming, NOW) == NEVER


def test_of_several_silences_the_longest_is_told() -> None:
    several = [silence(name="short"), silence(end=NOW + 2 * HOUR, name="long"), silence(name="brief", end=NOW + 1)]
    later, other = silence(name="later", start=NOW + 1, end=NOW + DAY), silence("team=web", name="other", end=NOW + DAY)
    mute = muted_by_silence({"team": "db"}, [*several, later, other], NOW)
    assert mute is not None
    assert (mute.text, mute.until) == ("silence long by ana: maintenance", NOW + 2 * HOUR)


# --- inhibition


def inhibition(source: str, target: str, *equal: str) -> Inhibition:
    return Inhibition(source=parse_matchers(source), target=parse_matchers(target), equal=equal)


def sources_of(firing: Sequence[dict[str, str]], rules: Sequence[Inhibition]) -> Sources:
    """What is kept of the alerts that fire."""
    found: dict[int, dict[tuple[str, ...], str]] = defaultdict(dict)
    for labels in firing:
        for place, mark in inhibits(labels, rules):
            found[place].setdefault(mark, labels.get("alertname", "?"))
    return found


WORSE = inhibition("severity=critical", "severity=~warning|info", "cluster")
DOWN = {"alertname": "Down", "severity": "critical", "cluster": "eu1"}


@pytest.mark.parametrize(
    ("labels", "muted"),
    [
        ({"severity": "warning", "cluster": "eu1"}, True),
        ({"severity": "info", "cluster": "eu1"}, True),
        ({"severity": "warning", "cluster": "eu2"}, False),
        ({"severity": "warning"}, False),
        ({"severity": "high", "cluster": "eu1"}, False),
        (DOWN, False),
    ],
)
def test_a_worse_alert_mutes_its_like(labels: dict[str, str], muted: bool) -> None:
    mute = muted_by_inhibition(labels, [WORSE], sources_of([DOWN], [WORSE]))
    assert mute == (Mute(Kind.muted_by_inhibition, "inhibited while Down fires", NEVER) if muted else None)
    assert muted_by_inhibition(labels, [WORSE], sources_of([], [WORSE])) is None


def test_labels_that_both_lack_are_equal() -> None:
    without = {"alertname": "Down", "severity": "critical"}
    sources = sources_of([without], [WORSE])
    assert muted_by_inhibition({"severity": "info"}, [WORSE], sources)
    assert muted_by_inhibition({"severity": "info", "cluster": ""}, [WORSE], sources)
    assert not muted_by_inhibition({"severity": "info", "cluster": "eu1"}, [WORSE], sources)


def test_alerts_on_both_sides_do_not_mute_each_other_but_a_mere_source_mutes_them() -> None:
    rule = inhibition("team=db", "severity=~high|low")
    both, other, source = {"team": "db", "severity": "high"}, {"team": "db", "severity": "low"}, {"team": "db"}
    assert muted_by_inhibition(both, [rule], sources_of([both], [rule])) is None
    assert muted_by_inhibition(both, [rule], sources_of([both, other], [rule])) is None
    assert muted_by_inhibition(both, [rule], sources_of([both, source], [rule]))
    assert muted_by_inhibition({"severity": "low"}, [rule], sources_of([both], [rule]))


def test_each_rule_has_its_own_sources() -> None:
    rules = [inhibition("a=1", "b=1"), inhibition("a=2", "b=2")]
    sources = sources_of([{"a": "2"}], rules)
    assert muted_by_inhibition({"b": "2"}, rules, sources)
    assert not muted_by_inhibition({"b": "1"}, rules, sources)


NAMES, VALUES = ["a", "b", "c"], ["", "x", "y"]
label_sets = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES))
matcher = st.builds(Matcher, st.sampled_from(NAMES), st.sampled_from(["=", "!=", "=~"]), st.sampled_from(["x", "y", "x|y"]))
matchers = st.lists(matcher, min_size=1, max_size=2).map(tuple)
inhibitions = st.builds(
    lambda source, target, equal: Inhibition(source=source, target=target, equal=tuple(equal)),
    matchers, matchers, st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
)  # fmt: skip


@given(st.lists(inhibitions, max_size=3), st.lists(label_sets, max_size=5), label_sets)
def test_inhibition_is_what_looking_at_every_pair_would_say(
    rules: list[Inhibition], firing: list[dict[str, str]], target: dict[str, str]
) -> None:
    def mutes(rule: Inhibition, source: dict[str, str]) -> bool:
        mutual = match_all(rule.source, target) and match_all(rule.target, source)
        equal = all(source.get(name, "") == target.get(name, "") for name in rule.equal)
        return match_all(rule.source, source) and match_all(rule.target, target) and equal and not mutual

    expected = any(mutes(rule, source) for rule in rules for source in firing)
    event(f"muted: {expected}")
    assert bool(muted_by_inhibition(target, rules, sources_of(firing, rules))) == expected


def test_an_inhibition_needs_both_sides() -> None:
    with pytest.raises(ValidationError, match="target"):
        Inhibition.model_validate({"source": ["a=1"]})


# --- time intervals


def interval(start: str, end: str) -> Any:
    return TypeAdapter(TimeInterval).validate_python([{"times": [{"start_time": start, "end_time": end}]}])


INTERVALS: Intervals = {
    "nights": interval("00:00", "06:00"),
    "mornings": interval("06:00", "12:00"),
    "evenings": interval("18:00", "24:00"),
    "always": TypeAdapter(TimeInterval).validate_python([{}]),
}


def node(**said: Any) -> Node:
    return compile_tree(Route.model_validate({"channels": ["ops"], **said}))


@pytest.mark.parametrize(
    ("said", "hour", "text", "until"),
    [
        ({}, 3, None, 0),
        ({"mute_time_intervals": ["nights"]}, 0, "time interval nights", 6),
        ({"mute_time_intervals": ["nights"]}, 5.99, "time interval nights", 6),
        ({"mute_time_intervals": ["nights"]}, 6, None, 0),
        ({"mute_time_intervals": ["nights", "evenings"]}, 20, "time interval evenings", 24),
        ({"mute_time_intervals": ["always"]}, 3, "time interval always", NEVER),
        ({"active_time_intervals": ["mornings"]}, 6, None, 0),
        ({"active_time_intervals": ["mornings"]}, 5.99, "outside time interval mornings", 6),
        ({"active_time_intervals": ["mornings"]}, 12, "outside time interval mornings", 30),
        ({"active_time_intervals": ["mornings", "evenings"]}, 13, "outside time interval mornings, evenings", 18),
        ({"active_time_intervals": ["always"]}, 13, None, 0),
        ({"active_time_intervals": ["mornings", "nights"], "mute_time_intervals": ["nights"]}, 3, "time interval nights", 6),
        ({"active_time_intervals": ["mornings", "nights"], "mute_time_intervals": ["nights"]}, 7, None, 0),
    ],
)
def test_a_route_is_muted_by_the_clock(said: dict[str, Any], hour: float, text: str | None, until: float) -> None:
    mute = muted_by_time_interval(node(**said), INTERVALS, MIDNIGHT + hour * HOUR)
    assert mute == ((text and Mute(Kind.muted_by_time_interval, text, MIDNIGHT + until * HOUR)) or None)


def test_the_clock_of_a_route_is_its_own() -> None:
    root = node(mute_time_intervals=["always"], routes=[{}])
    assert muted_by_time_interval(root, INTERVALS, NOW)
    assert muted_by_time_interval(root.children[0], INTERVALS, NOW) is None
