"""Grafana: a webhook contact point, and the notification channel of Grafana 8 and before."""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec.structs import replace

from adapters.auth import Signed
from adapters.sources._found import Found
from adapters.sources._grouped import Grouped
from adapters.sources._item import Item
from adapters.sources._sender import SenderConfig

LEGACY = {"alerting": True, "no_data": True, "ok": False, "paused": None, "pending": None}
WAYS = ("dashboard", "panel", "silence", "image")


class GrafanaConfig(SenderConfig):
    """Grafana. The severity is the label `severity`, or else `priority`; without either an alert is a warning."""

    type: Literal["grafana"] = "grafana"


class Grafana(Grouped):
    """One Grafana. The alert is its labels. The TestAlert of the button *Test* wakes nobody."""

    config_model: ClassVar = GrafanaConfig
    signed: ClassVar = Signed("X-Grafana-Alerting-Signature", "")

    def read(self, item: Item) -> Found | None:
        if item.has("ruleId") and not item.has("labels"):
            return _legacy(item)
        found = super().read(item)
        return found and replace(
            found,
            severity=found.severity or found.labels.get("priority", ""),
            description=found.description or item.text("valueString"),
            links={**found.links, **{way: self.address(item, f"{way}URL") for way in WAYS}},
            test=found.name == "TestAlert" and found.labels.get("instance") == "Grafana",
        )


def _legacy(item: Item) -> Found | None:
    firing = item.word(LEGACY, True, "state")
    if firing is None:
        return None
    return Found(
        (item.text("orgId"), item.need("ruleId")),
        item.text("ruleName") or "Grafana rule",
        firing,
        item.text("tags.severity"),
        item.text("title"),
        item.text("message"),
        item.texts("tags"),
        links={"graph": item.text("ruleUrl"), "image": item.text("imageUrl")},
    )
