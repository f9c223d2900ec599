"""Falco: its own http_output, or Falcosidekick's webhook; one event each, and nothing is ever over."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig
from rules.duration import Duration

IDENTIFYING = ("k8s.ns.name", "k8s.pod.name", "container.id", "proc.name", "user.name", "fd.name")
"""With rule and host, what makes two events one alert."""


class FalcoConfig(SenderConfig):
    """Falco. Events of one rule, host, container, process and user are one alert, which ends when no more come."""

    type: Literal["falco"] = "falco"
    close_after: Duration | None = Field(3600.0, description="What Falco has not told of for that long counts as resolved.")


class Falco(Sender):
    """One Falco."""

    config_model: ClassVar = FalcoConfig
    severities: ClassVar = {"emergency": "critical", "alert": "critical", "notice": "low", "informational": "info"}

    def read(self, item: Item) -> Found:
        fields = item.inner("output_fields")
        rule, host = item.need("rule"), item.text("hostname")
        return Found(
            (rule, host, *map(fields.text, IDENTIFYING)),
            rule,
            severity=item.text("priority"),
            summary=f"{rule} on {fields.text('k8s.pod.name') or host}",
            description=item.text("output"),
            labels={
                "host": host,
                "namespace": fields.text("k8s.ns.name"),
                "pod": fields.text("k8s.pod.name"),
                "container": fields.text("container.name", "container.id"),
                "image": fields.text("container.image.repository"),
                "process": fields.text("proc.name"),
                "user": fields.text("user.name"),
                "rule_source": item.text("source"),
                "tags": ",".join(item.texts("tags")),
            },
            test=item.text("source") == "debug" and rule == "Test rule",
        )
