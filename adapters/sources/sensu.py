"""Sensu Go: events, by a handler or as its own API takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from adapters.source import Request
from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig


class SensuConfig(SenderConfig):
    """Sensu Go. Status 2 is critical, 1 a warning, anything else but 0 (unknown) high; 0 resolves."""

    type: Literal["sensu"] = "sensu"


class Sensu(Sender):
    """One Sensu backend. The alert is a check on an entity."""

    config_model: ClassVar = SensuConfig
    usual: ClassVar = "high"
    severities: ClassVar = {"2": "critical", "1": "warning", "0": "info"}

    def items(self, body: Any, request: Request) -> Sequence[Any]:
        """As a handler gets it, or wrapped in `spec` as its API shows it."""
        return [one["spec"] if isinstance(one, dict) and "spec" in one else one for one in super().items(body, request)]

    def read(self, item: Item) -> Found | None:
        check, entity = item.inner("check"), item.inner("entity.metadata")
        if not check.data:  # metrics only
            return None
        name, state = check.need("metadata.name"), check.text("state")
        status, host = check.text("status"), entity.text("name") or check.text("proxy_entity_name") or "unknown"
        namespace = entity.text("namespace") or check.text("metadata.namespace") or item.text("metadata.namespace")
        firing = state != "passing" if not status else status != "0"
        notes = check.texts("metadata.annotations")
        severity = check.text("metadata.labels.severity") or notes.get("severity", "")
        return Found(
            (namespace, host, name),
            name,
            firing,
            severity or (status if status in self.severities else ""),
            f"{name} on {host} is {'failing' if firing else 'passing'}",
            check.text("output"),
            {**entity.texts("labels"), **check.texts("metadata.labels"), "host": host, "check": name, "namespace": namespace},
            links={name: url for name, url in notes.items() if "://" in url},
        )
