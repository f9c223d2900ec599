"""Acts that need a second person: which, and whom they may ask. Pure: what an act touches is told, not looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from pydantic import Field

from rules.access import Caller, Strict
from rules.alert import Severity
from rules.channel import SeverityName
from rules.duration import Duration
from rules.grammar import VERBS
from rules.matcher import Matcher, Matchers, match_all

APPROVABLE = ("ack", "unack", "resolve", "snooze", "assign", "note", "silence")
"""The verbs that may have to wait. Ending a silence never does: it hides nothing."""


class Approval(Strict):
    """Verbs that wait for a second person. All that is said must hold; of several rules that fit, the first one counts."""

    verbs: tuple[str, ...] = Field(description="Verbs such as silence or resolve.")
    where: Matchers = Field((), description="Matchers: only for what may touch alerts with such labels.")
    severity: SeverityName | None = Field(None, description="Only for what touches a firing alert at least this bad.")
    more_than: int | None = Field(None, ge=0, description="Only for what touches more firing alerts than this.")
    groups: tuple[str, ...] = Field(min_length=1, description="Names from `groups`: whose members may approve.")
    within: Duration = Field(900.0, gt=0, description="How long a request waits before it ends by itself.")

    @property
    def counts(self) -> bool:
        """Whether it asks what fires now."""
        return self.severity is not None or self.more_than is not None


class Touched(msgspec.Struct, frozen=True):
    """Firing alerts with the same labels, as far as anybody looked: `labels`, how many there are, and how bad the worst is."""

    labels: Mapping[str, str]
    count: int = 1
    worst: Severity = Severity.info


def asks(
    verb: str, touched: Sequence[Touched], fixed: Sequence[Matcher], rules: Sequence[Approval]
) -> tuple[Approval, str] | None:
    """The rule by which somebody else must approve, and why, as the words behind `it`; None if nobody need be asked.

    `touched`: what fires and would be touched. `fixed`: the matchers by which the act chooses what to touch, now and later;
    none for an act on incidents. A rule that does not ask what fires counts as soon as they leave room for its `where`.
    """
    for rule in rules:
        if verb in rule.verbs and (why := _why(rule, touched, fixed)):
            return rule, why
    return None


def _why(rule: Approval, touched: Sequence[Touched], fixed: Sequence[Matcher]) -> str:
    """Why the rule holds, empty if it does not."""
    fitting = [one for one in touched if match_all(rule.where, one.labels)]
    on = f" with {', '.join(map(str, rule.where))}" if rule.where else ""
    if not rule.counts:
        leaves_room = bool(fixed) and not _excludes(fixed, rule.where)
        return (f"may touch alerts{on}" if on else "always needs one") if fitting or leaves_room else ""
    if rule.severity is not None and not any(one.worst <= Severity[rule.severity] and one.count for one in fitting):
        return ""
    if rule.more_than is not None and sum(one.count for one in fitting) <= rule.more_than:
        return ""
    bad = [f"a firing alert that is {rule.severity} or worse"] if rule.severity not in (None, "critical") else []
    bad += ["a critical alert that fires"] if rule.severity == "critical" else []
    many = [f"more than {rule.more_than} firing alerts"] if rule.more_than is not None else []
    return f"touches {' and '.join(bad + many)}{on}"


def _excludes(fixed: Sequence[Matcher], where: Sequence[Matcher]) -> bool:
    """Whether nothing that `fixed` chooses can ever match `where`: a label that both are about has another value."""
    values = {matcher.name: matcher.value for matcher in fixed if matcher.op == "="}
    return any(matcher.name in values and not matcher.matches(values) for matcher in where)


def refusal(decider: Caller, by: str, groups: Sequence[str]) -> str:
    """Why this person may not decide on what `by` (a person's key) asked for; empty if they may. Says who may."""
    who = ", ".join(sorted(groups)) or "no group"
    if decider.key == by:
        return f"You asked for this yourself. Somebody else decides: members of {who} may."
    return "" if decider.groups.intersection(groups) else f"You may not decide on this. Members of {who} may."


assert set(APPROVABLE) <= set(VERBS), "a verb that does not exist"
