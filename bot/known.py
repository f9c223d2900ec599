"""What was reported lately, so that a report that repeats it costs a look-up and no row write."""

from __future__ import annotations

import msgspec

from rules.alert import Report

MOST = 1_000_000
"""Alerts remembered per source; beyond it the longest known are looked up in the store instead."""

MOST_TWINS = 8
"""Keys remembered per alert."""


class Echo(msgspec.Struct, gc=False):
    """The last report with these label bytes. `ends_at`: a firing one's expiry, later than the row's while it is re-sent."""

    content: int
    firing: bool
    ends_at: float


class Known:
    """The last reports of one source, by the sender's own bytes.

    Several keys may name one alert: twins of a redundant pair, or senders that order labels differently.
    """

    def __init__(self) -> None:
        self._echoes: dict[bytes, Echo] = {}
        self._keys: dict[str, tuple[bytes, ...]] = {}

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
            elif echo.ends_at != report.ends_at:
                if report.firing:
                    echo.ends_at = report.ends_at
                else:
                    found.append(report)
        return found

    def learn(self, report: Report, fingerprint: str) -> None:
        """Remembers a report once it is committed. What its twins said of another state counts no longer."""
        known = self._keys.get(fingerprint, ())
        if not known and len(self._keys) >= MOST:
            self.forget(next(iter(self._keys)))
        self._echoes[report.key] = Echo(report.content, report.firing, report.ends_at)
        if not known:
            self._keys[fingerprint] = (report.key,)
            return
        others = [key for key in known if key != report.key]
        twins = [key for key in others if self._echoes[key].firing is report.firing][: MOST_TWINS - 1]
        for key in others:
            if key not in twins:
                del self._echoes[key]
        self._keys[fingerprint] = (report.key, *twins)

    def expiry(self, fingerprint: str) -> float:
        """When the alert expires as far as its last reports say; 0.0 if nothing is known."""
        echoes = (self._echoes[key] for key in self._keys.get(fingerprint, ()))
        return max((echo.ends_at for echo in echoes if echo.firing), default=0.0)

    def forget(self, fingerprint: str) -> None:
        """The next report of it is looked at in full: its state was changed by something else."""
        for key in self._keys.pop(fingerprint, ()):
            del self._echoes[key]
