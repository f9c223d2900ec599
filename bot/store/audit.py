"""The audit log, as rows: only ever appended to, each with a hash over itself and the row before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache

from sqlalchemy import ColumnElement, Connection, insert, select

from bot.store.sql import Bulk, Query, clean
from bot.store.tables import audit
from rules.access import LEVELS, Sensitivity
from rules.audit_entry import START, Entry, Event, Row, canonical, link
from rules.redact import Redaction, Redactor

PAGE = 5000
"""Rows read at once when all are."""
TYPED = (Event.act, Event.refusal, Event.reveal, Event.request)
"""Kinds of entries that quote what people typed."""


def append(conn: Connection, entries: Sequence[Entry]) -> list[Row]:
    """Appends entries, in the transaction of what they tell: one query and one INSERT, however many. Returns them as rows."""
    if not entries:
        return []
    last = head(conn)
    number, before = (last.id, last.hash) if last else (0, START)
    rows: list[Row] = []
    for i, entry in enumerate(entries, 1):
        rows.append(_row(number + i, before, entry))
        before = rows[-1].hash
    _insert(conn, rows)
    return rows


def note(conn: Connection, batches: Sequence[Sequence[Entry]]) -> list[None]:
    """`append` for Store.write, for what is told by itself."""
    append(conn, [entry for batch in batches for entry in batch])
    return [None for _ in batches]


def head(conn: Connection) -> Row | None:
    """The last row."""
    found = _HEAD(conn)
    return Row._make(found[0]) if found else None


def rows(conn: Connection, *where: ColumnElement[bool]) -> Iterator[Row]:
    """All rows that fulfil the conditions, by number, as they are stored, also where somebody spoiled them."""
    query = select(audit).where(*where).order_by(audit.c.id).limit(PAGE)
    page, last = conn.execute(query).all(), -(2**63)
    while page and (top := max(row.id for row in page)) > last:  # in a file that is spoiled, rows may lead round in circles
        yield from map(Row._make, page)
        last = top
        page = conn.execute(query.where(audit.c.id > last)).all()


def without_secrets(text: str) -> str:
    """What somebody typed, without passwords and tokens, whatever the config says of them: the log is kept for ever."""
    return _secrets().text(text, None)


@cache
def _secrets() -> Redactor:
    from bot.detectors import secrets  # its library takes a fifth of a start, and nobody types before that

    rule = Redaction.model_validate({"name": "secret", "below": LEVELS[-1]})
    return Redactor([rule], Sensitivity.model_validate({}), {rule.name: secrets()})


def _row(number: int, before: str, entry: Entry) -> Row:
    typed = entry.kind in TYPED
    body = canonical({k: without_secrets(clean(v)) if typed and isinstance(v, str) else v for k, v in entry.body.items()})
    if (tidy := clean(body)) != body:
        body = canonical(json.loads(tidy))
    row = Row(number, float(entry.at), entry.kind.value, clean(entry.actor), clean(entry.channel), entry.incident, body, "")
    return row._replace(hash=link(before, row))


_HEAD = Query(lambda _: select(audit).order_by(audit.c.id.desc()).limit(1))
_insert = Bulk(insert(audit), Row._fields)
