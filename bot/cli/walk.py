"""The walk of an alert through the routing tree, drawn as a tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.cli.screen import say
from rules.matcher import match_all
from rules.route import Step


def say_walk(steps: Sequence[Step], taken: Sequence[str], labels: Mapping[str, str]) -> None:
    """One line a step: whether the route matched, else the matcher that failed. `taken`: ids of the routes that take it."""
    for i, step in enumerate(steps):
        tail = ("  ← takes it", "bold green") if step.matched and step.node.id in taken else ""
        mark = ("✔ ", "green") if step.matched else ("✘ ", "red")
        say("  ", (_branch(steps, i), "dim"), mark, (step.node.id, "bold" if step.matched else ""), *_why(step, labels), tail)


def _branch(steps: Sequence[Step], i: int) -> str:
    """`│  ├─ ` before the i-th step."""
    depth = steps[i].depth
    if depth == 0:
        return ""
    bars = "".join("│  " if _goes_on(steps, i, level) else "   " for level in range(1, depth))
    return bars + ("├─ " if _goes_on(steps, i, depth) else "└─ ")


def _goes_on(steps: Sequence[Step], i: int, depth: int) -> bool:
    """Whether the branch at this depth has a further step below the i-th."""
    later = next((step.depth for step in steps[i + 1 :] if step.depth <= depth), 0)
    return later == depth


def _why(step: Step, labels: Mapping[str, str]) -> list[str | tuple[str, str]]:
    if step.matched:
        matchers = ", ".join(str(matcher) for matcher in step.node.route.match)
        more = " (continue)" if step.node.route.continue_ else ""
        return [("  " + matchers + more, "dim")] if matchers or more else []
    failed = next(matcher for matcher in step.node.route.match if not match_all([matcher], labels))
    is_now = f'"{labels[failed.name]}"' if failed.name in labels else "not set"
    return [f"  {failed}", (f"  ({failed.name} is {is_now})", "dim")]
