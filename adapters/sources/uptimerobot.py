"""UptimeRobot: an alert contact of type Webhook, as JSON, a form or a query."""

from __future__ import annotations

from typing import ClassVar, Literal

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"1": True, "2": False, "3": True, "down": True, "up": False, "ssl": True}
"""Down, up, a certificate or a domain that runs out."""


class UptimeRobotConfig(SenderConfig):
    """UptimeRobot. A monitor that is down is critical; a certificate or a domain that runs out is a warning."""

    type: Literal["uptimerobot"] = "uptimerobot"


class UptimeRobot(Sender):
    """One UptimeRobot account. The alert is a monitor; that its certificate runs out is another."""

    config_model: ClassVar = UptimeRobotConfig
    usual: ClassVar = "critical"
    severities: ClassVar = {"expiry": "warning"}

    def read(self, item: Item) -> Found:
        firing, name = item.word(FIRING, True, "alertType", "alertTypeFriendlyName"), item.text("monitorFriendlyName")
        name = name or f"Monitor {item.text('monitorID')}"
        expiry = item.text("alertType") == "3"
        what = item.text("alertTypeFriendlyName").lower() or ("down" if firing else "up")
        return Found(
            (item.need("monitorID", "monitorURL"), "expiry" if expiry else "up"),
            name,
            firing,
            "expiry" if expiry else "",
            f"{name}: {item.text('alertDetails')}" if expiry else f"{name} is {what}",
            item.text("alertDetails"),
            {**item.texts("monitorTags"), "monitor": name, "group": item.text("monitorGroupName")},
            links={"target": item.text("monitorURL")},
        )
