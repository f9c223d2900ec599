"""Kibana: the webhook connector of a rule, or a Watcher's webhook action; both with the body of the setup page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from adapters.source import Request
from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {
    **dict.fromkeys(("active", "new", "ongoing", "alert", "open", "untracked"), True),
    **dict.fromkeys(("recovered", "resolved", "ok"), False),
}


class KibanaConfig(SenderConfig):
    """Kibana and Watcher. A watch never says that it is over: set `close_after` for a source of watches."""

    type: Literal["kibana"] = "kibana"


class Kibana(Sender):
    """One Kibana, or one Elasticsearch with watches. The alert is what Kibana gives one id, else a rule and its alert."""

    config_model: ClassVar = KibanaConfig

    def items(self, body: Any, request: Request) -> Sequence[Any]:
        """A summary of a rule brings its alerts in lists by state."""
        groups = body.get("alerts") if isinstance(body, dict) else None
        if not isinstance(groups, dict):
            return super().items(body, request)
        rule = {name: value for name, value in body.items() if name != "alerts"}
        return [
            {**rule, "status": state, **one}
            for state in ("new", "ongoing", "recovered")
            for one in _data(groups.get(state))
            if isinstance(one, dict)
        ]

    def read(self, item: Item) -> Found:
        inner = item.inner("payload")
        watch = inner if inner.has("watch_id") else item
        rule = item.text("rule_name", "rule.name", "rule_id", "rule.id") or watch.text("watch_id", "metadata.name")
        group = item.text("action_group").lower()
        firing = group != "recovered" and item.word(FIRING, True, "status", "state")
        alert = "" if watch.has("watch_id") else item.text("alert_id", "alert.id", "kibana.alert.instance.id", "id")
        return Found(
            (item.text("alert_uuid", "uuid", "alert.uuid") or f"{rule or watch.need('rule_id', 'watch_id')}/{alert}",),
            rule or "Kibana rule",
            firing,
            item.text("severity", "kibana.alert.severity"),
            item.text("reason", "context.reason", "short_description") or rule,
            item.text("message", "description"),
            {**item.texts("tags"), "instance": alert, "space": item.text("space_id")},
            links={
                "source": item.text("alert_details_url", "context.alertDetailsUrl", "rule_url", "rule.url"),
                "rule": item.text("rule_url", "rule.url"),
            },
        )


def _data(group: Any) -> list[Any]:
    found = group.get("data") if isinstance(group, dict) else group
    return found if isinstance(found, list) else []
