"""Nagios Core and XI: a notification command that posts its macros, as a form or as JSON."""

from __future__ import annotations

from typing import ClassVar, Literal

from adapters.sources._checks import SEVERITIES, checked
from adapters.sources._found import Found, Said
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig


class NagiosConfig(SenderConfig):
    """Nagios. Critical and down are critical, unknown and unreachable high; an acknowledgement there acknowledges here."""

    type: Literal["nagios"] = "nagios"


class Nagios(Sender):
    """One Nagios. The alert is a service of a host, or the host; Nagios numbers its problems, but not the same way everywhere."""

    config_model: ClassVar = NagiosConfig
    severities: ClassVar = SEVERITIES

    def read(self, item: Item) -> Found | Said | None:
        host, service = item.need("HOSTNAME", "host", "host_name"), item.text("SERVICEDESC", "service", "service_description")
        of = "SERVICE" if service else "HOST"
        return checked(
            item,
            host,
            service,
            item.text(f"{of}STATE", "state"),
            item.text("NOTIFICATIONTYPE", "type"),
            item.text(f"LONG{of}OUTPUT") or item.text(f"{of}OUTPUT", "output"),
            {"host_group": item.text("HOSTGROUPNAME"), "address": item.text("HOSTADDRESS")},
            {"runbook": item.text(f"{of}NOTESURL"), "action": item.text(f"{of}ACTIONURL"), "source": item.text(f"{of}INFOURL")},
            item.text("NOTIFICATIONAUTHOR", f"{of}ACKAUTHOR", "author"),
            item.text("NOTIFICATIONCOMMENT", f"{of}ACKCOMMENT", "comment"),
        )
