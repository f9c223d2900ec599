"""What was reported lately, so that a report that repeats it costs a look-up and no row write."""

from __future__ import annotations

import msgspec

from rules.alert import Report

MOST = 1_000_000
"""Alerts remembered per source; beyond it the longest known are looked up in the store instead."""


class Echo(msgspec.Struct, gc=False):
    """The last report of an alert. `ends_at`: a firing one's expiry, later than the row's as long as it is re-sent."""

    content: int
    firing: bool
    ends_at: float


class Known:
    """The last reports of one source, by the sender's own bytes."""

    def __init__(self) -> None:
        self._echoes: dict[bytes, Echo] = {}
        self._keys: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._echoes)

    def fresh(self, reports: list[Report]) -> list[Report]:
        """The reports that say something new. The expiry of the others is taken over here: this is the hot path."""
        found: list[Report] = []
        echoes = self._echoes
        for report in reports:
            echo = echoes.get(report.key)
            if echo is None or echo.content != report.content or echo.firing is not report.firing:
                found.append(report)
            elif report.firing:
                echo.ends_at = report.ends_at
            elif echo.ends_at != report.ends_at:
                found.append(report)
        return found

    def learn(self, report: Report, fingerprint: str) -> None:
        """Remembers a report once it is committed."""
        if len(self._echoes) >= MOST and report.key not in self._echoes:
            oldest = next(iter(self._echoes))
            del self._echoes[oldest]
        self._echoes[report.key] = Echo(report.content, report.firing, report.ends_at)
        self._keys[fingerprint] = report.key

    def expiry(self, fingerprint: str) -> float:
        """When the alert expires as far as its last report says; 0.0 if nothing is known."""
        echo = self._echoes.get(self._keys.get(fingerprint, b""))
        return echo.ends_at if echo and echo.firing else 0.0

    def forget(self, fingerprint: str) -> None:
        """The next report of it is looked at in full: its state was changed by something else."""
        self._echoes.pop(self._keys.pop(fingerprint, b""), None)
