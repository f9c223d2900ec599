"""Checkmk: a notification script that posts its NOTIFY_ variables, without that prefix or with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import urljoin

from msgspec.structs import replace
from pydantic import Field

from adapters.source import Request
from adapters.sources._checks import SEVERITIES, checked
from adapters.sources._found import Found, Said
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig


class CheckmkConfig(SenderConfig):
    """Checkmk. Critical and down are critical, unknown and unreachable high; an acknowledgement there acknowledges here."""

    type: Literal["checkmk"] = "checkmk"
    url: str = Field("", description="The address of Checkmk, such as https://checkmk.example.com, for links to it.")


class Checkmk(Sender):
    """One Checkmk. The alert is a service of a host at a site, or the host."""

    config_model: ClassVar = CheckmkConfig
    severities: ClassVar = SEVERITIES

    def items(self, body: Any, request: Request) -> Sequence[Any]:
        return [_bare(one) for one in super().items(body, request)]

    def read(self, item: Item) -> Found | Said | None:
        host = item.need("HOSTNAME", "host")
        service = item.text("SERVICEDESC", "service") if item.text("WHAT", "what").upper() != "HOST" else ""
        of = "SERVICE" if service else "HOST"
        site = item.text("OMD_SITE", "site")
        found = checked(
            item,
            host,
            service,
            item.text(f"{of}STATE", "status", "state"),
            item.text("NOTIFICATIONTYPE", "notification_type"),
            item.text(f"LONG{of}OUTPUT") or item.text(f"{of}OUTPUT", "long_output", "output"),
            {"site": site, "address": item.text("HOSTADDRESS", "address"), "host_group": item.text("HOSTGROUPNAMES")},
            {"source": self._link(item.text(f"{of}URL", "url"))},
            item.text("NOTIFICATIONAUTHOR"),
            item.text("NOTIFICATIONCOMMENT"),
        )
        return found and replace(found, key=(site, *found.key))

    def _link(self, path: str) -> str:
        url = str(getattr(self._config, "url", ""))
        return urljoin(f"{url}/", path) if url and path else path


def _bare(one: Any) -> Any:
    return {str(name).removeprefix("NOTIFY_"): value for name, value in one.items()} if isinstance(one, dict) else one
