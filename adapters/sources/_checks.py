"""What Nagios and its descendants have in common: hosts, their services, and what a notification of one means."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.sources._found import Found, Said
from adapters.sources._item import Item

SEVERITIES = {
    "critical": "critical",
    "crit": "critical",
    "down": "critical",
    "unreachable": "high",
    "unreach": "high",
    "unknown": "high",
    "unkn": "high",
    "warning": "warning",
    "warn": "warning",
}
WELL = ("ok", "up", "pending")
TELLING = ("problem", "recovery", "")
"""Notifications that tell of a state; the others tell of downtimes, flapping and people."""


def checked(
    item: Item,
    host: str,
    service: str,
    state: str,
    kind: str,
    output: str = "",
    labels: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
    by: str = "",
    comment: str = "",
) -> Found | Said | None:
    """One notification. `service`: empty for the host itself; `kind`: PROBLEM, RECOVERY, ACKNOWLEDGEMENT, …"""
    key, kind, state = (host, service), kind.lower(), state.lower()
    if kind.startswith("acknowledge"):
        return Said("ack", key, by, comment)
    if kind not in TELLING:
        return None
    if state not in WELL and state not in SEVERITIES:
        item.note("state", state or "nothing")
    firing = kind != "recovery" and state not in WELL
    place = f"{service} on {host}" if service else host
    return Found(
        key,
        service or "Host",
        firing,
        state if firing else "",
        f"{place} is {state.upper()}",
        output,
        {**(labels or {}), "host": host, "service": service},
        links=links or {},
    )
