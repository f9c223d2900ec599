"""Any system that can post JSON: expressions in the config say where things stand; common names are found without any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from adapters.auth import verify
from adapters.body import check_count, load_json
from adapters.fields import check_labels, clean, links_of, text_of, time_of, told_start
from adapters.source import Batch, Rejected, Request, Response, Stamp, json_reply, reasons
from adapters.sources._expression import REST, Finder
from adapters.sources._generic_config import GenericConfig
from rules.alert import Alert, BadAlert, Report, fingerprint

DECIDING = ("labels", "fingerprint", "status")
"""Fields that say which alert it is and whether it fires. Nonsense in any other must not cost the alert itself."""


class Generic:
    """One system that posts JSON. The alert is what its fingerprint names, else its labels, else its title."""

    config_model: ClassVar = GenericConfig

    def __init__(self, name: str, config: GenericConfig) -> None:
        self._name = name
        self._config = config
        self._each = Finder(config.each) if config.each else None
        single = ("title", "status", "fingerprint", "starts_at", "ends_at")
        self._single = {field: Finder(getattr(config, field)) for field in single} | {"severity": Finder(config.severity.value)}
        self._pairs: dict[str, dict[str, Finder]] = {
            field: {name: Finder(expression) for name, expression in getattr(config, field).items()}
            for field in ("labels", "annotations", "links")
        }

    @property
    def needs_body(self) -> bool:
        return self._config.auth.needs_body

    def verify(self, request: Request, now: float) -> Stamp | None:
        return verify(self._config.auth, request, now)

    def parse(self, request: Request, now: float) -> Batch:
        batch = Batch([])
        items = self._items(load_json(request))
        check_count(items)
        for index, item in enumerate(items):
            try:
                batch.reports.append(self._report(item, f"alerts[{index}]", now))
            except BadAlert as error:
                batch.bad.append(error)
        if batch.bad and not batch.reports:
            raise Rejected(400, "; ".join(reasons(batch.bad)))
        return batch

    def reply(self, accepted: int, bad: Sequence[BadAlert]) -> Response:
        return json_reply(accepted, bad)

    def _items(self, body: Any) -> list[Any]:
        if self._each:
            try:
                body = self._each.find(body)
            except ValueError as error:
                raise Rejected(422, f"each: {error}") from None
            if not isinstance(body, list | dict):
                raise Rejected(422, f"each: {self._config.each} finds no list in the body")
        if not isinstance(body, list | dict):
            raise Rejected(400, "the body must be a JSON object, or a list of them")
        return body if isinstance(body, list) else [body]

    def _report(self, item: Any, where: str, now: float) -> Report:
        if not isinstance(item, dict):
            raise BadAlert(f"{where}: must be an object")
        starts_at = self._time("starts_at", item, where)
        return Report.of(self._alert(item, where, now, starts_at))

    def _alert(self, item: dict[str, Any], where: str, now: float, starts_at: float) -> Alert:
        labels = self._texts("labels", item, where)
        annotations = self._texts("annotations", item, where)
        title, key = self._text("title", item, where), self._text("fingerprint", item, where)
        if not (labels or title or key):
            raise BadAlert(f"{where}: holds no label, title or fingerprint; say in the source's config where they stand")
        severity = self._config.severity
        word = self._text("severity", item, where) or labels.get(severity.label) or annotations.get(severity.label, "")
        identity = _identity(key, {name: text for name, text in labels.items() if name != severity.label}, title)
        if title or key:
            labels.setdefault("alertname", title or key)
        labels.setdefault(severity.label, severity.of(word).name)
        check_labels(labels, sum(len(name) + len(text) for name, text in labels.items()), f"{where}.labels")
        if title:
            annotations.setdefault("summary", title)
        firing, ends_at = self._state(item, where, now)
        links = links_of(annotations, self._texts("links", item, where))
        began = told_start(starts_at, now)
        return Alert(self._name, identity, labels, annotations, severity.of(word), firing, began, ends_at, links)

    def _state(self, item: dict[str, Any], where: str, now: float) -> tuple[bool, float]:
        """Whether it fires, and until when (0.0: until told), or when it ended (0.0: just now)."""
        word = self._text("status", item, where).strip().lower()
        ends_at = self._time("ends_at", item, where)
        ended = word in self._config.resolved_values or (not word and 0.0 < ends_at <= now)
        if ended:
            return False, ends_at
        if word and self._config.firing_values and word not in self._config.firing_values:
            raise BadAlert(f"{where}.status: is neither one of firing_values nor of resolved_values")
        return True, ends_at if ends_at > now else 0.0

    def _text(self, field: str, item: dict[str, Any], where: str) -> str:
        return text_of(_find(self._single[field], item, f"{where}.{field}", field in DECIDING))

    def _texts(self, field: str, item: dict[str, Any], where: str) -> dict[str, str]:
        """Name to text, without the empty ones. What is named beats what `*` brings along."""
        texts: dict[str, str] = {}
        for name, finder in self._pairs[field].items():
            path = f"{where}.{field}" if name == REST else f"{where}.{field}.{name}"
            found = _find(finder, item, path, field in DECIDING)
            if name != REST:
                texts |= _filled({name: found})
            elif isinstance(found, Mapping):
                texts = _filled(found) | texts
            elif found is not None and field in DECIDING and field in self._config.model_fields_set:
                raise BadAlert(f"{path}: must be an object")
        return texts

    def _time(self, field: str, item: dict[str, Any], where: str) -> float:
        """0.0 for none, or none that makes sense."""
        found = _find(self._single[field], item, f"{where}.{field}", field in DECIDING)
        try:
            return max(time_of(found), 0.0) if found else 0.0
        except ValueError:
            return 0.0


def _find(finder: Finder, item: dict[str, Any], path: str, deciding: bool) -> Any:
    try:
        return finder.find(item)
    except ValueError as error:
        if not deciding:
            return None
        raise BadAlert(f"{path}: {error}") from None


def _filled(values: Mapping[str, Any]) -> dict[str, str]:
    """As texts, without those that are empty or have no name."""
    texts = ((clean(name), text_of(value)) for name, value in values.items())
    return {name: text for name, text in texts if name and text}


def _identity(key: str, labels: dict[str, str], title: str) -> str:
    return fingerprint({"fingerprint": key} if key else labels or {"title": title})
