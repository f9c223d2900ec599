"""The audit log is a chain: whatever is changed in it afterwards shows."""

import asyncio
import hashlib
import itertools
import json
import shutil
import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import Connection, select, update

from bot.store import audit, tables
from bot.store.engine import Store
from bot.store.look import look
from bot.store.writer import StoreUnavailable
from rules.audit_entry import START, Entry, Event, Row, Verdict, walk
from tests.standins.stores import statements, write
from tests.store.rows import NOW


def entries(count: int) -> list[Entry]:
    return [Entry(NOW + i / 8, Event.act, "anä\ufffd", "db", i, {"verb": "ack", "line": f"ack {i}"}) for i in range(count)]


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
    assert json.loads(row.body) == body | {"line": "a\ufffdb \ufffd é 🚨\u2028"}
    assert row.body.startswith('{"a":')


# --- What somebody changed afterwards -------------------------------------------------------------------------------

COUNT = 8
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with COUNT rows in its log."""
    path = tmp_path_factory.mktemp("audit") / "tocsin.db"

    async def make() -> None:
        store = await Store.open(f"sqlite:///{path}")
        await store.write(audit.note, entries(COUNT))
        await store.close()

    asyncio.run(make())
    return path


class Copy:
    """A copy of the store, to spoil."""

    def __init__(self, made: Path) -> None:
        self.path = made.with_name(f"{next(NUMBERS)}.db")
        shutil.copy(made, self.path)

    def do(self, statement: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as raw:
            raw.execute(statement, values)

    def verdict(self, expected: str = "") -> Verdict:
        return asyncio.run(look(f"sqlite:///{self.path}", lambda conn: walk(audit.rows(conn), expected)))


@cache
def rows_in(path: Path) -> list[Row]:
    return asyncio.run(look(f"sqlite:///{path}", lambda conn: list(audit.rows(conn))))


def flipped(value: Any, bit: int) -> Any:
    """The value with one bit changed: (what to write in SQL, the value)."""
    form = {float: ">d", int: ">q"}.get(type(value))
    stored = bytearray(struct.pack(form, value) if form else value.encode())
    stored[bit // 8 % len(stored)] ^= 1 << bit % 8
    return struct.unpack(form, stored)[0] if form else bytes(stored)


@given(number=st.integers(1, COUNT), column=st.sampled_from(Row._fields[1:]), bit=st.integers(0, 10**4))
def test_any_bit_of_any_row(made: Path, number: int, column: str, bit: int) -> None:
    value = flipped(getattr(rows_in(made)[number - 1], column), bit)
    assume(value == value)  # SQLite keeps no NaN
    copy = Copy(made)
    copy.do(f"UPDATE audit SET {column} = {'CAST(? AS TEXT)' if isinstance(value, bytes) else '?'} WHERE id = ?", value, number)
    found = copy.verdict()
    assert (found.broken, found.count) == (number, number - 1)


@given(number=st.integers(1, COUNT), bit=st.integers(0, 63))
def test_any_bit_of_any_number(made: Path, number: int, bit: int) -> None:
    moved = flipped(number, bit)
    assume(not 1 <= moved <= COUNT)
    copy = Copy(made)
    copy.do("UPDATE audit SET id = ? WHERE id = ?", moved, number)
    assert copy.verdict().broken == (moved if moved < 1 or number == COUNT else number + 1)


@given(data=st.data())
def test_any_bit_of_the_file(made: Path, data: st.DataObject) -> None:
    """Whatever is not read as it was written is told, also where SQLite's own marks of type and length are hit."""
    copy = Copy(made)
    before, stored = repr(rows_in(made)), bytearray(copy.path.read_bytes())
    begin, end = stored.index(b'{"line":"ack 7"') - 120, stored.index(b'{"line":"ack 0"') + 200  # pages fill up from their end
    place = data.draw(st.integers(begin, end))
    stored[place] ^= 1 << data.draw(st.integers(0, 7))
    copy.path.write_bytes(stored)
    try:
        broken, after = copy.verdict().broken, rows_in(copy.path)
    except StoreUnavailable:
        return
    assert broken is not None or repr(after) == before


