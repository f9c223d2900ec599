"""What the queries share: long lists as one bound value, many rows in one go, texts that every database takes."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, cast

import msgspec
from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Connection,
    Dialect,
    Insert,
    Select,
    Text,
    TextualSelect,
    Update,
    any_,
    bindparam,
    func,
    literal,
    select,
)  # fmt: skip
from sqlalchemy.exc import DBAPIError

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

    `build` gets an `In` and returns the statement; lists among its parameters are bound as one value. SQLite is asked past
    SQLAlchemy, which takes ten times as long as its answer.
    """

    def __init__(self, build: Callable[[In], Select[Any] | TextualSelect]) -> None:
        self._build = build
        self._built: dict[str, Select[Any] | TextualSelect] = {}
        self._plain: _Plain | None = None

    def __call__(self, conn: Connection, **params: Any) -> Sequence[Any]:
        """All rows, columns by name and in order; none, without asking, when there is nothing among `values`."""
        if params.get("values") == []:
            return []
        if conn.dialect.name == "sqlite":
            if self._plain is None:
                self._plain = _Plain(self._build(_each), conn.dialect)
            return self._plain(conn, params)
        dialect = conn.dialect.name
        query = self._built.get(dialect)
        if query is None:
            query = self._built[dialect] = self._build(_any)
        return conn.execute(query, params).all()


class _Plain:
    """A query as SQLite itself takes it."""

    def __init__(self, query: Select[Any] | TextualSelect, dialect: Dialect) -> None:
        compiled, columns = query.compile(dialect=dialect), query.selected_columns
        self._text, self._names, self._given = str(compiled), compiled.positiontup or [], compiled.params
        row: Any = namedtuple("row", columns.keys(), rename=True)  # type: ignore[misc] # its names are the query's
        self._row = row._make
        self._booleans = [place for place, column in enumerate(columns) if isinstance(column.type, Boolean)]

    def __call__(self, conn: Connection, params: dict[str, Any]) -> Sequence[Any]:
        for name, value in params.items():
            if isinstance(value, list):
                params[name] = to_json(value).decode()
        params = self._given | params
        found = plainly(conn, self._text, [params[name] for name in self._names])
        if self._booleans:
            found = [with_booleans(row, self._booleans) for row in found]
        return list(map(self._row, found))


def plainly(conn: Connection, text: str, values: Sequence[Any], many: bool = False) -> list[tuple[Any, ...]]:
    """What SQLite answers when it is asked past SQLAlchemy. `many`: the values are rows. Raises SQLAlchemy's errors."""
    raw = cast(sqlite3.Connection, conn.connection.dbapi_connection)
    try:
        return (raw.executemany if many else raw.execute)(text, values).fetchall()
    except sqlite3.Error as problem:
        raise DBAPIError.instance(text, None, problem, sqlite3.Error, hide_parameters=True) from problem  # errors go to logs


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
        if not rows:
            return
        text = self._texts.get(conn.dialect.name) or self._compile(conn.dialect)
        if conn.dialect.name == "sqlite":
            plainly(conn, text, rows, many=True)
        else:
            conn.exec_driver_sql(text, [with_booleans(row, self._booleans) for row in rows] if self._booleans else list(rows))

    def _compile(self, dialect: Dialect) -> str:
        names = set(self._statement.table.c.keys())
        compiled = self._statement.compile(dialect=dialect, column_keys=[name for name in self._columns if name in names])
        if compiled.positiontup != self._columns:
            raise TypeError(f"{self._statement.table} is written in the order {compiled.positiontup}, not {self._columns}")
        return self._texts.setdefault(dialect.name, str(compiled))


def with_booleans(row: tuple[Any, ...], places: Sequence[int]) -> tuple[Any, ...]:
    """The row with true or false in these places, which SQLite keeps as 1 or 0."""
    values = list(row)
    for place in places:
        values[place] = bool(values[place])
    return tuple(values)


def clean(text: str) -> str:
    """The text with what PostgreSQL (NUL) or UTF-8 (half surrogates) cannot hold shown as U+FFFD."""
    return _MESS.sub("\ufffd", text)


def to_json(value: Any) -> bytes:
    """JSON of anything, half surrogates replaced: what a source let slip must not keep the rest from being stored."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return clean(json.dumps(msgspec.to_builtins(value), ensure_ascii=False)).encode()
