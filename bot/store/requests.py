"""Acts that wait for a second person, as rows. Each is decided once; what is over cannot be decided any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, literal_column, select, update

from bot.store import audit
from bot.store.counters import take
from bot.store.sql import Query, clean, to_json
from bot.store.tables import requests
from rules.audit_entry import Entry, Event

TOO_LATE = "That was decided a moment ago, by somebody else or by time. Nothing was done."


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a second person is asked, and whom. `level`: how secret what it touches was then. `channel`: where it was asked."""

    why: str
    groups: tuple[str, ...]
    verb: str
    level: str
    channel: str = ""


class Request(msgspec.Struct, frozen=True):
    """`line`: the command as it was typed, untrusted. `state`: open, approved, denied, ended. Times: seconds since the epoch."""

    id: int
    by: str
    line: str
    at: float
    until: float
    asked: Asked
    state: str = "open"
    decided_by: str = ""
    decided_at: float = 0.0


class Decision(msgspec.Struct, frozen=True):
    """What somebody said to a request: `state` is approved or denied."""

    id: int
    state: str
    by: str
    at: float
    why: str = ""


def add(conn: Connection, request: Request) -> Request:
    """Returns it with the number that it got."""
    request = msgspec.structs.replace(request, id=take(conn, "request", 1))
    values = msgspec.structs.asdict(request)
    body = to_json(values.pop("asked")).decode()
    conn.execute(insert(requests).values({**values, "line": clean(request.line), "body": body}))
    return request


def load(conn: Connection, number: int) -> Request | None:
    found = conn.execute(select(requests).where(requests.c.id == number)).first()
    return _from_row(found) if found else None


def waiting(conn: Connection, now: float) -> list[Request]:
    """Those that can still be decided, the oldest first."""
    return [_from_row(row) for row in _OPEN(conn) if row.until > now]


def over(conn: Connection, now: float) -> list[Request]:
    """Those that nobody decided in time and that are not marked so yet."""
    return [_from_row(row) for row in _OPEN(conn) if row.until <= now]


def settle(conn: Connection, decision: Decision) -> bool:
    """Whether it could still be decided, and now is, with a row in the audit log; in the transaction of what follows from it."""
    request = load(conn, decision.id)
    if request is None or not _decide(conn, decision):
        return False
    body = {"request": decision.id, "state": decision.state, "asked_by": request.by, "verb": request.asked.verb}
    why = {"why": decision.why} if decision.why else {}
    audit.append(conn, [Entry(decision.at, Event.request, decision.by, request.asked.channel, 0, body | why)])
    return True


def _decide(conn: Connection, decision: Decision) -> bool:
    fits = (requests.c.id == decision.id) & (requests.c.state == "open") & (requests.c.until > decision.at)
    values = {"state": decision.state, "decided_by": decision.by, "decided_at": decision.at}
    return conn.execute(update(requests).where(fits).values(values)).rowcount == 1


def end(conn: Connection, numbers: Sequence[int], now: float) -> None:
    """Marks those that nobody decided."""
    fits = requests.c.id.in_(numbers) & (requests.c.state == "open")
    conn.execute(update(requests).where(fits).values(state="ended", decided_at=now))


def sweep(conn: Connection, before: float) -> None:
    """Forgets those that were decided, or over, before a time."""
    conn.execute(delete(requests).where(requests.c.state != "open", requests.c.until < before))


_OPEN = Query(lambda _: select(requests).where(requests.c.state == literal_column("'open'")).order_by(requests.c.id))


def _from_row(row: Any) -> Request:
    asked = msgspec.json.decode(row.body, type=Asked)
    return Request(row.id, row.by, row.line, row.at, row.until, asked, row.state, row.decided_by, row.decided_at)
