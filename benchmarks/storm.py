"""A storm: far more alerts than their channels take. What of them was shown, and how soon, as the stand-in chat saw it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import requests

from benchmarks.traffic import percentile, rfc3339

CHANNELS, ALERTS, SECONDS = 20, 2000, 10.0
CRITICAL_EVERY = 50
RATE = [{"kind": "rate", "per_second": 1.0, "burst": 1}]
"""The fault that the sink is set to: a message a second in each channel, and 429 to what is beyond."""


def config(port: int, store: str, sink: str, token: str) -> str:
    """Tocsin's: nothing is grouped, and a label of the alert names its channel."""
    names = [f"c{n}" for n in range(CHANNELS)]
    chat = f'{{type: httpchat, url: "{sink}", per_second: 1, burst: 1}}'
    channels = "\n".join(f"  {name}: {{chat: sink, id: {name}}}" for name in names)
    routes = "\n".join(f"    - {{match: ['channel=\"{name}\"'], channels: [{name}]}}" for name in names)
    return f"""\
listen: 127.0.0.1:{port}
store: sqlite:///{store}
chats: {{sink: {chat}}}
channels:
{channels}
sources: {{prometheus: {{type: alertmanager, auth: {{bearer: "{token}"}}}}}}
route:
  channels: [c0]
  group_by: [alertname, instance, channel]
  group_wait: 0s
  routes:
{routes}
"""


def name_of(number: int) -> str:
    return f"storm-{number}."


def alert(number: int, now: float) -> dict[str, object]:
    severity = "critical" if number % CRITICAL_EVERY == CRITICAL_EVERY // 2 else "warning"
    channel = f"c{(number + number // CRITICAL_EVERY) % CHANNELS}"
    labels = {
        "alertname": name_of(number), "channel": channel, "instance": str(number), "severity": severity,
        "cluster": f"eu{number % 3}", "job": "api",
    }  # fmt: skip
    return {"labels": labels, "annotations": {}, "startsAt": rfc3339(now), "endsAt": rfc3339(now + 600.0)}


def send(port: int, token: str) -> list[float]:
    """All alerts, ten a request, spread over the time; when each was accepted, on the monotonic clock. Raises for a refusal."""
    session, accepted, began = requests.Session(), list[float](), time.monotonic()
    for first in range(0, ALERTS, 10):
        time.sleep(max(0.0, began + SECONDS * first / ALERTS - time.monotonic()))
        body = msgspec.json.encode([alert(number, time.time()) for number in range(first, first + 10)])
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        session.post(f"http://127.0.0.1:{port}/api/v2/alerts", data=body, headers=headers, timeout=60).raise_for_status()
        accepted += [time.monotonic()] * 10
    return accepted


def figures(state: Mapping[str, Any], accepted: Sequence[float]) -> dict[str, float]:
    """`state`: what the sink tells at /state, once all is shown.

    `shown`: alerts on a card of their own, or counted on the storm card of their channel. `late`: seconds from the last that was
    accepted until then. `critical`: how many have a card; `p50` and `p99` (seconds) how soon they had it.
    """
    critical = {name_of(n): accepted[n] for n in range(ALERTS) if n % CRITICAL_EVERY == CRITICAL_EVERY // 2}
    events: list[tuple[float, str, str, int]] = []
    waits = []
    for post in state["posts"]:
        for place, version in enumerate(post["versions"]):
            card = version["card"]
            if card.get("storm"):
                events.append((version["at"], post["channel"], post["ref"], card["total"]))
            elif place == 0:
                events.append((version["at"], post["channel"], post["ref"], 1))
                if card["title"] in critical:
                    waits.append(version["at"] - critical[card["title"]])
    counted: dict[str, int] = {}
    shown, late = 0, 0.0
    for at, _, ref, count in sorted(events):
        counted[ref] = count
        if (total := sum(counted.values())) > shown:
            shown, late = total, at - accepted[-1]
    return {
        "shown": shown, "late": late, "critical": len(waits), "p50": percentile(waits, 0.5), "p99": percentile(waits, 0.99),
        "slowest": max(waits, default=float("nan")), "refused": float(state["answers"].get("429", 0)),
        "posts": len(state["posts"]), "edits": state["counts"]["edits"],
    }  # fmt: skip
