"""What the config of every source has in common."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from adapters.auth import Auth
from adapters.fields import SEVERITY_WORDS, severity_of
from rules.access import Strict
from rules.alert import Severity
from rules.duration import Duration
from rules.matcher import Matchers

MIB = 1024 * 1024


def _lower_words(words: Any) -> Any:
    """YAML reads a bare 5 as a number and a bare `on` as true; a sender's word is a text."""
    return {str(word).strip().lower(): name for word, name in words.items()} if isinstance(words, Mapping) else words


SeverityName = Literal["critical", "high", "warning", "low", "info"]
SeverityWords = Annotated[dict[str, SeverityName], BeforeValidator(_lower_words)]


class SeverityConfig(Strict):
    """Where a source's severity stands and what its words mean."""

    label: str = Field(default="severity", description="The label that holds it; second choice: the annotation of that name.")
    default: SeverityName | None = Field(default=None, description="What an alert means that says none; else as is usual.")
    map: SeverityWords = Field(default={}, description="The sender's words, in any case, and what they mean: {page: critical}.")

    @cached_property
    def _meanings(self) -> dict[str, Severity]:
        return SEVERITY_WORDS | {word: Severity[name] for word, name in self.map.items()}

    def of(self, word: str) -> Severity:
        """The severity a word means: by `map`, else as most senders use it, else a warning."""
        found = self._meanings.get(word)
        return severity_of(word, self._meanings) if found is None else found


def _long_enough(seconds: float) -> float:
    if seconds < 1.0:
        raise ValueError("nothing can be heard that often; for example 5m")
    return seconds


Silence = Annotated[Duration, AfterValidator(_long_enough)]


def _not_empty(matchers: Matchers) -> Matchers:
    if not matchers:
        raise ValueError("name the alert; for any sign of the source there is `expect_every`")
    return matchers


class Expectation(Strict):
    """An alert that must be heard now and then, because it always fires as long as all is well."""

    match: Annotated[Matchers, AfterValidator(_not_empty)] = Field(description="Which alert; all matchers must hold.")
    every: Silence = Field(description="How long it may be silent before the admins are told.")


class SourceConfig(Strict):
    """A source: a system that sends alerts."""

    token_header: ClassVar[str] = ""
    """The header in which this kind of sender shows a plain secret."""

    type: str = Field(description="The kind of source.")
    auth: Auth = Field(description="How the sender proves who it is; `none` must be said.")
    max_body: int = Field(5 * MIB, gt=0, description="The largest request accepted, in bytes.")
    rate: float | None = Field(None, gt=0, description="Requests a second that are accepted; more get 429. No limit by default.")
    severity: SeverityConfig = Field(SeverityConfig(), description="Where the severity stands and what its words mean.")
    expect_every: Silence | None = Field(
        None, description="How long the source may send nothing at all before the admins are told. By default for ever."
    )
    expect: tuple[Expectation, ...] = Field((), description="Alerts that must be heard now and then, such as Watchdog.")

    @field_validator("auth")
    @classmethod
    def _header_named(cls, auth: Auth) -> Auth:
        if not auth.header or auth.header.name:
            return auth
        if not cls.token_header:
            raise ValueError("header: say which one, {header: {name: X-Token, value: …}}")
        return auth.model_copy(update={"header": auth.header.model_copy(update={"name": cls.token_header})})
