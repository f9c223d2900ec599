"""What Tocsin tells its admins, as alerts of its own: each fires as long as it is true. None ever names a secret."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from rules.alert import OWN_SOURCE, Alert, Severity, fingerprint

Key = tuple[str, str]
"""The name of the alert, and what it is about."""

NOT_HEARD = "TocsinNotHeard"
CHAT_DOWN = "TocsinChatDown"
CRITICAL = frozenset({NOT_HEARD, CHAT_DOWN})
"""Who hears or tells nothing any more is blind or mute: worse than a card that shows late."""

ALSO_IN = "channel"
"""The annotation that names another channel than the admins' in which to show it."""


class Notice(NamedTuple):
    """What is to be told, and in which channel besides that of the admins."""

    text: str
    channel: str = ""


class Notices:
    """What is to be told now, beside the troubles that Watch finds by itself. `changed` is set when it is something else."""

    def __init__(self, *looks: Callable[[], Awaitable[Mapping[Key, Notice]]]) -> None:
        self._looks = list(looks)
        self.changed = asyncio.Event()

    def add(self, *looks: Callable[[], Awaitable[Mapping[Key, Notice]]]) -> None:
        self._looks += looks

    async def now(self) -> dict[Key, Notice]:
        """Raises StoreUnavailable."""
        found: dict[Key, Notice] = {}
        for look in self._looks:
            found |= await look()
        return found


def labels_of(key: Key) -> dict[str, str]:
    return {"alertname": key[0], "about": key[1], "severity": _severity(key).name}


def _severity(key: Key) -> Severity:
    return Severity.critical if key[0] in CRITICAL else Severity.high


def own_alert(key: Key, notice: Notice, now: float, firing: bool) -> Alert:
    """The alert that tells it, or that it is over."""
    labels, texts = labels_of(key), {"summary": notice.text}
    if notice.channel:
        texts[ALSO_IN] = notice.channel
    return Alert(OWN_SOURCE, fingerprint(labels), labels, texts, _severity(key), firing, now, 0.0 if firing else now)
