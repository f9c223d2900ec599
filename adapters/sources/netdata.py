"""Netdata: the webhook of Netdata Cloud, or a custom sender of an agent."""

from __future__ import annotations

from typing import ClassVar, Literal
from urllib.parse import urlsplit

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"critical": True, "warning": True, "clear": False, "info": False, "removed": False}
UNSURE = ("undefined", "uninitialized")


class NetdataConfig(SenderConfig):
    """Netdata. Critical and warning as it says; a node that cannot be reached is critical until it can."""

    type: Literal["netdata"] = "netdata"


class Netdata(Sender):
    """One Netdata space, or its agents. The alert is an alarm of a node."""

    config_model: ClassVar = NetdataConfig

    def read(self, item: Item) -> Found | None:
        if item.has("token") and not item.has("alert"):  # the question whether somebody is here
            return Found(("test",), "NetdataTest", summary=item.text("message", "title"), test=True)
        if item.has("status.reachable"):
            return _reached(item)
        agent, name = item.has("alarm_id"), item.need("alert", "name")
        word = item.text("status") if agent else item.text("severity")
        if word.lower() in UNSURE:
            return None
        firing = item.word(FIRING, True, "status" if agent else "severity")
        chart, host = item.text("chart"), item.text("host") or item.text("message").partition(":")[0]
        return Found(
            (host, item.text("alarm_id")) if agent else (urlsplit(item.text("alert_url", "alarm_url")).path or host, name, chart),
            name,
            firing,
            word if firing else "",
            item.text("message") or f"{name} on {host}: {item.text('value_string')}",
            item.text("info"),
            {"host": host, "chart": chart, "space": item.text("space"), "class": item.text("class")},
            links={"source": item.text("alert_url", "alarm_url", "goto_url")},
        )


def _reached(item: Item) -> Found:
    host, firing = item.need("host"), item.get("status.reachable") is not True
    return Found(
        ("reachable", host),
        "NodeUnreachable",
        firing,
        item.text("severity") if firing else "",
        item.text("message"),
        labels={"host": host},
        links={"source": item.text("url")},
    )
