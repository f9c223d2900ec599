"""Wazuh: integratord with a custom script, or its Shuffle or Slack one; events only, nothing is ever over."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import Field

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig
from rules.duration import Duration

LEVELS = {"info": range(4), "low": range(4, 7), "warning": range(7, 12), "high": range(12, 15), "critical": range(15, 17)}
RULE = re.compile(r"([0-9]+)\s*(?:_\(Level ([0-9]+)\)_)?")


class WazuhConfig(SenderConfig):
    """Wazuh. Events of one rule and agent are one alert; level 15 is critical, 12 high, 7 a warning, 4 low, below info."""

    type: Literal["wazuh"] = "wazuh"
    close_after: Duration | None = Field(3600.0, description="What Wazuh has not told of for that long counts as resolved.")


class Wazuh(Sender):
    """One Wazuh manager."""

    config_model: ClassVar = WazuhConfig
    severities: ClassVar = {str(level): name for name, levels in LEVELS.items() for level in levels}

    def read(self, item: Item) -> Found:
        alert = item.inner("all_fields") if item.has("all_fields") else item
        if item.has("attachments"):
            return _posted(item.inner("attachments.0"))
        rule, agent, data = alert.inner("rule"), alert.inner("agent"), alert.inner("data")
        words = rule.text("description") or item.text("title")
        address = data.text("srcip", "src_ip")
        return Found(
            (rule.text("id") or item.need("rule_id"), agent.text("id", "name"), address),
            words or f"Rule {rule.text('id')}",
            severity=rule.text("level"),
            summary=f"{words} ({agent.text('name')})" if agent.text("name") else words,
            description=alert.text("full_log")[:2000],
            labels={
                "rule": rule.text("id") or item.text("rule_id"),
                "host": agent.text("name"),
                "src_ip": address,
                "user": data.text("dstuser", "srcuser"),
                "groups": ",".join(rule.texts("groups")),
                "manager": alert.text("manager.name"),
                "location": alert.text("location"),
            },
        )


def _posted(message: Item) -> Found:
    """What the script for Slack makes of an alert: fields with titles."""
    told = {field.text("title"): field.text("value") for field in message.each("fields")}
    rule, level = (found.groups() if (found := RULE.match(told.get("Rule ID", ""))) else ("", ""))
    agent = told.get("Agent", "")
    return Found(
        (rule or message.need("title"), agent.partition(")")[0].lstrip("(") or agent),
        message.need("title"),
        severity=level or "",
        description=message.text("text")[:2000],
        labels={"rule": rule or "", "host": agent.partition(" - ")[2], "location": told.get("Location", "")},
    )
