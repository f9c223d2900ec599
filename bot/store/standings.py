"""What channels merit, as rows: for `tocsin access`, for other replicas, and to tell after a restart what changed meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, delete, insert, select

from bot.store import audit, news
from bot.store.sql import among
from bot.store.tables import standings
from rules.audit_entry import Entry, Event
from rules.standing import Standing

_BODY = msgspec.json.Decoder(Standing)


def known(conn: Connection) -> dict[str, Standing]:
    """The last standing of each channel that ever had one, by name."""
    rows = conn.execute(select(standings).order_by(standings.c.channel))
    return {row.channel: _BODY.decode(row.body) for row in rows}


def keep(conn: Connection, found: Sequence[tuple[Standing, float]]) -> list[bool]:
    """Writes standings down, each with the time of that; one whose verdict is another one than before is audited.

    Says of each whether it was.
    """
    names = [standing.channel for standing, _ in found]
    rows = conn.execute(select(standings).where(among(conn, standings.c.channel, names)))
    before = {row.channel: _BODY.decode(row.body) for row in rows}
    changed = []
    for standing, _ in found:
        last = before.get(standing.channel)
        changed.append(last is None or last.verdict != standing.verdict)
        before[standing.channel] = standing
    conn.execute(delete(standings).where(among(conn, standings.c.channel, names)))
    conn.execute(insert(standings), [
        {"channel": name, "at": standing.at, "body": msgspec.json.encode(standing)} for name, standing in before.items()
    ])  # fmt: skip
    news.granted(conn)
    audit.append(conn, [_entry(standing, now) for (standing, now), new in zip(found, changed, strict=True) if new])
    return changed


def _entry(standing: Standing, now: float) -> Entry:
    body = msgspec.to_builtins(standing.verdict)
    return Entry(now, Event.standing, channel=standing.channel, body={key: body[key] for key in _TOLD})


_TOLD = ("clearance", "breaches", "members", "roles", "owner", "administrators")