def test_rows_that_lead_round_in_circles(made: Path) -> None:
    """The number of the last row made smaller in the file itself: SQLite then finds rows behind it again and again."""
    copy = Copy(made)
    stored = bytearray(copy.path.read_bytes())
    place = stored.index(b'{"line":"ack 7"')
    while stored[place : place + 2] != bytes([COUNT, 10]):  # the number, and how long the head of the row is
        place -= 1
    stored[place] = 2
    copy.path.write_bytes(stored)
    assert len(rows_in(copy.path)) == COUNT
    assert copy.verdict().broken == 2


SPOILED = {
    "a row is gone": ("DELETE FROM audit WHERE id = 4", 5, "row 4 is missing before it"),
    "rows are gone": ("DELETE FROM audit WHERE id IN (3, 4)", 5, "rows 3 to 4 are missing before it"),
    "the first is gone": ("DELETE FROM audit WHERE id = 1", 2, "row 1 is missing before it"),
    "a gap was closed": ("UPDATE audit SET id = id - 1 WHERE id > 4 OR (id = 4 AND 0)", 4, "not what was written"),
    "one was put in front": ("INSERT INTO audit SELECT 0, at, kind, actor, channel, incident, body, hash FROM audit WHERE id = 1",
                             0, "no place in the chain for a row 0"),
    "one was added": ("INSERT INTO audit SELECT 9, at, kind, actor, channel, incident, body, hash FROM audit WHERE id = 8",
                      9, "not what was written"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_rows_that_are_gone_or_new(made: Path, name: str) -> None:
    statement, broken, why = SPOILED[name]
    copy = Copy(made)
    if "closed" in name:
        copy.do("DELETE FROM audit WHERE id = 4")
    copy.do(statement)
    assert copy.verdict().broken == broken
    assert why in copy.verdict().why


def test_rows_that_changed_places(made: Path) -> None:
    copy = Copy(made)
    for old, new in ((3, 99), (5, 3), (99, 5)):
        copy.do("UPDATE audit SET id = ? WHERE id = ?", new, old)
    assert copy.verdict().broken == 3


def test_what_was_cut_off_shows_beside_a_noted_head(made: Path) -> None:
    copy = Copy(made)
    head = copy.verdict().head
    assert copy.verdict(head) == Verdict(COUNT, head, None, "", COUNT)
    copy.do("DELETE FROM audit WHERE id > 6")
    assert copy.verdict(head).broken is None  # the chain alone cannot tell
    assert copy.verdict(head).kept is None
    copy.do("DELETE FROM audit")
    assert copy.verdict(head) == Verdict(0, START, None, "", None)


CHANGED = {"at": NOW, "kind": "refusal", "actor": "ben", "channel": "", "incident": 9, "body": "{}", "hash": START}


@pytest.mark.parametrize("column", CHANGED)
async def test_each_database_tells(store: Store, store_url: str, column: str) -> None:
    await store.write(audit.note, entries(4))
    change = update(tables.audit).where(tables.audit.c.id == 3).values({column: CHANGED[column]})
    await write(store, Connection.execute, change)
    assert (await look(store_url, lambda conn: walk(audit.rows(conn)))).broken == 3  # while Tocsin runs
    await store.write(audit.note, entries(1))
    assert (await look(store_url, lambda conn: walk(audit.rows(conn)))).broken == 3


async def test_a_log_is_read_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PAGE", 2)
    await store.write(audit.note, entries(5))
    assert await store.read(lambda conn: [row.id for row in audit.rows(conn)]) == [1, 2, 3, 4, 5]


async def test_a_transaction_that_fails_leaves_no_row(store: Store) -> None:
    def fail(conn: Connection, items: Sequence[None]) -> list[None]:
        audit.append(conn, entries(1))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.write(fail, None)
    await store.write(audit.note, entries(2))
    assert (await store.read(lambda conn: walk(audit.rows(conn)))).count == 2


async def test_one_insert_however_many(store: Store) -> None:
    with statements() as seen:
        await store.write(audit.note, entries(50))
    assert len([one for one in seen if "audit" in one]) == 2
