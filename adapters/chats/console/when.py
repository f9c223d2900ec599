"""Moments in words: relative for the eye, absolute for who needs it. All in seconds since the epoch, UTC."""

from __future__ import annotations

from datetime import UTC, datetime

LATEST = 253402300799.0  # the last second of the year 9999; 0.0 stands first below so that NaN becomes 0


def span(seconds: float) -> str:
    """How long, in two units at most: `42s`, `12m`, `3h 5m`, `2d 4h`. console.js counts in the same words."""
    whole = int(min(max(0.0, seconds), LATEST))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    unit, part, names = (3600, 60, "hm") if whole < 86400 else (86400, 3600, "dh")
    big, small = whole // unit, whole % unit // part
    return f"{big}{names[0]} {small}{names[1]}" if small else f"{big}{names[0]}"


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(min(max(0.0, at), LATEST), UTC)


def iso(at: float) -> str:
    """For machines: `2026-01-06T03:00:00Z`."""
    return _moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def absolute(at: float) -> str:
    """For people: `2026-01-06 03:00:00 UTC`."""
    return _moment(at).strftime("%Y-%m-%d %H:%M:%S UTC")
