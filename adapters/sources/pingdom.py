"""Pingdom: a webhook integration of a check."""

from __future__ import annotations

from typing import ClassVar, Literal

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"down": True, "failing": True, "up": False, "success": False, "unconfirmed_down": None, "unknown": None, "paused": None}


class PingdomConfig(SenderConfig):
    """Pingdom. A check of high importance that is down is critical, one of low importance a warning."""

    type: Literal["pingdom"] = "pingdom"


class Pingdom(Sender):
    """One Pingdom account. The alert is a check."""

    config_model: ClassVar = PingdomConfig
    usual: ClassVar = "critical"
    severities: ClassVar = {"high": "critical", "low": "warning"}

    def read(self, item: Item) -> Found | None:
        firing = item.word(FIRING, True, "current_state")
        if firing is None:
            return None
        at, name = item.time("state_changed_timestamp", "state_changed_utc_time"), item.text("check_name")
        return Found(
            (item.need("check_id"),),
            name or "Pingdom check",
            firing,
            item.text("importance_level"),
            f"{name}: {item.text('description')}" if firing else f"{name} is up",
            item.text("long_description"),
            {
                **item.texts("tags"),
                "check": name,
                "host": item.text("check_params.hostname"),
                "type": item.text("check_type").lower(),
                "location": item.text("first_probe.location") if firing else "",
            },
            at if firing else 0.0,
            0.0 if firing else at,
            {"target": item.text("check_params.full_url")},
        )
