"""Moments as people write them: `2026-01-06T03:00:00Z`, or seconds since the epoch."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

_EXAMPLE = "such as 2026-01-06T03:00:00Z or 2026-01-06T04:00+01:00"
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?")
_YEAR_10000 = 253_402_300_800


def parse_moment(written: object) -> float:
    """Seconds since the epoch, UTC. A time without a zone is UTC. ValueError says what is wrong."""
    text = str(written).strip()
    try:
        at = float(text) if _NUMBER.fullmatch(text) else _iso(text)
    except (ValueError, OverflowError):
        raise ValueError(f'"{text[:40]}" is not a time: write it {_EXAMPLE}') from None
    if not 0 <= at < _YEAR_10000:
        raise ValueError(f"a time is between the years 1970 and 9999, {_EXAMPLE}")
    return at


def _iso(text: str) -> float:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def format_moment(at: float) -> str:
    """`2026-01-06 03:00 UTC`, with the seconds where there are any."""
    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime("%a %Y-%m-%d %H:%M UTC" if moment.second == 0 else "%a %Y-%m-%d %H:%M:%S UTC")


Moment = Annotated[
    float,
    BeforeValidator(parse_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "number"}]}),
]
"""Seconds since the epoch in a pydantic model; YAML may write ISO 8601."""
