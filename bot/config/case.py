"""Tests of the routing that stand in the configuration itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bot.config.moment import Moment
from rules.access import Strict


class Expectation(Strict):
    """What must come out. What it does not name is not looked at."""

    channels: tuple[str, ...] | None = Field(
        None, description="Every channel that gets a card, those it is withheld to included; in any order."
    )
    withheld: tuple[str, ...] | None = Field(None, description="The channels that get a stub in place of the content.")
    muted: bool | Literal["muted_by_time_interval"] | None = Field(
        None, description="Whether nobody is told of it at that time, or why (muted_by_time_interval). Needs `at`."
    )
    sensitivity: str | None = Field(None, description="The level of sensitivity it gets.")
    group: dict[str, str] | None = Field(None, description="The labels that make its incident, with their values.")


class Case(Strict):
    """One alert, and where it must go."""

    name: str | None = Field(None, description="How a failure calls it; its labels otherwise.")
    alert: dict[str, str] = Field(description="The labels of the alert.")
    at: Moment | None = Field(
        None, description="When, as 2026-01-06T03:00:00Z or seconds since the epoch; without it, time intervals do not count."
    )
    expect: Expectation = Field(description="What must come out.")

    @property
    def title(self) -> str:
        return self.name or " ".join(f"{name}={value}" for name, value in self.alert.items())
