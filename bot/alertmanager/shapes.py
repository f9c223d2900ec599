"""The JSON of Alertmanager's API v2: its fields in its order, its times, its fingerprints and ids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from rules.mute import Silence

ID = "70c51000-0000-4000-8000-000000"
"""How the UUID of every silence begins; the six hex digits by which chat knows it follow. So both are always the same silence."""

_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


class Status(msgspec.Struct):
    inhibitedBy: list[str]
    silencedBy: list[str]
    state: str


class Name(msgspec.Struct):
    name: str


class GettableAlert(msgspec.Struct, kw_only=True, omit_defaults=True):
    annotations: Mapping[str, str]
    endsAt: str
    fingerprint: str
    receivers: list[Name]
    startsAt: str
    status: Status
    updatedAt: str
    generatorURL: str = ""
    labels: Mapping[str, str]


class State(msgspec.Struct):
    state: str


class GettableMatcher(msgspec.Struct):
    isEqual: bool
    isRegex: bool
    name: str
    value: str


class GettableSilence(msgspec.Struct):
    id: str
    status: State
    updatedAt: str
    comment: str
    createdBy: str
    endsAt: str
    matchers: list[GettableMatcher]
    startsAt: str


@lru_cache(4096)  # alerts of one request share theirs
def time_text(at: float) -> str:
    """UTC with milliseconds, as Alertmanager writes them. Times that no calendar has become its last."""
    try:
        found = datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        found = datetime.max.replace(tzinfo=UTC)
    return found.isoformat(timespec="milliseconds")[:-6] + "Z"


def fingerprint(labels: Mapping[str, str]) -> str:
    """Alertmanager's own: FNV-1a over names and values in the order of the names, each followed by the byte 0xff."""
    text = b"".join([b"%b\xff%b\xff" % (name.encode(), labels[name].encode()) for name in sorted(labels)])
    found = 0xCBF29CE484222325
    for byte in text:
        found = (found ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{found:016x}"


def uuid_of(silence_id: str) -> str:
    """The UUID of a silence."""
    return ID + silence_id


def silence_of(uuid: str) -> str | None:
    """The silence that a UUID names; an empty text for one that is none of ours, None for what is no UUID."""
    if not _UUID.fullmatch(uuid):
        return None
    return uuid.removeprefix(ID) if uuid.startswith(ID) else ""


def state_of(silence: Silence, now: float) -> str:
    if silence.ends_at <= now:
        return "expired"
    return "active" if silence.starts_at <= now else "pending"
