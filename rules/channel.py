"""A named destination: a chat, the platform's own id, and who may read there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rules.access import Level, Strict
from rules.duration import Duration

SeverityName = Literal["critical", "high", "warning", "low", "info"]


class Channel(Strict):
    """A named destination of alerts."""

    chat: str = Field(description="Which of `chats` it is in.")
    id: str = Field("", description="The platform's own id of the channel; the console needs none.")
    clearance: Level = Field("internal", description="The highest sensitivity that may be shown here.")
    storm_after: Annotated[
        Duration | None,
        Field(gt=0, description="When posts cannot all be shown within this time, one storm card carries them; else the root's."),
    ] = None
    audience: tuple[str, ...] = Field((), description="The groups whose members may be in the channel.")
    mention: dict[SeverityName, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Whom a new card calls, by its severity: names from `groups` or keys of `people`. By default nobody.",
    )
    fallback: str | None = Field(default=None, description="The channel that shows criticals while they cannot be shown here.")
    fallback_after: Duration = Field(default=120.0, description="How long a critical may wait here before it goes there.")


class ChannelFacts(Strict):
    """What the platform says of a channel. None: unknown, which counts as the worst.

    `members`: the platform's own ids of the humans in it, all of them unless `roles` names some: ids of the platform's groups
    whose members can read along, whoever they are. `owner` is among the members, `administrators` among the roles: those whom
    no setting of the channel keeps out.
    """

    private: bool | None = None
    shared_outside: bool | None = None
    archived: bool | None = None
    members: frozenset[str] | None = None
    roles: frozenset[str] = frozenset()
    owner: str = ""
    administrators: frozenset[str] = frozenset()
