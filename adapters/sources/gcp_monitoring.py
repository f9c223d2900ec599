"""Google Cloud Monitoring: a webhook channel, or the same by Pub/Sub push."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from adapters.body import decoded
from adapters.source import Request
from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"open": True, "acknowledged": True, "closed": False}


class GcpMonitoringConfig(SenderConfig):
    """Google Cloud Monitoring. Critical, error and warning as it says; an incident without a severity is a warning."""

    type: Literal["gcp_monitoring"] = "gcp_monitoring"


class GcpMonitoring(Sender):
    """One notification channel. The alert is an incident."""

    config_model: ClassVar = GcpMonitoringConfig
    severities: ClassVar = {"error": "high", "no severity": "warning"}

    def items(self, body: Any, request: Request) -> Sequence[Any]:
        """Pub/Sub brings it as base64 in `message.data`."""
        found = body.get("message") if isinstance(body, dict) else None
        data = found.get("data") if isinstance(found, dict) else None
        return [decoded(_plain(data))] if isinstance(data, str) else super().items(body, request)

    def read(self, item: Item) -> Found:
        incident = item.inner("incident")
        firing, started = incident.word(FIRING, True, "state"), incident.time("started_at")
        words = incident.inner("documentation")
        condition = incident.text("condition_name") or incident.text("condition.displayName")
        return Found(
            (incident.need("incident_id"),),
            incident.text("policy_name") or condition or "Google Cloud incident",
            firing,
            incident.text("severity"),
            incident.text("summary") or f"{condition}: {incident.text('resource_display_name', 'resource_name')}",
            words.text("content") if words.data else incident.text("documentation"),
            {
                **incident.texts("policy_user_labels"),
                "condition": condition,
                "project": incident.text("scoping_project_id"),
                "resource": incident.text("resource_display_name", "resource_name"),
                "resource_type": incident.text("resource.type", "resource_type_display_name"),
                "zone": incident.text("resource.labels.zone"),
                "metric": incident.text("metric.type"),
            },
            started,
            incident.time("ended_at") if started and not firing else 0.0,
            {
                "source": incident.text("url"),
                **{link.text("displayName").lower() or "link": link.text("url") for link in words.each("links")},
            },
            test=item.text("version") == "test",
        )


def _plain(data: str) -> str:
    try:
        return b64decode(data).decode(errors="replace")
    except ValueError:  # then nothing is found in it, which the refusal says
        return ""
