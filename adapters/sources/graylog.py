"""Graylog: the HTTP notification of an event definition; events only, nothing is ever over."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig
from rules.duration import Duration


class GraylogConfig(SenderConfig):
    """Graylog. Events of one definition and key are one alert, which ends when no more come."""

    type: Literal["graylog"] = "graylog"
    close_after: Duration | None = Field(3600.0, description="What Graylog has not told of for that long counts as resolved.")


class Graylog(Sender):
    """One Graylog."""

    config_model: ClassVar = GraylogConfig
    severities: ClassVar = {"4": "critical", "3": "high", "2": "warning", "1": "low", "0": "info"}

    def read(self, item: Item) -> Found:
        event = item.inner("event")
        title = item.text("event_definition_title")
        lines = [f"{line.text('source')}: {line.text('message')}" for line in item.each("backlog")[:10]]
        return Found(
            (item.text("event_definition_id") or event.need("event_definition_id"), event.text("key")),
            title or "Graylog event",
            severity=event.text("priority"),
            summary=event.text("message") or title,
            description="\n".join([item.text("event_definition_description"), *lines]).strip(),
            labels={
                **event.texts("group_by_fields"),
                "host": event.text("fields.host", "group_by_fields.host", "fields.source"),
                "key": event.text("key"),
            },
            test=event.text("id") == "NotificationTestId",
        )
