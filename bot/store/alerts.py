"""Alerts as rows: loaded and saved by the hundred."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, insert, literal_column, select, update

from bot.store import news
from bot.store.sql import Bulk, Query, to_json
from bot.store.tables import alerts, members
from rules.alert import Alert, AlertState, Link, Severity

Key = tuple[str, str]
"""Source and fingerprint."""


class AlertRow(msgspec.Struct):
    """An alert with what is known and decided about it. `id` 0: not saved yet. `inhibits`: see the table."""

    id: int
    alert: Alert
    state: AlertState
    sensitivity: str
    seen_at: float
    decided: str = ""
    inhibits: str | None = None

    @property
    def key(self) -> Key:
        return self.alert.source, self.alert.fingerprint


def load(conn: Connection, keys: Iterable[Key]) -> dict[Key, AlertRow]:
    """The rows of those keys that are known."""
    prints: dict[str, list[str]] = defaultdict(list)
    for source, fingerprint in keys:
        prints[source].append(fingerprint)
    found: dict[Key, AlertRow] = {}
    for source, of_source in prints.items():
        for row in _LOAD(conn, source=source, values=of_source):
            found[source, row.fingerprint] = _from_row(row)
    return found


def load_ids(conn: Connection, ids: Iterable[int]) -> dict[int, AlertRow]:
    return {row.id: _from_row(row) for row in _LOAD_IDS(conn, values=list(ids))}


def add(conn: Connection, rows: Sequence[AlertRow]) -> None:
    """Inserts rows whose `id` is set."""
    _insert(conn, [(row.id, row.alert.source, row.alert.fingerprint, *_said(row)) for row in rows])


def save(conn: Connection, rows: Sequence[AlertRow]) -> None:
    news.changed(conn, [row.key for row in rows])
    _update(conn, [(*_said(row), row.id) for row in rows])


def expiring(conn: Connection, now: float, limit: int) -> list[AlertRow]:
    """Firing alerts that were not reported again in time, as far as the rows know."""
    query = (
        select(alerts).where(alerts.c.firing, alerts.c.expires_at > literal_column("0"), alerts.c.expires_at <= now).limit(limit)
    )
    return [_from_row(row) for row in conn.execute(query).all()]


def extend(conn: Connection, expiries: Sequence[tuple[int, float]]) -> None:
    """Writes later expiry times: (alert id, seconds since the epoch)."""
    _extend(conn, [(at, alert_id) for alert_id, at in expiries])


def inhibiting(conn: Connection) -> list[tuple[int, str, str]]:
    """(id, inhibits, title) of the firing alerts that mute others."""
    query = select(alerts).where(alerts.c.inhibits.is_not(None), alerts.c.firing)
    return [(row.id, row.inhibits, _from_row(row).alert.title) for row in conn.execute(query).all()]


def firing_marks(conn: Connection, after_id: int, limit: int) -> list[tuple[int, dict[str, str], str | None]]:
    """(id, labels, inhibits) of firing alerts in the order of their ids: no more than marking them anew asks for."""
    columns = (alerts.c.id, alerts.c.labels, alerts.c.inhibits)
    query = select(*columns).where(alerts.c.id > after_id, alerts.c.firing).order_by(alerts.c.id).limit(limit)
    return [(row[0], _DICT.decode(row[1]), row[2]) for row in conn.execute(query).all()]


def mark(conn: Connection, marks: Sequence[tuple[int, str | None]]) -> None:
    """Writes anew what alerts inhibit: (alert id, inhibits)."""
    _mark(conn, [(inhibits, alert_id) for alert_id, inhibits in marks])


def unmark_all(conn: Connection) -> None:
    """There is no inhibition rule any more."""
    conn.execute(update(alerts).where(alerts.c.inhibits.is_not(None)).values(inhibits=None))


def firing_of(conn: Connection, source: str) -> list[AlertRow]:
    """All firing alerts of one source."""
    return [_from_row(row) for row in conn.execute(select(alerts).where(alerts.c.source == source, alerts.c.firing))]


def firing_after(conn: Connection, after_id: int, limit: int) -> list[AlertRow]:
    """Firing alerts in the order of their ids, for walks over all of them."""
    query = select(alerts).where(alerts.c.id > after_id, alerts.c.firing).order_by(alerts.c.id).limit(limit)
    return [_from_row(row) for row in conn.execute(query).all()]


def after(conn: Connection, after_id: int, limit: int) -> list[AlertRow]:
    """All alerts, firing or not, in the order of their ids."""
    query = select(alerts).where(alerts.c.id > after_id).order_by(alerts.c.id).limit(limit)
    return [_from_row(row) for row in conn.execute(query).all()]


def relevel(conn: Connection, levels: Mapping[int, str]) -> None:
    """Writes anew how secret alerts are: alert id -> level."""
    _relevel(conn, [(level, alert_id) for alert_id, level in levels.items()])


def unused(conn: Connection, before: float, limit: int) -> Sequence[Any]:
    """(id, source, fingerprint) of alerts that neither fire nor belong to an incident and were last seen before `before`."""
    query = (
        select(alerts.c.id, alerts.c.source, alerts.c.fingerprint)
        .where(
            ~alerts.c.firing, alerts.c.seen_at < before, ~select(members.c.alert).where(members.c.alert == alerts.c.id).exists()
        )
        .limit(limit)
    )
    return conn.execute(query).all()


_SAID = (
    "labels", "annotations", "links", "severity", "sensitivity", "firing", "starts_at", "ends_at", "expires_at", "expired",
    "resolved_on", "seen_at", "decided", "inhibits",
)  # fmt: skip
_LOAD = Query(lambda among: select(alerts).where(alerts.c.source == bindparam("source"), among(alerts.c.fingerprint)))
_LOAD_IDS = Query(lambda among: select(alerts).where(among(alerts.c.id)))
_insert = Bulk(insert(alerts), ("id", "source", "fingerprint", *_SAID))
_update = Bulk(update(alerts).where(alerts.c.id == bindparam("b_id")), (*_SAID, "b_id"))
_mark = Bulk(update(alerts).where(alerts.c.id == bindparam("b_id")), ("inhibits", "b_id"))
_relevel = Bulk(update(alerts).where(alerts.c.id == bindparam("b_id")), ("sensitivity", "b_id"))
_extend = Bulk(update(alerts).where(alerts.c.id == bindparam("b_id")), ("expires_at", "b_id"))


def _said(row: AlertRow) -> tuple[Any, ...]:
    """All columns but those that name the alert, in the order of _SAID."""
    alert, state = row.alert, row.state
    links = to_json(alert.links).decode() if alert.links else "[]"
    return (
        to_json(alert.labels).decode(), to_json(alert.annotations).decode(), links, int(alert.severity), row.sensitivity,
        1 if state.firing else 0, state.starts_at, state.ends_at, state.expires_at, 1 if state.expired else 0,
        state.resolved_on, row.seen_at, row.decided, row.inhibits,
    )  # fmt: skip


def _from_row(row: Any) -> AlertRow:
    state = AlertState(row.firing, row.starts_at, row.ends_at, row.expires_at, row.expired, row.resolved_on)
    alert = Alert(
        source=row.source,
        fingerprint=row.fingerprint,
        labels=_DICT.decode(row.labels),
        annotations=_DICT.decode(row.annotations),
        severity=Severity(row.severity),
        firing=row.firing,
        starts_at=row.starts_at,
        ends_at=row.expires_at if row.firing else row.ends_at,
        links=_LINKS.decode(row.links),
    )
    return AlertRow(row.id, alert, state, row.sensitivity, row.seen_at, row.decided, row.inhibits)


_DICT = msgspec.json.Decoder(dict[str, str])
_LINKS = msgspec.json.Decoder(tuple[Link, ...])
