"""Sentry: an internal integration (issues, issue alerts, metric alerts), or the older Webhooks plugin."""

from __future__ import annotations

from typing import ClassVar, Literal

from adapters.auth import Signed
from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

ISSUE = {"created": True, "unresolved": True, "triggered": True, "resolved": False, "archived": False, "ignored": False}
METRIC = {"critical": True, "warning": True, "resolved": False}


class SentryConfig(SenderConfig):
    """Sentry. Fatal is critical, an error high. The alert is an issue, or the incident of a metric alert."""

    type: Literal["sentry"] = "sentry"


class Sentry(Sender):
    """One Sentry organisation. What else comes by the same way (comments, installations, assignments) says nothing here."""

    config_model: ClassVar = SentryConfig
    severities: ClassVar = {"error": "high"}
    signed: ClassVar = Signed("Sentry-Hook-Signature", "")

    def read(self, item: Item) -> Found | None:
        data, action = item.inner("data"), item.text("action")
        if data.has("metric_alert"):
            return _metric(data, action, item)
        if data.has("event"):
            return _issue(data.inner("event"), True, data)
        if data.has("issue"):
            return _issue(data.inner("issue"), ISSUE[action], data) if action in ISSUE else None
        return _plugin(item) if item.has("event") else None


def _issue(told: Item, firing: bool, data: Item) -> Found:
    """An issue, or the event that brought it to mind; the two name it alike."""
    title, tags = told.text("title"), told.texts("tags")
    return Found(
        (told.text("issue_id") or told.need("id"),),
        told.text("metadata.type") or "SentryIssue",
        firing,
        told.text("level"),
        title,
        told.text("culprit"),
        {
            "project": told.text("project.slug", "project_slug", "project"),
            "environment": told.text("environment") or tags.get("environment", ""),
            "rule": data.text("triggered_rule"),
            "issue": told.text("shortId"),
        },
        links={"source": told.text("web_url", "permalink", "issue_url")},
    )


def _metric(data: Item, action: str, item: Item) -> Found:
    incident = data.inner("metric_alert")
    started = incident.time("date_started")
    return Found(
        ("metric", incident.need("id")),
        incident.text("alert_rule.name") or "SentryMetric",
        item.word(METRIC, True, "action"),
        action,
        data.text("description_title") or incident.text("title"),
        data.text("description_text"),
        {"project": incident.text("projects.0"), "environment": incident.text("alert_rule.environment")},
        started,
        incident.time("date_closed") if started and action == "resolved" else 0.0,
        {"source": data.text("web_url")},
    )


def _plugin(item: Item) -> Found:
    return Found(
        (item.need("id"),),
        item.text("event.metadata.type") or "SentryIssue",
        True,
        item.text("level"),
        item.text("message", "event.title"),
        item.text("culprit"),
        {"project": item.text("project_slug", "project"), "environment": item.text("event.environment")},
        links={"source": item.text("url")},
    )
