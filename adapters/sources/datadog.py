"""Datadog: a webhook of the Webhooks integration, best with the payload of the setup page."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {
    **dict.fromkeys(("triggered", "re-triggered", "no data", "re-no data", "warn", "re-warn", "renotify"), True),
    **dict.fromkeys(("recovered", "success"), False),
}
BRACKETS = re.compile(r"^\[(?:Triggered|Recovered|Warn|No Data|Re-[A-Za-z ]+|Renotify)[^\]]*\]", re.IGNORECASE)
"""What Datadog puts before the monitor's name in a title."""


class DatadogConfig(SenderConfig):
    """Datadog. Priority P1 to P5, else the type of the alert: error is high. The alert is a monitor's group."""

    type: Literal["datadog"] = "datadog"


class Datadog(Sender):
    """One Datadog organisation."""

    config_model: ClassVar = DatadogConfig
    severities: ClassVar = {"error": "high", "success": "info"}

    def read(self, item: Item) -> Found:
        title = item.text("title", "event_title", "alert_title")
        known = item.has("alert_transition")  # the payload that Datadog proposes has none
        firing = item.word(FIRING, True, "alert_transition") if known else "[recovered" not in title.lower()
        monitor = BRACKETS.sub("", item.text("alert_title") or title).strip() or title.strip("[] ")
        scope = item.text("alert_scope", "scopes", "scope")
        return Found(
            (item.text("alert_cycle_key", "aggreg_key") or f"{item.text('alert_id', 'monitor_id') or monitor}/{scope}",),
            monitor or item.need("title"),
            firing,
            item.text("alert_priority", "priority", "severity") or item.text("alert_type") if firing else "",
            title,
            item.text("alert_status") or item.text("body", "event_msg").replace("%%%", "").strip(),
            {**item.texts("tags"), **item.texts("alert_scope"), "host": item.text("hostname", "host")},
            links={"source": item.text("link", "url"), "snapshot": item.text("snapshot")},
        )
