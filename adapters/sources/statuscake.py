"""StatusCake: the webhook of a contact group, a form or a query."""

from __future__ import annotations

from typing import ClassVar, Literal

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"down": True, "up": False}


class StatusCakeConfig(SenderConfig):
    """StatusCake. A test that is down is critical."""

    type: Literal["statuscake"] = "statuscake"


class StatusCake(Sender):
    """One StatusCake account."""

    config_model: ClassVar = StatusCakeConfig
    usual: ClassVar = "critical"

    def read(self, item: Item) -> Found:
        name, url = item.need("Name", "URL"), item.text("URL")
        firing = item.word(FIRING, True, "Status")
        code = item.text("StatusCode")
        return Found(
            (name, url),
            name,
            firing,
            summary=f"{name} is {'down' if firing else 'up'}",
            description={"": "", "0": "No answer in time"}.get(code, f"Status code {code}"),
            labels={**item.texts("Tags"), "check": name},
            links={"target": url},
        )
