"""The times inside a sample, moved so that it happened just now; each keeps the form its sender gives it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from adapters.fields import time_of
from adapters.source import Request

SAMPLED = 1772452800.0
"""2026-03-02T12:00:00Z: all samples happened within NEAR of it, and no other number or date in them does."""

NEAR = 2 * 86400.0
_DATE = re.compile(
    r"(?<![0-9])(2026)([-./])([0-9]{2})\2([0-9]{2})([T ])"
    r"([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?( ?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?"
)
_EPOCH = re.compile(r"(?<![\w.-])([0-9]{10})((?:[0-9]{3}){0,3})(?!\w)")


def just_now(request: Request, now: float) -> Request:
    """The same as if its latest time were `now` (seconds since the epoch, UTC), to the second below."""
    texts = [request.body.decode(), *request.headers.values(), *request.query.values()]
    found = [time for text in texts for time in times(text)]
    sure = [seconds for seconds, zoned in found if zoned] or [seconds for seconds, _ in found]
    if not sure:
        return request
    by = math.floor(now - max(sure))
    headers, query = ({name: moved(text, by) for name, text in texts.items()} for texts in (request.headers, request.query))
    return replace(request, body=moved(request.body.decode(), by).encode(), headers=headers, query=query)


def times(text: str) -> Iterator[tuple[float, bool]]:
    """The times of a sample in a text, as seconds since the epoch, and whether that is sure: one without a zone is not."""
    for found in _DATE.finditer(text):
        if _is_near(seconds := time_of(found[0])):
            yield seconds, bool(found[8])
    for found in _EPOCH.finditer(text):
        if _is_near(seconds := time_of(found[0])):
            yield seconds, True


def moved(text: str, by: int) -> str:
    """Every time of a sample in a text later by so many seconds: RFC 3339, dates with dots or spaces, seconds to nanoseconds."""

    def date(found: re.Match[str]) -> str:
        if not _is_near(time_of(found[0])):
            return found[0]
        year, mark, month, day, between, clock, fraction, zone = found.groups()
        then = datetime.fromisoformat(f"{year}-{month}-{day}T{clock}").replace(tzinfo=UTC) + timedelta(seconds=by)
        return then.strftime(f"%Y{mark}%m{mark}%d{between}%H:%M:%S") + (fraction or "") + (zone or "")

    def epoch(found: re.Match[str]) -> str:
        return f"{int(found[1]) + by}{found[2]}" if _is_near(time_of(found[0])) else found[0]

    return _EPOCH.sub(epoch, _DATE.sub(date, text))


def _is_near(seconds: float) -> bool:
    return abs(seconds - SAMPLED) < NEAR
