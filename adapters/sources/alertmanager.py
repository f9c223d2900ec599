"""Prometheus and whatever speaks its two ways of sending alerts, told apart by the first byte of the body.

A JSON list is what Prometheus posts to Alertmanager's API v2: an alert fires until its `endsAt`. A JSON object is
Alertmanager's webhook, version 4: an alert has a status. Nearly all traffic repeats alerts that are known, so their labels
and annotations stay bytes until somebody opens the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import ClassVar, Literal

import msgspec
from pydantic import Field

from adapters.auth import verify
from adapters.body import check_text
from adapters.fields import MOST_LABEL_BYTES, MOST_LABELS, check_labels, links_of, parse_time, start_of
from adapters.source import Batch, Rejected, Request, Response, Stamp, json_reply, reasons
from adapters.source_config import SourceConfig
from adapters.sources._prometheus import Hooked, Posted, decode_api, decode_hook, texts_of
from rules.alert import Alert, BadAlert, Report, fingerprint
from rules.duration import Duration

_HEX = frozenset("0123456789abcdef")


class AlertmanagerConfig(SourceConfig):
    """Prometheus, vmalert, Loki, Mimir, Thanos or amtool as senders of alerts; or Alertmanager's webhook receiver."""

    type: Literal["alertmanager"] = "alertmanager"
    resolve_timeout: Duration = Field(300.0, description="An alert of the API that names no end counts as resolved after this.")
    drop_labels: tuple[str, ...] = Field((), description="Labels that only tell the twins of an HA pair apart, such as replica.")


class Closed(msgspec.Struct, gc=False):
    """An alert that nobody has opened yet: calling it gives the Alert, or raises BadAlert."""

    source: Alertmanager
    posted: Posted
    index: int
    firing: bool
    ends_at: float
    now: float
    external: str = ""

    def __call__(self) -> Alert:
        return self.source.open(self)


class Alertmanager:
    """One source for both forms. The alert is its labels."""

    config_model: ClassVar = AlertmanagerConfig

    def __init__(self, name: str, config: AlertmanagerConfig) -> None:
        self._name = name
        self._config, self._severity = config, config.severity

    @property
    def needs_body(self) -> bool:
        return self._config.auth.needs_body

    def verify(self, request: Request, now: float) -> Stamp | None:
        return verify(self._config.auth, request, now)

    def parse(self, request: Request, now: float) -> Batch:
        check_text(request.body)
        first = request.body.lstrip()[:1]
        if first == b"[":
            batch = self._parse_api(request.body, now)
        elif first == b"{":
            batch = self._parse_hook(request.body, now)
        else:
            raise Rejected(400, "the body is neither a JSON list (Alertmanager's API) nor a JSON object (its webhook)")
        if batch.bad and not batch.reports:
            raise Rejected(400, "; ".join(reasons(batch.bad)))
        return batch

    def reply(self, accepted: int, bad: Sequence[BadAlert]) -> Response:
        return json_reply(accepted, bad)

    def _parse_api(self, body: bytes, now: float) -> Batch:
        alerts, bad = decode_api(body)
        expires = now + self._config.resolve_timeout
        ends: dict[str | None, float] = {None: expires, "": expires}  # a batch repeats few different times
        reports = []
        for index, posted in enumerate(alerts):
            if posted is None:
                continue
            ends_at = ends.get(posted.endsAt)
            if ends_at is None:
                try:
                    ends_at = ends[posted.endsAt] = _time(posted.endsAt, index, "endsAt") or expires
                except BadAlert as error:
                    bad.append(error)
                    continue
            firing = ends_at > now
            key = blake2b(posted.labels, digest_size=16).digest()
            content = hash((bytes(posted.annotations), posted.generatorURL, posted.startsAt))
            reports.append(Report(key, content, firing, ends_at, Closed(self, posted, index, firing, ends_at, now)))
        return Batch(reports, bad, _answer_api)

    def _parse_hook(self, body: bytes, now: float) -> Batch:
        alerts, bad, external = decode_hook(body)
        reports = []
        for index, hooked in enumerate(alerts):
            if hooked is None:
                continue
            try:
                firing, ends_at = _state(hooked, index)
            except BadAlert as error:
                bad.append(error)
                continue
            key = blake2b(hooked.labels, digest_size=16)
            key.update((hooked.fingerprint or "").encode())
            content = hash((bytes(hooked.annotations), hooked.generatorURL, hooked.startsAt, external))
            closed = Closed(self, hooked, index, firing, ends_at, now, external)
            reports.append(Report(key.digest(), content, firing, ends_at, closed))
        return Batch(reports, bad)

    def open(self, closed: Closed) -> Alert:
        """The alert, read. Raises BadAlert."""
        posted, index, data = closed.posted, closed.index, bytes(closed.posted.labels)
        labels = texts_of(data, index, "labels")
        if len(labels) > MOST_LABELS or len(data) > MOST_LABEL_BYTES:
            check_labels(labels, len(data), f"alerts[{index}].labels")
        for name in self._config.drop_labels:
            labels.pop(name, None)
        if not labels:
            raise BadAlert(f"alerts[{index}].labels: at least one label is needed")
        annotations = texts_of(bytes(posted.annotations), index, "annotations")
        severity = self._severity
        return Alert(
            self._name,
            self._identity(posted, labels),
            labels,
            annotations,
            severity.of(labels.get(severity.label) or annotations.get(severity.label, "")),
            closed.firing,
            start_of(_time(posted.startsAt, index, "startsAt"), closed.ends_at, closed.now),
            closed.ends_at,
            links_of(annotations, {"graph": posted.generatorURL or "", "alertmanager": closed.external}),
        )

    def _identity(self, posted: Posted, labels: dict[str, str]) -> str:
        """The sender's own fingerprint counts labels that we were told to drop."""
        if isinstance(posted, Hooked) and posted.fingerprint and not self._config.drop_labels:
            theirs = posted.fingerprint.lower()
            if len(theirs) == 16 and _HEX.issuperset(theirs):
                return theirs
        return fingerprint(labels)


def _answer_api(accepted: int, bad: Sequence[BadAlert]) -> Response:
    """As Alertmanager answers: nothing, or a JSON text that says why; what was good is kept in either case."""
    return Response(400, msgspec.json.encode("; ".join(reasons(bad)))) if bad else Response()


def _state(hooked: Hooked, index: int) -> tuple[bool, float]:
    """Whether it fires, and when it ended: a firing alert of the webhook ends when the webhook says so."""
    if hooked.status == "firing":
        return True, 0.0
    if hooked.status != "resolved":
        raise BadAlert(f"alerts[{index}].status: must be firing or resolved")
    return False, _time(hooked.endsAt, index, "endsAt")


def _time(text: str | None, index: int, part: str) -> float:
    """0.0 for none, which Go writes as the year 1."""
    try:
        return max(parse_time(text), 0.0) if text else 0.0
    except ValueError as error:
        raise BadAlert(f"alerts[{index}].{part}: {error}") from None
