"""The configuration: what one YAML file says. The parts are defined in `rules` and `adapters`, each where it is used."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SerializeAsAny, WithJsonSchema

from adapters.auth import Network
from adapters.chat import ChatConfig
from adapters.source_config import SourceConfig
from bot.config.case import Case
from bot.config.tls import Tls
from rules.access import Group, Permission, Person, Reveal, Sensitivity, Strict
from rules.approval import Approval
from rules.channel import Channel
from rules.duration import Duration
from rules.interval import TimeInterval
from rules.mute import Inhibition
from rules.redact import Redaction
from rules.route import Route

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_STORE = re.compile(r"sqlite:///.+|postgres(ql)?://.+", re.DOTALL)


def _check_listen(written: Any) -> str:
    text = str(written)
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 65536 and _is_host(host)):
        raise ValueError("expected an address and a port, such as 127.0.0.1:8080 or [::]:8080")
    return text


def _is_host(host: str) -> bool:
    if not host.startswith("["):
        return bool(_HOST.fullmatch(host))
    try:
        return host.endswith("]") and bool(ipaddress.IPv6Address(host[1:-1]))
    except ValueError:
        return False


def _check_url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise ValueError("expected an address such as https://tocsin.example.com")
    return text.rstrip("/")


def _check_store(text: str) -> str:
    if not _STORE.fullmatch(text):
        raise ValueError("expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE")
    return text


def _as_list(written: Any) -> Any:
    return [written] if isinstance(written, str) else written


_ONE_OR_MORE = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})


class Admin(Strict):
    """Who is told when Tocsin itself is in trouble."""

    groups: tuple[str, ...] = Field((), description="Names from `groups`: who may read the audit log and what is degraded.")
    channel: str | None = Field(None, description="The channel that is told.")


class Config(Strict):
    """The whole configuration, as `bot.config.load` returns it: every name in it refers to something."""

    listen: Annotated[str, BeforeValidator(_check_listen)] = Field(
        "127.0.0.1:8080", description="The address and port to serve on."
    )
    tls: Tls | None = Field(None, description="Serve HTTPS with this certificate. By default plain HTTP, for a proxy in front.")
    trusted_proxies: tuple[Network, ...] = Field(
        (), description="Networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed. By default none."
    )
    public_url: Annotated[str, AfterValidator(_check_url)] = Field(
        default_factory=lambda data: f"{'https' if data.get('tls') else 'http'}://{data.get('listen', '')}",
        description="How people and senders reach Tocsin; links begin with it. By default http:// (or https://) and `listen`.",
    )
    store: Annotated[str, AfterValidator(_check_store)] = Field(
        "sqlite:///tocsin.db",
        repr=False,
        description="The database: sqlite:///FILE, or postgresql://USER:PASSWORD@HOST/DATABASE.",
    )
    storm_after: Duration = Field(
        15.0, gt=0, description="When a channel's posts cannot all be shown within this time, one storm card carries them."
    )
    keep: Duration = Field(90 * 86400.0, description="How long resolved incidents are kept.")
    people: dict[str, Person] = Field({}, description="One person, all their accounts.")
    groups: dict[str, Group] = Field({}, description="People who share a clearance and permissions.")
    permissions: tuple[Permission, ...] = Field((), description="Who may do what; what is not listed is not allowed.")
    approvals: tuple[Approval, ...] = Field((), description="What needs a second person; the first rule that fits counts.")
    reveal: Reveal | None = Field(
        None, description="Who may look beyond their clearance, for a while and before the admins' eyes. By default nobody."
    )
    admin: Admin = Field(
        default_factory=lambda: Admin.model_validate({}), description="Who is told when Tocsin itself is in trouble."
    )
    chats: dict[str, SerializeAsAny[ChatConfig]] = Field(
        {}, description="Where people read alerts. `type` says the kind of chat."
    )
    channels: dict[str, Channel] = Field(description="Named destinations of alerts.")
    sources: dict[str, SerializeAsAny[SourceConfig]] = Field(
        description="Where alerts come from. `type` says the kind of source."
    )
    sensitivity: Sensitivity = Field(default_factory=lambda: Sensitivity.model_validate({}), description="How secret alerts are.")
    redact: tuple[Redaction, ...] = Field((), description="What is hidden inside of texts, and from whom.")
    route: Route = Field(description="The routing tree, from alerts to channels.")
    inhibit: tuple[Inhibition, ...] = Field((), description="Alerts that mute others while they fire.")
    time_intervals: dict[str, TimeInterval] = Field({}, description="Named times, such as business hours.")
    tests: tuple[Case, ...] = Field((), description="Alerts, and where they must go; `tocsin check` runs them.")
    include: Annotated[tuple[str, ...], BeforeValidator(_as_list), _ONE_OR_MORE] = Field(
        (), description="Further files, as names or patterns: each adds routes, channels, tests and the like of one team."
    )
