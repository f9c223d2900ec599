"""The bodies that sources are tested with: shipped samples and tests/payloads, how each came, and what comes of it."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters import registry, samples
from adapters.fields import parse_time
from adapters.source import Rejected, Request, Source
from rules.alert import Alert, BadAlert, Report

PAYLOADS = Path(__file__).parent.parent / "payloads"


def resolved_of(firing: Path) -> Path:
    return firing.with_stem(firing.stem.removesuffix("firing") + "resolved")


SAMPLES = Path(samples.__path__[0])
BODIES = [
    path
    for folder in (PAYLOADS, SAMPLES)
    for path in sorted(folder.glob("*/*"))
    if path.suffix in (".json", ".txt") and len(path.suffixes) == 1 and path.name not in ("request.json", "config.json")
]
FIRING = [path for path in BODIES if path.stem.split("_")[-1] == "firing" and resolved_of(path).exists()]
NOW = parse_time("2026-03-02T12:00:00Z")
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
each_source = pytest.mark.parametrize("kind", sorted(registry.SOURCES))


def beside(path: Path, what: str) -> Any:
    """The content of `X.what.json`, or nothing."""
    names = (path.stem, path.stem.removesuffix("_firing").removesuffix("_resolved"))
    found = [PAYLOADS / path.parent.name / f"{name}.{what}.json" for name in names]
    if path.parent.parent == SAMPLES:
        found += [path.with_name(f"{path.stem}.{what}.json"), path.with_name(f"{what}.json")]
    return next((json.loads(file.read_text()) for file in found if file.exists()), {})


def build(kind: str, config: Mapping[str, Any]) -> Source:
    cls = registry.load(registry.SOURCES[kind])
    source: Source = cls("src", cls.config_model.model_validate({"type": kind, "auth": "none", **config}))
    return source


@cache
def source_of(path: Path) -> Source:
    return build(path.parent.name, beside(path, "config"))


def request_of(path: Path, body: bytes | None = None) -> Request:
    more = beside(path, "request")
    data = path.read_bytes() if body is None else body
    headers = {name.lower(): value for name, value in more.get("headers", {}).items()}
    return Request(more.get("method", "POST"), more.get("path", ""), headers, data, "192.0.2.7", more.get("query", {}))


def reports_of(path: Path, now: float = NOW) -> list[Report]:
    source, request = source_of(path), request_of(path)
    source.verify(request, now)
    return source.parse(request, now).reports


def opened(source: Source, request: Request) -> tuple[list[Alert], list[BadAlert]]:
    batch = source.parse(request, NOW)
    alerts, bad = [], list(batch.bad)
    for report in batch.reports:
        try:
            alert = report.open()
        except BadAlert as error:
            bad.append(error)
        else:
            assert (report.firing, report.ends_at) == (alert.firing, alert.ends_at)
            alerts.append(alert)
    return alerts, bad


def readable(alert: Alert) -> dict[str, Any]:
    def iso(seconds: float) -> str:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z") if seconds else ""

    found = msgspec.structs.asdict(alert)
    links = {link.name: link.url for link in alert.links}
    times = {"starts_at": iso(alert.starts_at), "ends_at": iso(alert.ends_at)}
    return {**found, "severity": alert.severity.name, **times, "links": links}


def outcome(path: Path) -> dict[str, Any]:
    alerts, bad = opened(source_of(path), request_of(path))
    batch = source_of(path).parse(request_of(path), NOW)
    more = {"acts": [msgspec.structs.asdict(act) for act in batch.acts], "odd": batch.odd}
    found = {"alerts": [readable(alert) for alert in alerts], "bad": [str(error) for error in bad]}
    return found | {name: what for name, what in more.items() if what}


def reasons(source: Source, request: Request) -> list[str]:
    """What a sender is told of any body at all; every alert that came of it is fit to be stored and shown."""
    try:
        alerts, bad = opened(source, request)
        answer = source.reply(len(alerts), bad)
    except Rejected as error:
        assert error.status in (400, 413, 415, 422)
        return [error.reason]
    assert answer.status in ((200, 201, 202, 204) if alerts or not bad else (400, 422))
    for alert in alerts:
        check_alert(alert)
    return [*map(str, bad), answer.body.decode()]


def check_alert(alert: Alert) -> None:
    msgspec.json.encode(alert)  # no half surrogates
    assert alert.labels and all(alert.labels) and all(alert.labels.values())
    texts = [*alert.labels, *alert.labels.values(), *alert.annotations, *alert.annotations.values()]
    assert not any(CONTROLS.search(text) for text in texts)
    assert all(link.url.lower().startswith(("http://", "https://")) for link in alert.links)
    assert 0 <= alert.starts_at <= NOW + 3600
    assert alert.fingerprint and alert.source == "src"
