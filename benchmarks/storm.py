"""A storm: far more alerts than their channels take. What of them was shown, and how soon, as the other end saw it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import requests

from benchmarks.traffic import percentile, rfc3339

CRITICAL_EVERY = 50
FIRING_FOR = 600.0
RATE = [{"kind": "rate", "per_second": 1.0, "burst": 1}]
"""The fault that the sink is set to: a message a second in each channel, and 429 to what is beyond."""


class Storm(msgspec.Struct, frozen=True):
    """So many alerts over so many seconds. `after`: seconds after the last of them at which is counted what was shown."""

    channels: int = 20
    alerts: int = 2000
    seconds: float = 10.0
    after: float = 60.0

    @property
    def criticals(self) -> list[int]:
        return [number for number in range(self.alerts) if _is_critical(number)]


STORM = Storm()


def name_of(number: int) -> str:
    return f"storm-{number}."


def alert(number: int, now: float, channels: int = STORM.channels) -> dict[str, object]:
    """In a group of its own, for one of the channels. `now`: seconds since the epoch."""
    labels = {
        "alertname": name_of(number),
        "channel": f"c{(number + number // CRITICAL_EVERY) % channels}",
        "instance": str(number),
        "severity": "critical" if _is_critical(number) else "warning",
        "cluster": f"eu{number % 3}",
        "job": "api",
    }
    return {"labels": labels, "annotations": {}, "startsAt": rfc3339(now), "endsAt": rfc3339(now + FIRING_FOR)}


def _is_critical(number: int) -> bool:
    return number % CRITICAL_EVERY == CRITICAL_EVERY // 2


def send(port: int, token: str, storm: Storm = STORM) -> tuple[list[float], list[float]]:
    """All alerts, ten a request, spread over the time. Raises for a refusal.

    Returns when each alert was accepted, on the monotonic clock, and how many seconds each answer took.
    """
    session, began = requests.Session(), time.monotonic()
    accepted, answers = list[float](), list[float]()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for first in range(0, storm.alerts, 10):
        time.sleep(max(0.0, began + storm.seconds * first / storm.alerts - time.monotonic()))
        numbers = range(first, min(first + 10, storm.alerts))
        body = msgspec.json.encode([alert(number, time.time(), storm.channels) for number in numbers])
        at = time.monotonic()
        session.post(f"http://127.0.0.1:{port}/api/v2/alerts", data=body, headers=headers, timeout=60).raise_for_status()
        answers.append(time.monotonic() - at)
        accepted += [time.monotonic()] * len(numbers)
    return accepted, answers


class _Shown(msgspec.Struct):
    """One moment at which the other end showed something. `place`: what shows it; `count`: how many alerts that shows now."""

    at: float
    place: str
    count: int


def of_cards(state: Mapping[str, Any], accepted: Sequence[float], storm: Storm = STORM) -> dict[str, float]:
    """`state`: what the stand-in chat tells at /state. A storm card shows as many as it counts. See `of_messages`."""
    shown: list[_Shown] = []
    own: dict[str, float] = {}
    for post in state["posts"]:
        for version in post["versions"][: None if post["versions"][0]["card"].get("storm") else 1]:
            card = version["card"]
            shown.append(_Shown(version["at"], post["ref"], card["total"] if card.get("storm") else 1))
            if not card.get("storm"):
                own[card["title"]] = version["at"]
    calls = {"posts": len(state["posts"]), "edits": state["counts"]["edits"]}
    return {**_figures(shown, own, accepted, storm), "refused": float(state["answers"].get("429", 0)), **calls}


def of_messages(arrived: Mapping[str, float], refused: int, accepted: Sequence[float], storm: Storm = STORM) -> dict[str, float]:
    """`arrived`: when a message with that alert was taken. `refused`: answers of 429.

    `shown`: alerts that people saw. `late`: seconds from the last that was accepted until all were shown; nan if some were not.
    `critical`: how many have a message of their own; `p50` and `p99` (seconds): how soon those had it.
    """
    shown = [_Shown(at, name, 1) for name, at in arrived.items()]
    return {**_figures(shown, arrived, accepted, storm), "refused": float(refused), "posts": len(arrived), "edits": 0}


def _figures(
    shown: Sequence[_Shown], own: Mapping[str, float], accepted: Sequence[float], storm: Storm
) -> dict[str, float]:
    waits = [own[name] - accepted[number] for number in storm.criticals if (name := name_of(number)) in own]
    counts: dict[str, int] = {}
    most, late = 0, float("nan")
    for one in sorted(shown, key=lambda one: one.at):
        counts[one.place] = one.count
        if (total := sum(counts.values())) > most:
            most, late = total, one.at - accepted[-1]
    return {
        "shown": most,
        "late": late if most >= storm.alerts else float("nan"),
        "critical": len(waits),
        "p50": percentile(waits, 0.5),
        "p99": percentile(waits, 0.99),
        "slowest": max(waits, default=float("nan")),
    }
