"""Healthchecks: a webhook integration."""

from __future__ import annotations

from typing import ClassVar, Literal

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"down": True, "up": False, "paused": None, "new": None, "started": None, "grace": None}


class HealthchecksConfig(SenderConfig):
    """Healthchecks. A check that is down is critical, or as its tag `severity:…` says; tags become labels."""

    type: Literal["healthchecks"] = "healthchecks"


class Healthchecks(Sender):
    """One Healthchecks project. The alert is a check."""

    config_model: ClassVar = HealthchecksConfig
    usual: ClassVar = "critical"

    def read(self, item: Item) -> Found | None:
        check = next((found for path in ("check", "json") if isinstance((found := item.inner(path)).data, dict)), item)
        name = check.text("name") or item.text("name", "check")
        firing = item.word(FIRING, True, "status") if item.has("status") else check.word(FIRING, True, "status")
        if firing is None:
            return None
        tags = check.texts("tags") or item.texts("tags")
        return Found(
            (item.text("code") or check.text("uuid") or check.need("slug", "code"),),
            name or "Check",
            firing,
            tags.get("severity", ""),
            f"{name} is {'down' if firing else 'up'}",
            item.text("body") or check.text("desc"),
            {**tags, "check": name},
            links={"source": item.text("url")},
            test=name == "TEST" and not item.text("code", "uuid"),
        )
