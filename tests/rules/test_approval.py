from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.access import Caller
from rules.alert import Severity
from rules.approval import APPROVABLE, Approval, Touched, asks, refusal
from rules.grammar import VERBS
from rules.matcher import Matcher


def rule(**said: Any) -> Approval:
    return Approval.model_validate({"verbs": ["silence"], "groups": ["sre"], **said})


def touched(count: int = 1, worst: Severity = Severity.warning, **labels: str) -> Touched:
    return Touched(labels, count, worst)


PAY, DB = touched(team="payments"), touched(team="db", worst=Severity.critical)
BY_TEAM = (Matcher("team", "=", "db"),)
BY_PATTERN = (Matcher("team", "=~", "d.*"),)


@pytest.mark.parametrize(
    ("said", "alerts", "fixed", "why"),
    [
        ({}, [], BY_TEAM, "always needs one"),
        ({}, [DB], (), "always needs one"),
        ({}, [], (), ""),
        ({"where": ["team=payments"]}, [PAY], (), 'may touch alerts with team="payments"'),
        ({"where": ["team=payments"]}, [DB], (), ""),
        ({"where": ["team=payments"]}, [], BY_TEAM, ""),
        ({"where": ["team=db"]}, [], BY_TEAM, 'may touch alerts with team="db"'),
        ({"where": ["team=db"]}, [], (Matcher("host", "=", "x"),), 'may touch alerts with team="db"'),  # it leaves room
        ({"where": ["team=payments"]}, [], BY_PATTERN, 'may touch alerts with team="payments"'),  # in doubt, ask
        ({"severity": "critical"}, [DB], (), "touches a critical alert that fires"),
        ({"severity": "critical"}, [PAY], BY_TEAM, ""),
        ({"severity": "critical"}, [touched(0, Severity.critical)], (), ""),
        ({"severity": "warning"}, [PAY], (), "touches a firing alert that is warning or worse"),
        ({"severity": "warning"}, [touched(worst=Severity.low)], (), ""),
        ({"severity": "critical", "where": ["team=payments"]}, [DB, PAY], (), ""),
        ({"more_than": 1}, [DB], (), ""),
        ({"more_than": 1}, [DB, PAY], (), "touches more than 1 firing alerts"),
        ({"more_than": 1, "where": ["team=db"]}, [DB, PAY], (), ""),
        ({"more_than": 0, "where": ["team=db"]}, [DB, PAY], (), 'touches more than 0 firing alerts with team="db"'),
        ({"more_than": 0, "severity": "critical"}, [DB], (),
         "touches a critical alert that fires and more than 0 firing alerts"),
    ],
)  # fmt: skip
def test_when_a_second_person_is_needed(said: Any, alerts: Sequence[Touched], fixed: tuple[Matcher, ...], why: str) -> None:
    one = rule(**said)
    assert asks("silence", alerts, fixed, [one]) == ((one, why) if why else None)
    assert asks("resolve", alerts, fixed, [one]) is None


def test_the_first_rule_that_fits_counts() -> None:
    both = strict, loose = rule(severity="critical"), rule(groups=["dba"])
    assert [found and found[0] for found in (asks("silence", [one], (), both) for one in (DB, PAY))] == [strict, loose]


@pytest.mark.parametrize(
    ("key", "groups", "why"),
    [
        ("ana", {"sre"}, ""),
        ("ana", {"web"}, "You may not decide on this. Members of dba, sre may."),
        ("ben", {"sre"}, "You asked for this yourself. Somebody else decides: members of dba, sre may."),
        ("ben", {"web"}, "You asked for this yourself. Somebody else decides: members of dba, sre may."),
        ("", set(), "You may not decide on this. Members of dba, sre may."),
    ],
)
def test_who_may_decide_on_what_ben_asked_for(key: str, groups: set[str], why: str) -> None:
    assert refusal(Caller(key=key, groups=frozenset(groups)), "ben", ["sre", "dba"]) == why


names = st.sampled_from(["sre", "dba", "web"])
people = st.builds(Caller, key=st.sampled_from(["ana", "ben"]), groups=st.frozensets(names))


@given(people, st.sampled_from(["ana", "ben"]), st.lists(names, min_size=1))
def test_nobody_ever_decides_on_what_they_asked_for(decider: Caller, by: str, groups: list[str]) -> None:
    may = not refusal(decider, by, groups)
    assert may == (decider.key != by and bool(decider.groups.intersection(groups)))


labels = st.dictionaries(st.sampled_from(["team", "env"]), st.sampled_from(["db", "web", ""]), max_size=2)
firing = st.builds(Touched, labels, st.integers(1, 3), st.sampled_from(Severity))
rules = st.builds(
    lambda severity, most, where: rule(severity=severity, more_than=most, where=where),
    st.sampled_from([None, "critical", "low"]), st.sampled_from([None, 0, 2]), st.sampled_from([[], ["team=db"], ["env!=web"]]),
)  # fmt: skip


@given(rules, st.lists(firing, max_size=4), firing)
def test_touching_more_never_needs_less(one: Approval, alerts: list[Touched], more: Touched) -> None:
    if asks("silence", alerts, (), [one]):
        assert asks("silence", [*alerts, more], (), [one])


def test_only_what_changes_something_can_wait() -> None:
    assert {VERBS[verb].permission for verb in APPROVABLE} == {verb.permission for verb in VERBS.values()} - {None}
