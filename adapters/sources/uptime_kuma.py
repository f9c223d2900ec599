"""Uptime Kuma: a notification of type Webhook."""

from __future__ import annotations

from typing import ClassVar, Literal

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"0": True, "1": False, "2": None, "3": None}
"""Down, up, pending, in maintenance."""


class UptimeKumaConfig(SenderConfig):
    """Uptime Kuma. A monitor that is down is critical; one that is pending or in maintenance changes nothing."""

    type: Literal["uptime_kuma"] = "uptime_kuma"


class UptimeKuma(Sender):
    """One Uptime Kuma. The alert is a monitor."""

    config_model: ClassVar = UptimeKumaConfig
    usual: ClassVar = "critical"

    def read(self, item: Item) -> Found | None:
        monitor, beat = item.inner("monitor"), item.inner("heartbeat")
        if not monitor.data:  # the Test button, and what Kuma has to say of certificates
            return Found(("message",), "UptimeKumaMessage", summary=item.text("msg"), test=True)
        firing = beat.word(FIRING, True, "status")
        if firing is None:
            return None
        name = monitor.text("name")
        return Found(
            (monitor.need("id", "name"),),
            name or "Monitor down",
            firing,
            monitor.texts("tags").get("severity", ""),
            f"{name}: {beat.text('msg') or item.text('msg')}",
            monitor.text("description"),
            {**monitor.texts("tags"), "monitor": name, "host": monitor.text("hostname"), "type": monitor.text("type")},
            links={"target": monitor.text("url")},
        )
