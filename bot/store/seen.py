"""Signed requests that were taken once, as rows: remembered as long as their signature would still be accepted."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select

from bot.store.sql import Bulk, Query
from bot.store.tables import seen_requests


def first_time(conn: Connection, stamps: Sequence[tuple[str, float]], now: float) -> list[bool]:
    """Which of these (digest, until) were never taken before, also not by an earlier one of them; from now on all were.

    `until` and `now`: seconds since the epoch. Forgets what is over, so the table never grows beyond one time window.
    """
    conn.execute(_OVER, {"now": now})
    known = {row.digest for row in _KNOWN(conn, values=[digest for digest, _ in stamps])}
    first = []
    for digest, _ in stamps:
        first.append(digest not in known)
        known.add(digest)
    _insert(conn, [stamp for stamp, new in zip(stamps, first, strict=True) if new])
    return first


_OVER = delete(seen_requests).where(seen_requests.c.until < bindparam("now"))
_KNOWN = Query(lambda among: select(seen_requests.c.digest).where(among(seen_requests.c.digest)))
_insert = Bulk(insert(seen_requests), ("digest", "until"))
