"""The audit log is a chain: whatever is changed in it afterwards shows."""

import hashlib
import json

from sqlalchemy import Connection, select

from bot.store import audit, tables
from bot.store.engine import Store
from rules.audit_entry import START, Entry, Event, Row
from tests.store.rows import NOW


def entries(count: int) -> list[Entry]:
    return [Entry(NOW + i / 8, Event.act, "ana", "db", i, {"verb": "ack", "line": f"ack {i}"}) for i in range(count)]


def rows_of(conn: Connection) -> list[Row]:
    return [Row._make(row) for row in conn.execute(select(tables.audit).order_by(tables.audit.c.id))]


async def test_rows_are_numbered_and_chained(store: Store) -> None:
    for batch in (entries(3), [], entries(2)):
        await store.write(audit.note, batch)
    rows = await store.read(rows_of)
    assert [row.id for row in rows] == [1, 2, 3, 4, 5]
    assert rows[-1] == await store.read(audit.head)
    before = START
    for row in rows:  # as docs/audit.md tells others to check it
        content = json.dumps([before, *row[:-1]], separators=(",", ":"), ensure_ascii=False)
        before = hashlib.sha256(content.encode()).hexdigest()
        assert row.hash == before


async def test_any_text_can_be_told(store: Store) -> None:
    body = {"line": "a\0b \ud83d é 🚨\u2028", "list": [1, 2.5, None, True], "a": "first"}
    await store.write(audit.note, [Entry(NOW, Event.refusal, "a\0\ud83d", "c\0", 7, body)])
    (row,) = await store.read(rows_of)
    assert (row.actor, row.channel, row.incident) == ("a\ufffd\ufffd", "c\ufffd", 7)
    assert json.loads(row.body) == body | {"line": "a\0b \ufffd é 🚨\u2028"}
    assert row.body.startswith('{"a":')
