"""Alerts of the leak matrix as their sources send them, with marks in every field there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.stories.leaks import text


def hook(piece: int, about: int, alert: Mapping[str, Any], kinds: tuple[str, ...], firing: bool = True) -> object:
    """As Alertmanager's webhook has it, with a mark in every field. `about`: the piece that named the alert."""
    named = alert["kinds"]
    labels = {
        "alertname": text(about, "n", named), "instance": text(about, "i"), f"l_{text(about, 'k')}": text(about, "v", named),
        "team": alert["team"], "cluster": alert["cluster"], "severity": alert["severity"],
    }  # fmt: skip
    notes = {
        "summary": text(piece, "s", kinds), "description": text(piece, "d", kinds),
        f"a {text(piece, 'e', kinds)}": text(piece, "f"), "runbook_url": f"https://wiki.example/{text(piece, 'u')}",
        "dashboard_url": f"https://grafana.example/?q={text(piece, 'q')}",
    }  # fmt: skip
    return {
        "version": "4", "externalURL": f"https://alerts.example/{text(piece, 'x')}", "alerts": [{
            "status": "firing" if firing else "resolved", "labels": labels, "annotations": notes,
            "startsAt": "2026-01-06T03:00:00Z", "generatorURL": f"https://prom.example/graph?g0.expr={text(piece, 'g')}",
        }],
    }  # fmt: skip


def script(piece: int, about: int, alert: Mapping[str, Any], kinds: tuple[str, ...], firing: bool = True) -> object:
    """As some script has it: a title and a key of its own."""
    return {
        "title": text(piece, "t", kinds), "id": text(about, "j", alert["kinds"]), "status": "firing" if firing else "resolved",
        "labels": {
            "team": alert["team"], "cluster": alert["cluster"], "alertname": text(about, "n"), f"l_{text(about, 'k')}": "x",
        },
        "severity": alert["severity"], "message": text(piece, "m", kinds), "url": f"https://script.example/{text(piece, 'u')}",
        "wiki": f"https://wiki.example/{text(piece, 'w')}", "annotations": {text(piece, "y"): text(piece, "z", kinds)},
    }  # fmt: skip


SENDS: Mapping[str, Callable[..., object]] = {"prometheus": hook, "scripts": script}
"""What each source of the config posts. `piece`: what it says, `about`: the piece that named the alert."""
