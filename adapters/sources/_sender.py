"""What all sources share that send one JSON object for each alert. A source says `read`, and where it is unlike the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from adapters.auth import GITHUB, Signed, verify
from adapters.body import check_count
from adapters.fields import SEVERITY_WORDS, check_labels, clean, links_of, told_start
from adapters.form import load_fields
from adapters.source import Act, Batch, Rejected, Request, Response, Stamp, json_reply, reasons
from adapters.source_config import SourceConfig
from adapters.sources._found import Found, Key, Said
from adapters.sources._item import Item
from rules.alert import Alert, BadAlert, Report, Severity, fingerprint
from rules.duration import Duration

MOST_WORDS = 12_000
"""Characters of an annotation. Many alerts may come of one body, each with a text that stands there once."""

TEST_SECONDS = 300.0
"""A test message ends by itself after that."""

PASSING_SECONDS = 3600.0
"""And what nobody will say the end of after that, unless `close_after` says otherwise."""


class SenderConfig(SourceConfig):
    """A sender of one JSON object for each alert."""

    close_after: Duration | None = Field(
        None, description="An alert that is not reported again for that long counts as resolved; by default its sender ends it."
    )
    timezone: str = Field("UTC", description="The zone of times that are sent without one, such as Europe/Berlin.")

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError):  # ZoneInfoNotFoundError is neither, a KeyError
            raise ValueError(f"{name!r} is no time zone; write one such as Europe/Berlin or UTC") from None
        except KeyError:
            raise ValueError(f"{name!r} is no time zone that is known here; write one such as Europe/Berlin or UTC") from None
        return name


class Sender:
    """One sender. `severities`: its own words, lower case, to ours; `usual`: the severity of what says none."""

    config_model: ClassVar[type[SenderConfig]]
    severities: ClassVar[Mapping[str, str]] = {}
    usual: ClassVar[str] = "warning"
    signed: ClassVar[Signed] = GITHUB

    def __init__(self, name: str, config: Any) -> None:
        self._name = name
        self._config: SenderConfig = config
        self._zone = ZoneInfo(config.timezone)

    @property
    def needs_body(self) -> bool:
        return self._config.auth.needs_body

    def verify(self, request: Request, now: float) -> Stamp | None:
        return verify(self._config.auth, request, now, self.signed)

    def items(self, body: Any, request: Request) -> Sequence[Any]:
        """The alerts in a body, as JSON objects. The usual: the body is one, or a list of them."""
        return body if isinstance(body, list) else [body]

    def read(self, item: Item) -> Found | Said | None:
        """One of them; None for what says nothing of an alert. Raises BadAlert when it does not say which alert it is."""
        raise NotImplementedError

    def answer(self, items: Sequence[Any]) -> Callable[[int, Sequence[BadAlert]], Response] | None:
        """How to answer this very request, by its items; None: with `reply`."""
        return None

    def reply(self, accepted: int, bad: Sequence[BadAlert]) -> Response:
        return json_reply(accepted, bad)

    def parse(self, request: Request, now: float) -> Batch:
        body, mended = load_fields(request)
        items, batch = self.items(body, request), Batch([])
        check_count(items)
        batch.answer = self.answer(items)
        for index, data in enumerate(items):
            item = Item(data, f"alerts[{index}]", self._zone)
            if mended:
                item.note("body", mended)
            try:
                self._take(item, batch, now)
            except BadAlert as error:
                batch.bad.append(error)
        if batch.bad and not (batch.reports or batch.acts):
            raise Rejected(400, "; ".join(reasons(batch.bad)))
        return batch

    def _take(self, item: Item, batch: Batch, now: float) -> None:
        if not isinstance(item.data, Mapping):
            raise BadAlert(f"{item.where}: must be an object")
        found = self.read(item)
        if isinstance(found, Said):
            batch.acts.append(Act(found.verb, _identity(found.key), clean(found.by), clean(found.text)))
        elif found is not None:
            batch.reports.append(Report.of(self._alert(found, item, now)))
            batch.odd += [path for path, _ in item.odd]

    def _alert(self, found: Found, item: Item, now: float) -> Alert:
        severity = Severity.info if found.test else self._severity(found, item)
        labels = _filled({**found.labels, "alertname": found.name, "severity": severity.name, **_TEST[found.test]})
        check_labels(labels, sum(len(name) + len(text) for name, text in labels.items()), f"{item.where}.labels")
        words = {"summary": found.summary or found.name, "description": _described(found.description, item)}
        annotations = _filled({name: text[:MOST_WORDS] for name, text in {**found.annotations, **words}.items()})
        began = told_start(found.starts_at, now)
        ends_at = found.ends_at if not found.firing else self._until(found, now)
        links = links_of(found.annotations, found.links)
        return Alert(self._name, _identity(found.key), labels, annotations, severity, found.firing, began, ends_at, links)

    def _until(self, found: Found, now: float) -> float:
        """When a firing alert counts as resolved unless it is told again; 0.0: never."""
        after = TEST_SECONDS if found.test else self._config.close_after or (PASSING_SECONDS if found.passing else None)
        return now + after if after else 0.0

    def _severity(self, found: Found, item: Item) -> Severity:
        config, known = self._config.severity, found.severity.strip().lower()
        if not known:
            return Severity[config.default or self.usual]
        if known in config.map or known not in self.severities:
            if found.firing and known not in config.map and known not in SEVERITY_WORDS:
                item.note("severity", found.severity)
            return config.of(known)
        return Severity[self.severities[known]]


_TEST: Mapping[bool, Mapping[str, str]] = {False: {}, True: {"test": "true"}}


def _identity(key: Key) -> str:
    return fingerprint({str(place): part for place, part in enumerate(key)})


def _filled(texts: Mapping[str, str]) -> dict[str, str]:
    """Clean, and without those that are empty or have no name."""
    cleaned = ((clean(name), clean(text)) for name, text in texts.items())
    return {name: text for name, text in cleaned if name and text}


def _described(description: str, item: Item) -> str:
    """With what was not understood below it, so that whoever reads the card can."""
    if not item.odd:
        return description
    description = description[: MOST_WORDS - 2000]
    odd = ", ".join(f"{path}: {what}" for path, what in item.odd[:10])
    return f"{description}\n\nNot understood: {odd}".strip()
