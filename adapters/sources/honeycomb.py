"""Honeycomb: the webhook of a trigger."""

from __future__ import annotations

from typing import ClassVar, Literal

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"triggered": True, "ok": False, "test": True}


class HoneycombConfig(SenderConfig):
    """Honeycomb. A trigger is one alert, however many groups it found: they stand in its description."""

    token_header: ClassVar = "X-Honeycomb-Webhook-Token"
    type: Literal["honeycomb"] = "honeycomb"


class Honeycomb(Sender):
    """One Honeycomb team."""

    config_model: ClassVar = HoneycombConfig

    def read(self, item: Item) -> Found:
        name, groups = item.need("name"), item.each("result_groups_triggered")
        found = [f"{_named(group)}: {group.text('Result', 'result')}" for group in groups[:20]]
        return Found(
            (item.text("id", "trigger_id") or name,),
            name,
            item.word(FIRING, True, "status"),
            item.text("severity"),
            item.text("summary"),
            "\n".join([item.text("description"), *found]).strip(),
            {"trigger": name, "dataset": item.text("dataset"), "environment": item.text("environment")},
            links={"result": item.text("result_url"), "trigger": item.text("trigger_url")},
            test=item.text("status").lower() == "test",
        )


def _named(group: Item) -> str:
    return ", ".join(f"{name}={value}" for name, value in (group.texts("Group") or group.texts("group")).items()) or "all"
