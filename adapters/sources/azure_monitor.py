"""Azure Monitor: an action group's webhook, with the common alert schema or without."""

from __future__ import annotations

from typing import ClassVar, Literal
from urllib.parse import quote

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"fired": True, "activated": True, "resolved": False, "deactivated": False}
LEVELS = ("critical", "high", "warning", "low", "info")
PORTAL = "https://portal.azure.com/#view/Microsoft_Azure_Monitoring/AlertDetailsTemplateBlade/alertId/"


class AzureMonitorConfig(SenderConfig):
    """Azure Monitor. Sev0 is critical, Sev1 high, Sev2 a warning, Sev3 low, Sev4 info. Some kinds of alert never resolve."""

    type: Literal["azure_monitor"] = "azure_monitor"


class AzureMonitor(Sender):
    """One action group. The alert is what Azure gives one id."""

    config_model: ClassVar = AzureMonitorConfig
    severities: ClassVar = {f"{head}{n}": name for head in ("sev", "") for n, name in enumerate(LEVELS)}

    def read(self, item: Item) -> Found:
        told = item.inner("data.essentials")
        if not told.data:
            return _older(item)
        started, rule = told.time("firedDateTime"), told.text("alertRule")
        firing, target = told.word(FIRING, True, "monitorCondition"), told.text("configurationItems.0")
        return Found(
            (told.need("alertId", "originAlertId").lower(),),
            rule or "Azure alert",
            firing,
            told.text("severity"),
            f"{rule}: {target}" if target else rule,
            told.text("description") or _condition(item.inner("data.alertContext.condition.allOf.0")),
            {
                **item.texts("data.customProperties"),
                "resource": target,
                "service": told.text("monitoringService"),
                "signal": told.text("signalType"),
            },
            started,
            told.time("resolvedDateTime") if not firing else 0.0,
            {
                "source": told.text("investigationLink") or f"{PORTAL}{quote(told.text('alertId'), safe='')}",
                "query": item.text("data.alertContext.condition.allOf.0.linkToSearchResultsUI"),
            },
            test=rule.startswith("test-"),  # as the portal's button *Test action group* names its samples
        )


def _older(item: Item) -> Found:
    """Metric alerts of before the common schema, and classic ones."""
    told, context = item.inner("data") if item.has("data") else item, item.inner("data.context")
    context = context if context.data else item.inner("context")
    name = context.text("name")
    return Found(
        (context.need("id").lower(), context.text("resourceId").lower()),
        name or "Azure alert",
        told.word(FIRING, True, "status"),
        context.text("severity"),
        f"{name}: {context.text('resourceName')}",
        context.text("description") or _condition(context.inner("condition.allOf.0")),
        {
            **told.texts("properties"),
            "resource": context.text("resourceName"),
            "resource_group": context.text("resourceGroupName"),
        },
        links={"source": context.text("portalLink")},
    )


def _condition(one: Item) -> str:
    metric, value = one.text("metricName"), one.text("metricValue")
    return f"{metric} {value}, {one.text('operator')} {one.text('threshold')}" if metric and value else ""
