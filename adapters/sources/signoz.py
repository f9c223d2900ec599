"""SigNoz: a webhook channel."""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec.structs import replace

from adapters.sources._found import Found
from adapters.sources._grouped import Grouped
from adapters.sources._item import Item
from adapters.sources._sender import SenderConfig


class SigNozConfig(SenderConfig):
    """SigNoz. Its error is our high."""

    type: Literal["signoz"] = "signoz"


class SigNoz(Grouped):
    """One SigNoz. The alert is its labels."""

    config_model: ClassVar = SigNozConfig

    def read(self, item: Item) -> Found | None:
        found = super().read(item)
        if found is None:
            return None
        links = {"logs": item.text("annotations.related_logs"), "traces": item.text("annotations.related_traces")}
        rule = {"rule": found.labels.get("ruleSource", "")}
        labels = {name: text for name, text in found.labels.items() if name != "ruleSource"}
        return replace(found, labels=labels, links={**found.links, **rule, **links}, test=found.labels.get("testalert") == "true")
