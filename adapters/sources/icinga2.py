"""Icinga 2: Icinga Notifications' webhook channel, or a notification command that posts macros."""

from __future__ import annotations

from typing import ClassVar, Literal

from adapters.sources._checks import SEVERITIES, checked
from adapters.sources._found import Found, Said
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

EVENT_SEVERITIES = {"emerg": "critical", "alert": "critical", "crit": "critical", "err": "high", "notice": "low"}


class Icinga2Config(SenderConfig):
    """Icinga 2. Critical and down are critical, unknown and unreachable high; an acknowledgement there acknowledges here."""

    type: Literal["icinga2"] = "icinga2"


class Icinga2(Sender):
    """One Icinga. The alert is a service of a host, or the host."""

    config_model: ClassVar = Icinga2Config
    severities: ClassVar = {**SEVERITIES, **EVENT_SEVERITIES}

    def read(self, item: Item) -> Found | Said | None:
        if item.has("incident"):
            return _incident(item)
        host = item.need("host_name", "host.name")
        service = item.text("service_name", "service.name")
        of = "service" if service else "host"
        return checked(
            item,
            host,
            service,
            item.text(f"{of}_state", f"{of}.state", "check_result.state"),
            item.text("notification_type"),
            item.text(f"{of}_output", "check_result.output"),
            {"address": item.text("host_address")},
            {"runbook": item.text("notes_url"), "source": item.text("url")},
            item.text("notification_author"),
            item.text("notification_comment"),
        )


def _incident(item: Item) -> Found:
    """What Icinga Notifications sends; its tags say the same as the name, in parts."""
    tags, severity, name = item.texts("object.tags"), item.text("incident.severity"), item.need("object.name")
    service, firing = tags.get("service", ""), severity.lower() != "ok"
    return Found(
        (tags.get("host", "") or name, service),
        service or "Host",
        firing,
        severity if firing else "",
        f"{f'{service} on ' if service else ''}{tags.get('host', name)} is {severity.upper()}",
        item.text("event.message"),
        tags,
        links={"source": item.text("object.url"), "incident": item.text("incident.url")},
    )
