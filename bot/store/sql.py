"""What the queries share: long lists as one bound value, many rows in one go, texts that every database takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ARRAY, ColumnElement, Connection, Dialect, Insert, Update, any_, func, literal, select

_MESS = re.compile("[\0\ud800-\udfff]")
_encode = msgspec.json.Encoder().encode


def among(conn: Connection, column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """`column IN (values)`, but one statement however many values there are: it is compiled once and has no longest list."""
    if conn.dialect.name == "sqlite":
        return column.in_(select(func.json_each(to_json(list(values))).table_valued("value").c.value))
    return column == any_(literal(list(values), ARRAY(column.type)))


class Bulk:
    """A statement that writes many rows. `columns`: what the tuples hold, in that order; those of its WHERE come last.

    Compiled once, and run past SQLAlchemy's treatment of single values, which costs more than SQLite's own work.
    """

    def __init__(self, statement: Insert | Update, columns: Sequence[str]) -> None:
        self._statement, self._columns = statement, list(columns)
        self._texts: dict[str, str] = {}

    def __call__(self, conn: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            text = self._texts.get(conn.dialect.name) or self._compile(conn.dialect)
            conn.exec_driver_sql(text, list(rows))

    def _compile(self, dialect: Dialect) -> str:
        names = set(self._statement.table.c.keys())
        compiled = self._statement.compile(dialect=dialect, column_keys=[name for name in self._columns if name in names])
        if compiled.positiontup != self._columns:
            raise TypeError(f"{self._statement.table} is written in the order {compiled.positiontup}, not {self._columns}")
        return self._texts.setdefault(dialect.name, str(compiled))


def clean(text: str) -> str:
    """The text with what PostgreSQL (NUL) or UTF-8 (half surrogates) cannot hold shown as U+FFFD."""
    return _MESS.sub("\ufffd", text)


def to_json(value: Any) -> bytes:
    """JSON of anything, half surrogates replaced: what a source let slip must not keep the rest from being stored."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return clean(json.dumps(msgspec.to_builtins(value), ensure_ascii=False)).encode()
