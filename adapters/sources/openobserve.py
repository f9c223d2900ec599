"""OpenObserve: the webhook envelope, or one of the older templates; it never says that anything is over."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig
from rules.duration import Duration


class OpenObserveConfig(SenderConfig):
    """OpenObserve. An alert and its group is one alert, which ends when it is not told again."""

    type: Literal["openobserve"] = "openobserve"
    close_after: Duration | None = Field(3600.0, description="What OpenObserve has not told of for that long counts as resolved.")


class OpenObserve(Sender):
    """One OpenObserve. Older templates have the same names at the top, or speak as clients of Alertmanager do."""

    config_model: ClassVar = OpenObserveConfig

    def read(self, item: Item) -> Found:
        told = next((found for path in ("context", "labels") if (found := item.inner(path)).data), item)
        name = told.need("alert_name", "alertname")
        groups = {path[6:]: told.text(path) for path in told.data if path.startswith("group.")}
        org, stream = told.text("org_name", "organization"), told.text("stream_name", "stream")
        return Found(
            (org, stream, name, *(f"{key}={groups[key]}" for key in sorted(groups))),
            name,
            severity=item.text("severity") or told.text("alert_level", "severity", "alert_priority"),
            summary=item.text("title") or name,
            description=item.text("body_markdown") or told.text("alert_description") or _measured(told),
            labels={**groups, **told.texts("alert_tags"), "org": org, "stream": stream, "type": told.text("stream_type")},
            links={
                **{link.text("label").lower() or "source": link.text("url") for link in item.each("links")},
                "source": told.text("alert_url"),
                "chart": item.text("chart_url"),
            },
        )


def _measured(told: Item) -> str:
    value, limit = told.text("alert_agg_value", "alert_count"), told.text("alert_threshold")
    return f"{value} {told.text('alert_operator')} {limit}" if value and limit else ""
