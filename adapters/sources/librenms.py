"""LibreNMS: its API transport, with the body of the setup page."""

from __future__ import annotations

import html
from typing import ClassVar, Literal

from adapters.sources._found import Found, Said
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

STATES = {"0": False, "1": True, "2": None, "3": True, "4": True, "5": True}
"""Recovered, alert, acknowledged, worse, better, changed."""


class LibreNMSConfig(SenderConfig):
    """LibreNMS. The alert is a rule on a device; an acknowledgement there acknowledges it here."""

    type: Literal["librenms"] = "librenms"


class LibreNMS(Sender):
    """One LibreNMS."""

    config_model: ClassVar = LibreNMSConfig

    def read(self, item: Item) -> Found | Said:
        host, rule = item.text("hostname", "sysName", "display"), item.text("name")
        key = (item.text("device_id") or item.need("hostname", "sysName"), item.text("rule_id") or item.need("name"))
        firing = item.word(STATES, True, "state")
        if firing is None:
            return Said("ack", key, text=item.text("alert_notes"))
        return Found(
            key,
            rule or "LibreNMS alert",
            firing,
            item.text("severity") if firing else "",
            html.unescape(item.text("title")) or f"{rule} on {host}",
            html.unescape(item.text("msg")),
            {
                "host": host,
                "rule": rule,
                "os": item.text("os"),
                "type": item.text("type"),
                "location": item.text("location"),
            },
            links={"runbook": item.text("proc")},
        )
