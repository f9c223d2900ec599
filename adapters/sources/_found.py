"""What a source read of one alert, before severity, identity and the rest of what all sources share are added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Key = tuple[str, ...]
"""What all reports of one alert share and no other alert of the source has: an id, or a host and its check."""


class Found(msgspec.Struct, frozen=True):
    """One report. `name` becomes the label `alertname`; `severity` is the sender's own word, empty for none.

    `labels` say what the alert is about (`host`, `service`, …); empty ones are dropped. Times are seconds since the epoch, 0.0
    for none; a start is given only where every report of the episode tells the same, and an end only where the start is: both
    by the same clock, else our own is right. `links`: name to URL, unsafe and empty ones are dropped. `annotations`: more words
    for people, where the sender has such. `test`: a test message, which nobody should be woken by. `passing`: an event of a
    sender that will never say that it is over, though it does of others.
    """

    key: Key
    name: str
    firing: bool = True
    severity: str = ""
    summary: str = ""
    description: str = ""
    labels: Mapping[str, str] = {}
    starts_at: float = 0.0
    ends_at: float = 0.0
    links: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    test: bool = False
    passing: bool = False


class Said(msgspec.Struct, frozen=True):
    """What somebody did to an alert at the sender's, to be done here as well. `by`: who, in the sender's words."""

    verb: Literal["ack", "unack", "note"]
    key: Key
    by: str = ""
    text: str = ""
