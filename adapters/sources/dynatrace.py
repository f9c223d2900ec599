"""Dynatrace: a custom problem notification."""

from __future__ import annotations

from typing import ClassVar, Literal

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

FIRING = {"open": True, "resolved": False, "closed": False, "merged": False}


class DynatraceConfig(SenderConfig):
    """Dynatrace. Availability is critical, errors high, performance and resources a warning, missing monitoring low."""

    type: Literal["dynatrace"] = "dynatrace"


class Dynatrace(Sender):
    """One Dynatrace environment. The alert is a problem."""

    config_model: ClassVar = DynatraceConfig
    severities: ClassVar = {
        "availability": "critical",
        "error": "high",
        "performance": "warning",
        "resource_contention": "warning",
        "custom_alert": "warning",
        "monitoring_unavailable": "low",
    }

    def read(self, item: Item) -> Found:
        details = next((found for path in ("ProblemDetailsJSON", "ProblemDetails") if (found := item.inner(path)).data), item)
        firing, title = item.word(FIRING, True, "State"), item.text("ProblemTitle")
        started = details.time("startTime")
        return Found(
            (item.need("PID", "ProblemID"),),
            title or "Dynatrace problem",
            firing,
            item.text("ProblemSeverity") or details.text("severityLevel"),
            f"{item.text('ProblemID')}: {title}",
            item.text("ImpactedEntity", "ProblemDetailsText"),
            {
                **item.texts("Tags"),
                "impact": item.text("ProblemImpact").lower(),
                "host": next((one.text("name") for one in item.each("ImpactedEntities") if one.text("type") == "HOST"), ""),
                "entity": item.text("ImpactedEntities.0.name"),
            },
            started,
            details.time("endTime") if started and not firing else 0.0,
            {"problem": item.text("ProblemURL", "Problem URL")},
            test=item.text("PID") == "99999",
        )
