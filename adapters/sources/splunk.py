"""Splunk: the webhook alert action of a saved search, which never says that anything is over."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig
from rules.duration import Duration


class SplunkConfig(SenderConfig):
    """Splunk. A search is one alert, which ends when it has not fired again for `close_after`."""

    type: Literal["splunk"] = "splunk"
    close_after: Duration | None = Field(3600.0, description="A search that has not fired for that long counts as resolved.")


class Splunk(Sender):
    """One Splunk."""

    config_model: ClassVar = SplunkConfig

    def read(self, item: Item) -> Found:
        result, search = item.inner("result"), item.text("search_name")
        severity = result.text("severity", "urgency", "priority")
        return Found(
            (item.text("app"), item.text("owner"), item.need("search_name", "sid")),
            search or "Splunk alert",
            severity=severity,
            summary=result.text("message", "summary", "title") or search,
            description=result.text("description", "_raw"),
            labels={"app": item.text("app"), "host": result.text("host"), "service": result.text("service")},
            links={"results": item.text("results_link")},
        )
