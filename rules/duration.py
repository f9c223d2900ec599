"""Lengths of time as people write them: `1h30m` in YAML and chat, float seconds in code. Prometheus' syntax."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

SECONDS = {"y": 365 * 86400.0, "w": 7 * 86400.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
LONGEST = 292 * SECONDS["y"]  # Prometheus counts int64 nanoseconds: 292 years
_EXAMPLE = "for example 10s, 4h or 1h30m"
_GRAMMAR = re.compile("".join(f"(?:([0-9]{{1,15}}){unit})?" for unit in SECONDS))
_SHOWN_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}


def parse_duration(text: str) -> float:
    """Seconds of `1h30m`, `500ms`, `2d`, `1w`, `0`: whole numbers, the largest unit first. ValueError says what is wrong."""
    if text == "0":
        return 0.0
    if not text:
        raise ValueError(f"an empty text is not a duration: write a number and a unit; {_EXAMPLE}")
    match = _GRAMMAR.fullmatch(text)
    if not match:
        raise ValueError(f"{_clip(text)!r} is not a duration: {_why(text)}; {_EXAMPLE}")
    seconds = math.fsum(int(count) * size for count, size in zip(match.groups(), SECONDS.values(), strict=True) if count)
    return _bounded(seconds, text)


def _why(text: str) -> str:
    if re.fullmatch(r"[0-9.]+", text):
        return f"the unit is missing ({', '.join(SECONDS)})"
    if "." in text:
        return "use a smaller unit instead of a fraction"
    if text.startswith("-"):
        return "it cannot be negative"
    if " " in text:
        return "write it without spaces"
    return f"write whole numbers, each with a unit ({', '.join(SECONDS)}), each unit once, the largest first"


def _clip(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "…"


def _bounded(seconds: float, written: object) -> float:
    if not 0 <= seconds <= LONGEST:  # NaN fails this, too
        raise ValueError(f"{_clip(str(written))} is out of range: a duration is between 0 and 292 years; {_EXAMPLE}")
    return seconds


def format_duration(seconds: float) -> str:
    """The two largest units, the rest cut off: `4h`, `1h30m`, `2d`, `45s`, `500ms`, `0s`. `parse_duration` reads it again."""
    if seconds < 0:
        return "-" + format_duration(-seconds)
    rest = round(seconds * 1000)
    units = list(_SHOWN_MS)
    largest = next((i for i, unit in enumerate(units) if rest >= _SHOWN_MS[unit]), None)
    if largest is None:
        return "0s"
    shown = ""
    for unit in units[largest : largest + 2]:
        count, rest = divmod(rest, _SHOWN_MS[unit])
        shown += f"{count}{unit}" if count else ""
    return shown


def _seconds(written: Any) -> float:
    """For YAML: a text, or a plain number of seconds."""
    if isinstance(written, str):
        return parse_duration(written)
    if isinstance(written, bool) or not isinstance(written, int | float):
        raise ValueError(f"a duration is a text or a number of seconds; {_EXAMPLE}")
    return float(_bounded(written, written))


Duration = Annotated[
    float,
    BeforeValidator(_seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^(?:0|(?=.){_GRAMMAR.pattern})$"},
                {"type": "number", "minimum": 0},
            ],
            "description": f"A length of time; {_EXAMPLE}. A plain number means seconds.",
            "examples": ["10s", "4h", "1h30m"],
        }
    ),
]
"""Float seconds in a pydantic model; YAML may say `1h30m` or a number of seconds."""
