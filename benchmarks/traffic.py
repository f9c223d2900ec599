"""What is sent: alerts as a Prometheus sends them, as requests ready for the wire. Both servers get the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

GROUPS = 1000
FIRING_FOR = 240.0
"""Seconds from a send to `endsAt`: four times Prometheus' resend delay of one minute."""

ENDS_AT = b"@ends-at-stands-here-ok@"
"""As long as the time that takes its place, so that the request's length holds."""

TEAMS = ("payments", "checkout", "search", "platform", "data")
SEVERITIES = ("critical", "warning", "warning", "info")


def alert(number: int, summary: str = "") -> dict[str, object]:
    """The alert of that number: eight labels, two annotations, in one of GROUPS groups of alertname and cluster.

    Alerts of a group come in runs of 25, as the alerts of one rule do.
    """
    group = number // 25 % GROUPS
    service = f"{TEAMS[group % 5]}-api-{group % 37}"
    pod = f"{service}-{number * 2654435761 % 2**32:08x}"
    return {
        "annotations": {
            "description": f"Pod {pod} of {service} answers 5.3% of its requests with an error for more than ten minutes; "
            "the budget of a month is gone in a day.",
            "summary": summary or f"{service} answers with errors",
        },
        "endsAt": ENDS_AT.decode(),
        "startsAt": rfc3339(0.0),  # filled in by `requests`
        "generatorURL": f"http://prometheus-{group // 50:02}.example.com/graph?g0.expr=job%3Aerrors%3Aratio5m+%3E+0.05&g0.tab=1",
        "labels": {
            "alertname": f"ErrorRatioHigh{group % 50:02}",
            "cluster": f"eu-west-{group // 50:02}",
            "instance": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}:8080",
            "job": service,
            "namespace": TEAMS[group % 5],
            "pod": pod,
            "severity": SEVERITIES[group % 4],
            "team": TEAMS[group % 5],
        },
    }


def alone(number: int) -> dict[str, object]:
    """An alert in a group of its own, which its summary names: `calm-17.`."""
    made = alert(number, f"calm-{number}.")
    labels = made["labels"]
    assert isinstance(labels, dict)
    return {**made, "labels": {**labels, "alertname": f"Calm{number}"}}


def requests(alerts: Iterable[dict[str, object]], per_request: int, token: str, started_at: float) -> list[bytes]:
    """Whole HTTP requests of `per_request` alerts that fire since `started_at`; `ending` fills in until when."""
    encoded = [json.dumps({**one, "startsAt": rfc3339(started_at)}, separators=(",", ":")) for one in alerts]
    chunks = (encoded[start : start + per_request] for start in range(0, len(encoded), per_request))
    return [_request(f"[{','.join(chunk)}]".replace("&", "\\u0026").encode(), token) for chunk in chunks]  # as Go escapes it


def _request(body: bytes, token: str) -> bytes:
    head = (
        f"POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Prometheus/2.42.0\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def ending(request: bytes, now: float, firing_for: float = FIRING_FOR) -> bytes:
    """The request as it is sent at that time: every alert fires on for a while."""
    return request.replace(ENDS_AT, rfc3339(now + firing_for).encode())


def rfc3339(at: float) -> str:
    """24 characters, to the millisecond."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def percentile(values: Sequence[float], part: float) -> float:
    """The value that `part` (0 to 1) of all do not exceed; nan of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")
