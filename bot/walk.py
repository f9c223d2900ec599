"""The walk through the routing tree in words, short enough for a chat; `tocsin explain` draws it with every matcher."""

from __future__ import annotations

from collections.abc import Mapping

from rules.route import Node, explain_route, route_alert


def walk_text(root: Node, labels: Mapping[str, str]) -> list[str]:
    """One line per route looked at, children indented below their parent."""
    taken = {node.id for node in route_alert(root, labels)}
    lines = []
    for step in explain_route(root, labels):
        mark = "✔" if step.matched else "✘"
        end = f"  → {', '.join(step.node.channels)}" if step.matched and step.node.id in taken else ""
        why = f"  ({step.failed} does not hold)" if step.failed else ""
        lines.append(f"{'  ' * (step.depth + 1)}{mark} {step.node.id}{why}{end}")
    return lines
