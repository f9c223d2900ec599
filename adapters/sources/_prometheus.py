"""Prometheus' alerts on the wire: bytes to alerts whose labels and annotations are bytes still, and those to texts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, TypeVar, cast

import msgspec
from msgspec import DecodeError, Raw, ValidationError

from adapters.body import check_count, check_depth, mended
from adapters.fields import clean
from adapters.source import Rejected
from rules.alert import BadAlert


class Posted(msgspec.Struct, gc=False):
    """An alert as Alertmanager's API takes it."""

    labels: Raw = Raw(b"{}")
    annotations: Raw = Raw(b"{}")
    startsAt: str | None = None
    endsAt: str | None = None
    generatorURL: str | None = None


class Hooked(Posted, gc=False):
    """An alert as Alertmanager's webhook sends it."""

    status: str | None = None
    fingerprint: str | None = None


class Hook(msgspec.Struct):
    """What matters of a webhook's body. What `truncatedAlerts` counts says nothing about any one alert: it is not read."""

    alerts: list[Hooked]
    externalURL: str | None = None


class _LooseHook(msgspec.Struct):
    """A webhook's body, whatever its alerts look like."""

    alerts: list[Raw]
    externalURL: Any = None


_API = msgspec.json.Decoder(list[Posted])
_HOOK = msgspec.json.Decoder(Hook)
_LOOSE_API = msgspec.json.Decoder(list[Raw])
_LOOSE_HOOK = msgspec.json.Decoder(_LooseHook)
_POSTED = msgspec.json.Decoder(Posted)
_HOOKED = msgspec.json.Decoder(Hooked)
_TEXTS = msgspec.json.Decoder(dict[str, str | None])
_VALUES = msgspec.json.Decoder(dict[str, Raw])

_KINDS = {"str": "text", "str | null": "text", "object": "an object", "array": "a list", "bool": "true or false", "null": "null"}
_KIND_BY_BYTE = {b'"': "text", b"{": "an object", b"[": "a list", b"t": "true", b"f": "false", b"n": "null"}
_BACKSLASH, _DELETE = b"\\"[0], 0x7F  # as numbers: a byte is found five times as fast as a text of one byte
_MISSING = re.compile(r"Object missing required field `(.+)`")
_WRONG_KIND = re.compile(r"Expected `(.+?)`, got `(.+?)`(?: - at `\$\.?(.*?)`)?")

_Any = TypeVar("_Any")
_Alert = TypeVar("_Alert", bound=Posted)


def decode_api(body: bytes) -> tuple[Sequence[Posted | None], list[BadAlert]]:
    """The alerts of an API body, None where one has a wrong shape, and why. Raises Rejected (400) for what is no JSON list."""
    try:
        return _counted(_API.decode(body)), []
    except (DecodeError, RecursionError):
        return _one_by_one(_loosely(_LOOSE_API, body), _POSTED)


def decode_hook(body: bytes) -> tuple[Sequence[Hooked | None], list[BadAlert], str]:
    """As decode_api, for a webhook's body; and its `externalURL`."""
    try:
        hook = _HOOK.decode(body)
        return _counted(hook.alerts), [], hook.externalURL or ""
    except (DecodeError, RecursionError):
        loose = _loosely(_LOOSE_HOOK, body)
        alerts, bad = _one_by_one(loose.alerts, _HOOKED)
        return alerts, bad, loose.externalURL if isinstance(loose.externalURL, str) else ""


def texts_of(data: bytes, index: int, part: str) -> dict[str, str]:
    """A set of labels or annotations, without the empty ones. Raises BadAlert. `index`, `part`: whose, and which of the two."""
    try:
        found = _TEXTS.decode(data) if data != b"null" else {}
    except (DecodeError, RecursionError):
        raise BadAlert(_not_texts(data, f"alerts[{index}].{part}")) from None
    # Each pair has four quotes. Where there are more, a text holds an escaped one, or the same name stands twice.
    if data.count(b'"') != 4 * len(found) and (twice := _stands_twice(data)):
        raise BadAlert(f"alerts[{index}].{part}.{_shown(twice)}: stands twice")
    if found.get(""):
        raise BadAlert(f"alerts[{index}].{part}: one has no name")
    texts = cast(dict[str, str], found) if all(found.values()) else {name: text for name, text in found.items() if text}
    if data.isascii() and _BACKSLASH not in data and _DELETE not in data:  # nothing to clean in there
        return texts
    return {clean(name): clean(text) for name, text in texts.items()}


def _loosely(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        return decoder.decode(mended(body))
    except ValidationError as error:
        raise Rejected(400, _told(error, "")) from None
    except DecodeError as error:
        cut = f"it ends too early, at byte {len(body)}"
        reason = str(error).removeprefix("JSON is malformed: ").replace("Input data was truncated", cut)
        raise Rejected(400, f"the body is not JSON: {reason}") from None
    except RecursionError:
        check_depth(body)
        raise Rejected(400, "the body is nested too deep") from None


def _counted(alerts: list[_Any]) -> list[_Any]:
    check_count(alerts)
    return alerts


def _one_by_one(raws: list[Raw], decoder: msgspec.json.Decoder[_Alert]) -> tuple[list[_Alert | None], list[BadAlert]]:
    alerts: list[_Alert | None] = []
    bad: list[BadAlert] = []
    for index, raw in enumerate(_counted(raws)):
        try:
            alerts.append(decoder.decode(raw))
        except DecodeError as error:
            alerts.append(None)
            bad.append(BadAlert(_told(error, f"alerts[{index}]")))
    return alerts, bad


def _told(error: DecodeError, where: str) -> str:
    """msgspec's words hold types and our own field names, never a value."""
    if missing := _MISSING.fullmatch(str(error)):
        return f"{missing[1]}: is missing"
    match = _WRONG_KIND.fullmatch(str(error))
    if not match:
        return f"{where or 'the body'}: {str(error)[:1].lower()}{str(error)[1:]}"
    wanted, got, path = match.groups()
    place = ".".join(part for part in (where, path) if part) or "the body"
    return f"{place}: must be {_KINDS.get(wanted, wanted)}, is {_KINDS.get(got, 'a number')}"


def _not_texts(data: bytes, where: str) -> str:
    kind = _KIND_BY_BYTE.get(data[:1], "a number")
    if kind != "an object":
        return f"{where}: must be an object, is {kind}"
    for name, raw in _VALUES.decode(data).items():
        kind = _KIND_BY_BYTE.get(bytes(raw)[:1], "a number")
        if kind not in ("text", "null"):
            return f"{where}.{_shown(name)}: must be text, is {kind}"
    return f"{where}: must hold texts only"


def _stands_twice(data: bytes) -> str:
    """The name that does, or empty."""
    names = [name for name, _ in json.loads(data, object_pairs_hook=list)]
    return next((name for name in names if names.count(name) > 1), "")


def _shown(name: str) -> str:
    return clean(name)[:60]
