"""Better Stack: an outgoing webhook for incidents of Uptime."""

from __future__ import annotations

from typing import ClassVar, Literal

from adapters.sources._found import Found, Said
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"started": True, "reopened": True, "resolved": False}


class BetterStackConfig(SenderConfig):
    """Better Stack. An incident is critical; who acknowledges it there acknowledges it here."""

    type: Literal["betterstack"] = "betterstack"


class BetterStack(Sender):
    """One Better Stack team. The alert is an incident."""

    config_model: ClassVar = BetterStackConfig
    usual: ClassVar = "critical"

    def read(self, item: Item) -> Found | Said | None:
        incident = item.inner("data")
        if incident.text("type") != "incident":  # monitors and on-call changes come by the same way
            return None
        told = incident.inner("attributes")
        key, ended = (incident.need("id"),), told.time("resolved_at")
        if item.text("event") == "acknowledged":
            return Said("ack", key, told.text("acknowledged_by"))
        firing = item.word(FIRING, not ended, "event") if item.has("event") else not ended
        name = told.text("name")
        return Found(
            key,
            name or "Better Stack incident",
            firing,
            summary=f"{name}: {told.text('cause')}" if told.text("cause") else name,
            description=told.text("response_content"),
            labels={"monitor": name, "team": told.text("team_name")},
            starts_at=told.time("started_at"),
            ends_at=0.0 if firing else ended,
            links={
                "target": told.text("url"),
                "response": told.text("response_url"),
                "screenshot": told.text("screenshot_url"),
                "source": told.text("origin_url"),
            },
        )
