"""Firing alerts, page by page, as a person may see them: with what mutes them, and the channels they go to as receivers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from bot.alertmanager.asked import Asked
from bot.alertmanager.shapes import GettableAlert, Name, Status, fingerprint, time_text, uuid_of
from bot.disclosure import Eyes
from bot.silencing import level_of
from bot.store import alerts, members, silences
from bot.store.alerts import AlertRow
from bot.store.engine import Store
from rules.matcher import match_all
from rules.mute import Silence, Sources, inhibitor
from rules.route import Node

PAGE = 50
"""Alerts looked at without a pause: the event loop waits meanwhile."""

RENEWED_SECONDS = 300.0
"""An alert that fires with no end in sight is said to end so much later, as Alertmanager's `resolve_timeout` does."""


class Found(NamedTuple):
    """An alert as it is shown. `nodes`: the routes that take it."""

    alert: GettableAlert
    row: AlertRow
    nodes: Sequence[Node]


class Mutes(NamedTuple):
    """What mutes alerts. `sources`: as rules.mute has them, with fingerprints for titles: empty where nobody may know which."""

    silences: list[Silence]
    sources: Sources


class Walk:
    """Over all alerts that fire, for one request. `expiry`: when one ends as its last report says, if its row lags behind."""

    def __init__(self, store: Store, eyes: Eyes, asked: Asked, expiry: Callable[[str, str], float], now: float) -> None:
        self._store, self._eyes, self._asked, self._expiry, self._now = store, eyes, asked, expiry, now
        self._policy = eyes.policy

    async def pages(self) -> AsyncIterator[list[Found]]:
        """What is to be shown. Raises StoreUnavailable."""
        mutes, last = await self._store.read(_mutes, self._eyes, self._now), 0
        while rows := await self._store.read(alerts.firing_after, last, PAGE):
            last = rows[-1].id
            yield [found for row in rows if (found := self._found(row, mutes))]

    async def disclosed(self, page: Sequence[Found]) -> list[int]:
        """The incidents of which a page tells something that must be proven later."""
        needs_proof = self._policy.sensitivity.needs_proof
        secret = [one.row.id for one in page if needs_proof(one.row.sensitivity)]
        places = await self._store.read(members.firing, secret) if secret else []
        return sorted({place.incident for place in places})

    def _found(self, row: AlertRow, mutes: Mutes) -> Found | None:
        eyes, asked = self._eyes, self._asked
        if not eyes.cleared_for(row.sensitivity) or not eyes.match(asked.matchers, row.alert.labels):
            return None
        nodes = self._policy.routes_of(row.alert)
        receivers = list(dict.fromkeys(name for node in nodes for name in node.channels))
        if not asked.takes(receivers):
            return None
        status = self._status(row.alert.labels, mutes)
        return Found(self._shown(row, receivers, status), row, nodes) if status else None

    def _status(self, labels: Mapping[str, str], mutes: Mutes) -> Status | None:
        """What mutes an alert, as far as this person may know; None if such alerts are not asked for."""
        asked, eyes = self._asked, self._eyes
        by = [one for one in mutes.silences if one.active(self._now) and match_all(one.matchers, labels)]
        source = inhibitor(labels, self._policy.inhibitions, mutes.sources) if mutes.sources else None
        muted = bool(by) or source is not None
        if (by and not asked.silenced) or (source is not None and not asked.inhibited) or not (muted or asked.active):
            return None
        known = [uuid_of(one.id) for one in by if sees(eyes, one) and eyes.match(one.matchers, labels)]
        return Status([source] if source else [], known, "suppressed" if muted else "active")

    def _shown(self, row: AlertRow, receivers: Sequence[str], status: Status) -> GettableAlert:
        alert = self._eyes.shown(row.alert)
        ends_at = max(row.state.expires_at, self._expiry(row.alert.source, row.alert.fingerprint))
        return GettableAlert(
            annotations=alert.annotations,
            endsAt=time_text(ends_at if ends_at > self._now else self._now + RENEWED_SECONDS),
            fingerprint=fingerprint(alert.labels),
            receivers=[Name(name) for name in receivers],
            startsAt=time_text(alert.starts_at),
            status=status,
            updatedAt=time_text(row.seen_at),
            generatorURL=next((link.url for link in alert.links if link.name in ("graph", "source")), ""),
            labels=alert.labels,
        )


def sees(eyes: Eyes, silence: Silence) -> bool:
    return eyes.cleared_for(level_of(silence, eyes.policy))


def _mutes(conn: Connection, eyes: Eyes, now: float) -> Mutes:
    found: dict[int, dict[tuple[str, ...], str]] = defaultdict(dict)
    marked = {number: marks for number, marks, _ in alerts.inhibiting(conn)} if eyes.policy.inhibitions else {}
    for number, row in alerts.load_ids(conn, marked).items():
        known = fingerprint(eyes.shown(row.alert).labels) if eyes.cleared_for(row.sensitivity) else ""
        for place, mark in msgspec.json.decode(marked[number], type=list[tuple[int, tuple[str, ...]]]):
            found[place][mark] = found[place].get(mark) or known
    return Mutes(silences.current(conn, now), found)
