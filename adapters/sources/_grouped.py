"""Groups of alerts as Alertmanager's webhook sends them, from those who added fields of their own to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urljoin

from adapters.source import Request
from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender
from rules.alert import fingerprint

FIRING = {"firing": True, "resolved": False}


class Grouped(Sender):
    """One sender of groups. What the group says for all its alerts is looked up in each: `externalURL`, `orgId`."""

    def items(self, body: Any, request: Request) -> Sequence[Any]:
        if not isinstance(body, dict) or not isinstance(body.get("alerts"), list):
            return super().items(body, request)
        shared = {name: body[name] for name in ("externalURL", "orgId") if name in body}
        return [{**shared, **one} if isinstance(one, dict) else one for one in body["alerts"]]

    def read(self, item: Item) -> Found | None:
        labels, words = item.texts("labels"), item.texts("annotations")
        firing, started = item.word(FIRING, True, "status"), item.time("startsAt")
        return Found(
            (item.text("orgId"), item.text("fingerprint") or (item.need("labels") and fingerprint(labels))),
            labels.get("alertname", "Alert"),
            firing,
            labels.get(self._config.severity.label) or words.get(self._config.severity.label, ""),
            words.get("summary", ""),
            words.get("description", ""),
            {name: text for name, text in labels.items() if name != "alertname"},
            started,
            item.time("endsAt") if started and not firing else 0.0,
            {"graph": self.address(item, "generatorURL")},
            words,
        )

    def address(self, item: Item, path: str) -> str:
        """An address in full; some senders leave away where they are."""
        found = item.text(path)
        return urljoin(item.text("externalURL"), found) if found else ""
