"""What the config of every source has in common."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from adapters.auth import Auth
from adapters.fields import severity_of
from rules.access import Strict
from rules.alert import Severity

MIB = 1024 * 1024


def _lower_words(words: Any) -> Any:
    """YAML reads a bare 5 as a number and a bare `on` as true; a sender's word is a text."""
    return {str(word).strip().lower(): name for word, name in words.items()} if isinstance(words, Mapping) else words


SeverityName = Literal["critical", "high", "warning", "low", "info"]
SeverityWords = Annotated[dict[str, SeverityName], BeforeValidator(_lower_words)]


class SeverityConfig(Strict):
    """Where a source's severity stands and what its words mean."""

    label: str = Field(default="severity", description="The label that holds it; second choice: the annotation of that name.")
    map: SeverityWords = Field(default={}, description="The sender's words, in any case, and what they mean: {page: critical}.")

    @cached_property
    def _meanings(self) -> dict[str, Severity]:
        return {word: Severity[name] for word, name in self.map.items()}

    def of(self, word: str) -> Severity:
        """The severity a word means: by `map`, else as most senders use it, else a warning."""
        return severity_of(word, self._meanings)


class SourceConfig(Strict):
    """A source: a system that sends alerts."""

    type: str = Field(description="The kind of source.")
    auth: Auth = Field(description="How the sender proves who it is; `none` must be said.")
    max_body: int = Field(5 * MIB, gt=0, description="The largest request accepted, in bytes.")
    rate: float | None = Field(None, gt=0, description="Requests a second that are accepted; more get 429. No limit by default.")
    severity: SeverityConfig = Field(SeverityConfig(), description="Where the severity stands and what its words mean.")
