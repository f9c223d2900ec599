"""Zabbix: a webhook media type; ours, or one of the usual ones."""

from __future__ import annotations

from typing import ClassVar, Literal

from adapters.sources._found import Found, Said
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"problem": True, "alerting": True, "1": True, "resolved": False, "ok": False, "0": False}


class ZabbixConfig(SenderConfig):
    """Zabbix. Disaster is critical, high is high, average and warning a warning, the rest info."""

    type: Literal["zabbix"] = "zabbix"


class Zabbix(Sender):
    """One Zabbix. The alert is a problem event, whose id stays the same until it is over."""

    config_model: ClassVar = ZabbixConfig
    severities: ClassVar = {
        "5": "critical",
        "4": "high",
        "3": "warning",
        "average": "warning",
        "2": "warning",
        "1": "info",
        "0": "info",
        "not classified": "info",
    }

    def read(self, item: Item) -> Found | Said:
        name, host = item.text("name", "trigger", "title"), item.text("host_name", "hostname", "host", "service")
        key = (item.text("event_id", "id", "alert_uid") or f"{host}/{item.need('event_id', 'id', 'alert_uid', 'trigger')}",)
        firing = item.word(FIRING, True, "status", "state", "value")
        if firing and "acknowledged" in str(item.get("update_action")).lower():  # a macro that is empty outside of updates
            return Said("ack", key, item.text("update_user"), item.text("update_message"))
        severity = item.text("nseverity", "severity") or _line(item.text("message"), "Severity: ")
        return Found(
            key,
            name or "Zabbix problem",
            firing,
            severity if firing else "",
            f"{name} on {host}" if host and host not in name else name,
            item.text("description", "operational_data", "message", "item"),
            {**item.texts("tags"), "host": host or _line(item.text("message"), "Host: "), "host_group": item.text("host_group")},
            links={"source": item.text("url", "link", "link_to_upstream_details")},
        )


def _line(text: str, head: str) -> str:
    """What stands in a message after a word at the start of a line."""
    return next((line.removeprefix(head).strip() for line in text.splitlines() if line.startswith(head)), "")
