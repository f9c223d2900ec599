"""What the fields of senders have in common: severity words, times, links, texts and label sets."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from rules.alert import BadAlert, Link, Severity

MOST_LABELS = 200
MOST_LABEL_BYTES = 64 * 1024

SEVERITY_WORDS = {
    word: severity
    for severity, words in {
        Severity.critical: "critical crit fatal page emergency emerg panic alert urgent disaster blocker p0 p1 sev0 sev1",
        Severity.high: "high error err major severe p2 sev2",
        Severity.warning: "warning warn medium moderate average p3 sev3",
        Severity.low: "low minor notice p4 sev4",
        Severity.info: "info informational information none debug p5 sev5",
    }.items()
    for word in words.split()
}
"""What senders call the five severities, in lower case."""

_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})")
_SPOKEN = re.compile(
    r"([0-9]{4})[-./]([0-9]{2})[-./]([0-9]{2})(?:[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?))?"
    r" ?([Zz]|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?"
)
_UTC, _A_DAY, _NONE = ("Z", "UTC", "GMT"), 86400.0, timedelta()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_EXAMPLE = "such as 2026-01-06T03:00:00Z"
# The host ends at the first of these; an @ before it would name a user, and show one host while going to another.
_ORIGIN = re.compile(r"https?://[^\s/?#@\\]+(?:[/?#]|$)", re.IGNORECASE)
_LINK_NAME = re.compile(r"(runbook|dashboard)|(.{1,100}?)[_-]?url", re.IGNORECASE)
_URL_ESCAPES = {ord(char): f"%{ord(char):02X}" for char in " <>\"|`\\^{}'"}
_MESS = {code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000)) if chr(code) not in "\t\n\r"}


def severity_of(word: str, overrides: Mapping[str, Severity] | None = None) -> Severity:
    """The severity that a sender's word means, in any case; one we do not know is a warning. `overrides`: lower-case words."""
    known = word.strip().lower()
    return (overrides or {}).get(known, SEVERITY_WORDS.get(known, Severity.warning))


@lru_cache(1024)  # an alert's start is sent again and again
def parse_time(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time, with any fraction and offset. ValueError says what is wrong.

    Years before 1970 are negative: Go writes "no time" as 0001-01-01T00:00:00Z.
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError(f"is not a time {_TIME_EXAMPLE}")
    try:
        return (datetime.fromisoformat(text.upper()) - _EPOCH).total_seconds()
    except ValueError:
        raise ValueError(f"is not a time of the calendar, {_TIME_EXAMPLE}") from None


def time_of(value: object, zone: tzinfo = UTC) -> float:
    """As parse_time, and patient: also a number of seconds, milli-, micro- or nanoseconds, and days written with dots or slashes.

    `zone`: what a time means that is sent without one.
    """
    if isinstance(value, str) and value.strip().replace(".", "", 1).isdecimal():
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        for size in (1.0, 1e3, 1e6, 1e9):
            if 0 <= value / size < 1e11:
                return value / size
    if isinstance(value, str):
        return _spoken(value.strip(), zone)
    raise ValueError(f"is not a time {_TIME_EXAMPLE}, or seconds since 1970")


def _spoken(text: str, zone: tzinfo) -> float:
    found = _SPOKEN.fullmatch(text)
    if not found:
        return parse_time(text)  # which says what is wrong with it
    year, month, day, clock, offset = found.groups()
    offset = (offset or "").upper()
    if offset and offset not in _UTC:
        return parse_time(f"{year}-{month}-{day}T{clock or '00:00:00'}{offset[:3]}:{offset[-2:]}")
    seconds = parse_time(f"{year}-{month}-{day}T{clock or '00:00:00'}Z")
    if offset or zone is UTC or seconds < _A_DAY:
        return seconds
    try:
        return seconds - (datetime.fromtimestamp(seconds, UTC).replace(tzinfo=zone).utcoffset() or _NONE).total_seconds()
    except (OverflowError, ValueError):  # at the end of the calendar
        return seconds


def told_start(starts_at: float, now: float) -> float:
    """A start that a sender told; 0.0 if it told none, or its clock is so wrong that ours is nearer the truth."""
    return starts_at if 0.0 < starts_at < now + 3600.0 else 0.0


def start_of(starts_at: float, ends_at: float, now: float) -> float:
    """When an alert began, by what its sender says. 0.0 stands for a time that was not sent.

    A sender without a start, or with a clock so wrong that ours is nearer the truth, gets `now`.
    """
    began = told_start(starts_at, now) or now
    return min(began, ends_at) if ends_at else began


def clean(text: str) -> str:
    """The text with what no person can read (control characters, half surrogates) shown as U+FFFD."""
    return text if text.isprintable() else text.translate(_MESS)


def text_of(value: object) -> str:
    """Any JSON value as a clean text: words as they are, true, 1.5, and compact JSON for what is nested; empty for null."""
    if value is None:
        return ""
    return clean(value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def link(name: str, url: str) -> Link | None:
    """A link that is safe to show, or None: only http and https, no user name in it, nothing that ends the URL early."""
    return _link(name, url.strip()) if len(url) <= 4096 and len(name) <= 100 else None


@lru_cache(1024)  # few rules make many alerts
def _link(name: str, url: str) -> Link | None:
    if not _ORIGIN.match(url) or not url.isprintable():
        return None
    return Link(clean(name), url.translate(_URL_ESCAPES))


def links_of(annotations: Mapping[str, str], more: Mapping[str, str]) -> tuple[Link, ...]:
    """The links of `more` (name to URL), then those in annotations (`runbook_url`, `dashboardURL`, …); each name once."""
    found: dict[str, Link] = {}
    for name, url in more.items():
        if url and (safe := link(name, url)):
            found[name] = safe
    for label, url in annotations.items():
        if "://" in url[:8] and (match := _LINK_NAME.fullmatch(label)):
            name = match[1] or match[2]
            if name not in found and (safe := link(name, url)):
                found[name] = safe
    return tuple(found.values())


def check_labels(labels: Mapping[str, object], size: int, where: str) -> None:
    """Raises BadAlert for a label set nobody means: too many, or too large. `size`: bytes."""
    if len(labels) > MOST_LABELS:
        raise BadAlert(f"{where}: {len(labels)} labels; {MOST_LABELS} at most")
    if size > MOST_LABEL_BYTES:
        raise BadAlert(f"{where}: {size} bytes; {MOST_LABEL_BYTES} at most")
