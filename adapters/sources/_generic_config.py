"""Where things stand in the JSON of any system: the config of the generic source. Common field names are the defaults."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from adapters.fields import text_of
from adapters.source_config import SeverityConfig, SourceConfig
from adapters.sources._expression import REST, Expression, Pairs

RESOLVED = (
    "resolved resolve ok okay closed close up recovered recovery recover green normal healthy success successful succeeded "
    "cleared clear inactive passed pass fixed solved completed complete false 0"
)


def _words(written: Any) -> Any:
    """YAML reads a bare 0 as a number and a bare off as false; a sender's word is a text."""
    if isinstance(written, str) or not isinstance(written, Iterable):
        written = [written]
    return tuple(text_of(word).strip().lower() for word in written)


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


class GenericSeverity(SeverityConfig):
    """Where the severity stands and what its words mean; an expression alone says where."""

    value: Expression = Field(default="severity || level || priority || urgency", description="Finds the severity.")

    @model_validator(mode="before")
    @classmethod
    def _value_alone(cls, data: Any) -> Any:
        return {"value": data} if isinstance(data, str) else data


class GenericConfig(SourceConfig):
    """Any system that posts JSON. Every expression is JMESPath, see jmespath.org; the defaults are common field names."""

    type: Literal["generic"] = "generic"
    each: Expression | None = Field(None, description="Finds the list of alerts; default: the body is one, or a list of them.")
    labels: Pairs = Field(
        {
            REST: "labels",
            "alertname": "alertname || alert_name || check || rule || name || title",
            "host": "host || hostname || instance",
            "service": "service",
        },
        description="Label names and what finds their values; `*` is an object that gives several. They say which alert it is.",
    )
    annotations: Pairs = Field(
        {REST: "annotations", "description": "description || message || text || body"}, description="As `labels`; for people."
    )
    title: Expression = Field("title || summary || name || subject || message || text", description="Finds what people call it.")
    severity: GenericSeverity = Field(GenericSeverity(), description="Finds the severity and maps its words.")
    status: Expression = Field("status || state", description="Finds the word that says whether it fires.")
    resolved_values: Words = Field(tuple(RESOLVED.split()), description="Words of `status` that mean resolved, in any case.")
    firing_values: Words = Field((), description="Words of `status` that mean firing; default: all that do not mean resolved.")
    fingerprint: Expression = Field(
        "fingerprint || dedup_key || alert_id || incident_id || id", description="Finds what the reports of one alert share."
    )
    starts_at: Expression = Field("starts_at || startsAt || started_at || startedAt", description="Finds when it began.")
    ends_at: Expression = Field("ends_at || endsAt || ended_at || resolved_at || closed_at", description="Finds when it ended.")
    links: Pairs = Field({"source": "url || link"}, description="Link names and what finds their URLs.")
