"""New Relic: the webhook of a workflow, or a classic notification channel."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from adapters.sources._found import Found, Said
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"created": True, "activated": True, "closed": False, "deactivated": False, "open": True, "acknowledged": True}


class NewRelicConfig(SenderConfig):
    """New Relic. The alert is an issue (classic: an incident); who acknowledges it there acknowledges it here."""

    type: Literal["newrelic"] = "newrelic"


class NewRelic(Sender):
    """One New Relic account."""

    config_model: ClassVar = NewRelicConfig

    def read(self, item: Item) -> Found | Said:
        key = (item.need("id", "issueId", "incident_id"),)
        if item.text("trigger").upper() == "USER_ACTION" and item.text("state").upper() == "ACTIVATED":
            return Said("ack", key, item.text("acknowledgedBy"))
        if item.text("current_state").lower() == "acknowledged":
            return Said("ack", key, item.text("owner"))
        firing = item.word(FIRING, True, "state", "current_state")
        entities, started = item.get("impactedEntities", "targets"), item.time("createdAt", "timestamp")
        condition = item.text("alertConditionNames.0", "condition_name")
        return Found(
            key,
            condition or "New Relic issue",
            firing,
            item.text("priority", "severity"),
            item.text("title", "details", "event_type"),
            item.text("description") or _listed(entities),
            {
                "policy": item.text("alertPolicyNames.0", "policy_name"),
                "host": item.text("impactedEntities.0", "targets.0.name"),
                "workflow": item.text("workflowName"),
                "account": item.text("account_name"),
            },
            started,
            item.time("closedAt", "updatedAt") if started and not firing else 0.0,
            {"source": item.text("issueUrl", "incident_url"), "runbook": item.text("runbookUrl", "runbook_url")},
            test=item.text("workflowName") == "" and item.text("event_type") == "NOTIFICATION_TEST",
        )


def _listed(entities: Any) -> str:
    return ", ".join(one for one in entities[:20] if isinstance(one, str)) if isinstance(entities, list) else ""
