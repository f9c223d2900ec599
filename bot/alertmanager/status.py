"""GET /status: this Tocsin as Alertmanager 0.25, with its routing in Alertmanager's YAML, so that `amtool config` reads it.

Only what routing is made of: no chat, no source, no person, no secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import yaml

from bot.alertmanager.shapes import time_text
from bot.disclosure import Eyes
from rules.mute import Inhibition
from rules.route import Node

SPOKEN = "0.25.0"
"""The version of Alertmanager whose API this is; tools look at it."""

APART = ","
"""Between the channels of a route that has several: one receiver here."""


def status(eyes: Eyes, started: float) -> dict[str, Any]:
    """`started`: when this process did, in seconds since the epoch."""
    return {
        "cluster": {"peers": [], "status": "disabled"},
        "config": {"original": yaml.safe_dump(eyes.shown(config_of(eyes)), sort_keys=False, allow_unicode=True)},
        "uptime": time_text(started),
        "versionInfo": {
            "branch": "tocsin", "buildDate": "", "buildUser": "tocsin", "goVersion": "", "revision": _own_version(),
            "version": SPOKEN,
        },
    }  # fmt: skip


def config_of(eyes: Eyes) -> dict[str, Any]:
    """The routing as Alertmanager's config would have it."""
    policy = eyes.policy
    receivers = dict.fromkeys([*map(receiver_of, policy.root.walk()), *policy.channels])
    return {
        "route": _route(policy.root, None),
        "receivers": [{"name": name} for name in receivers],
        "inhibit_rules": [_inhibition(rule) for rule in policy.inhibitions],
        "time_intervals": [
            {"name": name, "time_intervals": [spec.model_dump(mode="json", exclude_defaults=True) for spec in specs]}
            for name, specs in policy.config.time_intervals.items()
        ],
    }


def receiver_of(node: Node) -> str:
    return APART.join(node.channels)


def _route(node: Node, parent: Node | None) -> dict[str, Any]:
    """What it does not say, it inherits from its parent there as well."""
    route, timing = node.route, node.timing
    found: dict[str, Any] = {"receiver": receiver_of(node)}
    if parent is None or parent.group_by != node.group_by:
        found["group_by"] = list(node.group_by)
    if parent is None or parent.timing != timing:
        waits = {name: getattr(timing, name) for name in ("group_wait", "group_interval", "repeat_interval")}
        found |= {name: f"{max(0, round(seconds * 1000))}ms" for name, seconds in waits.items()}
    found |= {"matchers": [str(one) for one in route.match]} if route.match else {}
    found |= {"continue": True} if route.continue_ else {}
    found |= _intervals(node)
    return found | ({"routes": [_route(child, node) for child in node.children]} if node.children else {})


def _intervals(node: Node) -> Mapping[str, list[str]]:
    named = {name: list(getattr(node.route, name)) for name in ("mute_time_intervals", "active_time_intervals")}
    return {name: intervals for name, intervals in named.items() if intervals}


def _inhibition(rule: Inhibition) -> dict[str, Any]:
    source, target = ([str(one) for one in side] for side in (rule.source, rule.target))
    return {"source_matchers": source, "target_matchers": target, "equal": list(rule.equal)}


def _own_version() -> str:
    try:
        return version("tocsin")
    except PackageNotFoundError:
        return ""
