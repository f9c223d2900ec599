"""Gatus: its custom alerting provider."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from adapters.source import Request
from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"triggered": True, "resolved": False}
SENTENCE = re.compile(r"(TRIGGERED|RESOLVED): (.+?) - (.+?) - (.*)", re.DOTALL)
FIELDS = ("status", "group", "name", "errors")
"""The one text of Gatus' own example: state, group, endpoint, the rest."""


class GatusConfig(SenderConfig):
    """Gatus. An endpoint that is unhealthy is critical, or what the key `severity` of the body says."""

    type: Literal["gatus"] = "gatus"


class Gatus(Sender):
    """One Gatus. The alert is an endpoint of a group."""

    config_model: ClassVar = GatusConfig
    usual: ClassVar = "critical"

    def items(self, body: Any, request: Request) -> Sequence[Any]:
        text = body.get("text") if isinstance(body, dict) else None
        said = SENTENCE.fullmatch(text) if isinstance(text, str) else None
        return [dict(zip(FIELDS, said.groups(), strict=True))] if said else super().items(body, request)

    def read(self, item: Item) -> Found:
        name, group = item.need("name"), item.text("group")
        firing = item.word(FIRING, True, "status")
        place = f"{group}/{name}" if group else name
        return Found(
            (group, name),
            name,
            firing,
            item.text("severity"),
            f"{place} is {'unhealthy' if firing else 'healthy again'}",
            "\n".join(part for part in (item.text("description"), item.text("errors"), item.text("conditions")) if part),
            {"endpoint": name, "group": group},
            links={"target": item.text("url")},
        )
