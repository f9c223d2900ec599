"""What `tocsin send` sends: an alert of given labels as Alertmanager would, or the sample of another kind of source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters import registry, samples
from adapters.source import Request
from bot.cli.shift import just_now
from rules.duration import format_duration

FOLDER = Path(samples.__path__[0])


class CannotSend(ValueError):
    """There is no way to send; the text says what to give."""


def kinds() -> str:
    """Those that can be sent as, for people."""
    return ", ".join(sorted(registry.SOURCES))


def check_kind(kind: str) -> None:
    """Raises CannotSend for what is no kind of source; the text lists them."""
    if kind not in registry.SOURCES:
        what = f"{kind} is no kind of source" if kind else "say as whom"
        raise CannotSend(f"{what}: tocsin send --as KIND, one of {kinds()}")


def sample_of(kind: str, resolved: bool, now: float, close_after: float | None = None) -> Request:
    """The shipped sample as its sender would send it just now, without a proof. `now`: seconds since the epoch.

    `close_after`: of the source in question. Raises CannotSend where there is nothing by which it would resolve.
    """
    name, folder = "resolved" if resolved else "firing", FOLDER / kind
    body = next((path for path in (folder / f"{name}.json", folder / f"{name}.txt") if path.exists()), None)
    if body is None:
        after = f" after {format_duration(close_after)}" if close_after else ""
        raise CannotSend(f"{kind} never says that an alert is over; it ends{after} of silence (close_after)")
    own, usual = folder / f"{name}.request.json", folder / "request.json"
    told = json.loads((own if own.exists() else usual).read_text())
    method, path, headers, query = (told.get(key, usual) for key, usual in _USUAL.items())
    return just_now(Request(method, path, headers, body.read_bytes(), "", query), now)


_USUAL: Mapping[str, Any] = {"method": "POST", "path": "", "headers": {}, "query": {}}


def alert_of(labels: Mapping[str, str], resolved: bool, now: float, webhook: bool) -> Request:
    """One alert as Alertmanager's webhook sends it, or as its API takes it. `now`: seconds since the epoch."""
    at = datetime.fromtimestamp(now, UTC).isoformat()
    annotations = {"summary": f"{labels.get('alertname', 'An alert')}: a sample, made with tocsin send"}
    alert = {"labels": dict(labels), "annotations": annotations, "startsAt": at, "generatorURL": ""}
    if resolved:
        alert["endsAt"] = at
    status = "resolved" if resolved else "firing"
    whole = {"version": "4", "status": status, "alerts": [{**alert, "status": status, "endsAt": at if resolved else ""}]}
    body = json.dumps(whole if webhook else [alert]).encode()
    return Request("POST", "", {"Content-Type": "application/json"}, body, "")
