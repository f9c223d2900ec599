"""The routing tree: which channels an alert goes to, grouped how, and why. Alertmanager's semantics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec
from pydantic import AfterValidator, Field

from rules.access import Strict
from rules.duration import Duration
from rules.incident import Timing
from rules.matcher import Matchers, match_all

ALL_LABELS = "..."
"""In `group_by`: every label counts, so that each alert is an incident of its own."""


def _not_zero(seconds: float) -> float:
    if not seconds:
        raise ValueError("0 would be a reminder after a reminder without end; for example 4h")
    return seconds


Pause = Annotated[Duration, AfterValidator(_not_zero)]


class Route(Strict):
    """A node of the routing tree. What it does not say, it inherits from its parent."""

    name: str | None = Field(None, description="How explanations and metrics call it; its place in the tree otherwise.")
    match: Matchers = Field((), description='Matchers in Alertmanager\'s syntax, such as `team="db"`; all must hold.')
    channels: tuple[str, ...] | None = Field(None, description="Names from `channels`.")
    group_by: tuple[str, ...] | None = Field(None, description="Labels whose values make one incident; `...` is all labels.")
    group_wait: Duration | None = Field(None, description="How long a new incident gathers alerts before its first card.")
    group_interval: Duration | None = Field(None, description="How long a card waits to show further alerts of its incident.")
    repeat_interval: Pause | None = Field(None, description="How often an incident that nobody handles is brought up again.")
    resolve_after: Duration | None = Field(None, description="How long all alerts must be resolved before the incident closes.")
    reopen_within: Duration | None = Field(None, description="How long after closing new alerts reopen the incident.")
    withheld_to: tuple[str, ...] | None = Field(None, description="Where the full card goes when a channel is not cleared.")
    mute_time_intervals: tuple[str, ...] = Field((), description="Names from `time_intervals` in which nobody is told.")
    active_time_intervals: tuple[str, ...] = Field((), description="Names from `time_intervals` outside of which nobody is told.")
    continue_: bool = Field(False, alias="continue", description="Whether later siblings may match as well.")
    routes: tuple[Route, ...] = Field((), description="Children; the first that matches wins.")


class Node(msgspec.Struct, frozen=True):
    """A route with everything inherited. `id` names it in incidents, logs and metrics and survives edits elsewhere if named."""

    id: str
    route: Route
    channels: tuple[str, ...]
    withheld_to: tuple[str, ...]
    group_by: tuple[str, ...]
    timing: Timing
    children: tuple[Node, ...]

    def group_of(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels that make one incident of this route. A missing label stays missing."""
        if ALL_LABELS in self.group_by:
            return dict(sorted(labels.items()))
        return {name: labels[name] for name in self.group_by if name in labels}

    def walk(self) -> Iterator[Node]:
        """This node and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


class Step(msgspec.Struct, frozen=True):
    """One line of the walk that `why` and `explain` show."""

    node: Node
    depth: int
    matched: bool
    failed: str = ""  # the first matcher that did not hold


DEFAULTS = Node("", Route.model_validate({}), channels=(), withheld_to=(), group_by=("alertname",), timing=Timing(), children=())
"""What the root inherits."""


def compile_tree(root: Route) -> Node:
    """The tree with inheritance done."""
    return _compile(root, root.name or "root", DEFAULTS)


def _compile(route: Route, node_id: str, parent: Node) -> Node:
    changed = {name: value for name in Timing.__struct_fields__ if (value := getattr(route, name)) is not None}
    node = Node(
        id=node_id,
        route=route,
        channels=parent.channels if route.channels is None else route.channels,
        withheld_to=parent.withheld_to if route.withheld_to is None else route.withheld_to,
        group_by=parent.group_by if route.group_by is None else route.group_by,
        timing=msgspec.structs.replace(parent.timing, **changed),
        children=(),
    )
    children = tuple(_compile(child, child.name or f"{node_id}.{i}", node) for i, child in enumerate(route.routes))
    return msgspec.structs.replace(node, children=children)


def route_alert(root: Node, labels: Mapping[str, str]) -> list[Node]:
    """The nodes that take an alert with these labels: the deepest that match, never none (the root takes the rest)."""
    found: list[Node] = []
    for child in root.children:
        if match_all(child.route.match, labels):
            found += route_alert(child, labels)
            if not child.route.continue_:
                break
    return found or [root]


def explain_route(root: Node, labels: Mapping[str, str], depth: int = 0) -> list[Step]:
    """The same walk, step by step, with the matcher that failed."""
    steps = [Step(root, depth, True)]
    for child in root.children:
        failed = next((str(m) for m in child.route.match if not m.matches(labels)), "")
        if failed:
            steps.append(Step(child, depth + 1, False, failed))
            continue
        steps += explain_route(child, labels, depth + 1)
        if not child.route.continue_:
            break
    return steps
