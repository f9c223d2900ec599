"""What the queries share: long lists as one bound value, many rows in one go, texts that every database takes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec
from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Connection,
    Dialect,
    Insert,
    Row,
    Select,
    Text,
    Update,
    any_,
    bindparam,
    func,
    literal,
    select,
)  # fmt: skip

_MESS = re.compile("[\0\ud800-\udfff]")
_encode = msgspec.json.Encoder().encode


def among(conn: Connection, column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """`column IN (values)`, but one statement however many values there are: it is compiled once and has no longest list."""
    if conn.dialect.name == "sqlite":
        return column.in_(select(func.json_each(to_json(list(values))).table_valued("value").c.value))
    return column == any_(literal(list(values), ARRAY(column.type)))


class In(Protocol):
    """`column IN (the list bound as `name`)`, one bound value however long it is."""

    def __call__(self, column: ColumnElement[Any], name: str = "values") -> ColumnElement[bool]: ...


class Query:
    """A query of the hot path: built once per database, for building one costs more than SQLite takes to answer it.

    `build` gets an `In` and returns the statement; lists among its parameters are bound as one value.
    """

    def __init__(self, build: Callable[[In], Select[Any]]) -> None:
        self._build = build
        self._built: dict[str, Select[Any]] = {}

    def __call__(self, conn: Connection, **params: Any) -> Sequence[Row[Any]]:
        """All rows; none, without asking, when there is nothing among `values`."""
        if params.get("values") == []:
            return []
        dialect = conn.dialect.name
        query = self._built.get(dialect)
        if query is None:
            query = self._built[dialect] = self._build(_each if dialect == "sqlite" else _any)
        if dialect == "sqlite":
            params = {name: to_json(value).decode() if isinstance(value, list) else value for name, value in params.items()}
        return conn.execute(query, params).all()


def _each(column: ColumnElement[Any], name: str = "values") -> ColumnElement[bool]:
    return column.in_(select(func.json_each(bindparam(name, type_=Text())).table_valued("value").c.value))


def _any(column: ColumnElement[Any], name: str = "values") -> ColumnElement[bool]:
    return column == any_(bindparam(name, type_=ARRAY(column.type)))


class Bulk:
    """A statement that writes many rows. `columns`: what the tuples hold, in that order; those of its WHERE come last.

    Compiled once, and run past SQLAlchemy's treatment of single values, which costs more than SQLite's own work. What is true or
    false may be written as 1 or 0: Python's sqlite3 takes longer over one bool than over five numbers.
    """

    def __init__(self, statement: Insert | Update, columns: Sequence[str]) -> None:
        self._statement, self._columns = statement, list(columns)
        self._texts: dict[str, str] = {}
        types = {column.key: column.type for column in statement.table.c}
        self._booleans = [place for place, name in enumerate(columns) if isinstance(types.get(name), Boolean)]

    def __call__(self, conn: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            text = self._texts.get(conn.dialect.name) or self._compile(conn.dialect)
            strict = self._booleans and conn.dialect.name != "sqlite"
            conn.exec_driver_sql(text, [self._with_booleans(row) for row in rows] if strict else list(rows))

    def _with_booleans(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        for place in self._booleans:
            values[place] = bool(values[place])
        return tuple(values)

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
