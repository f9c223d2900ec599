"""`tocsin audit`: whether the log is as it was written, and what stands in it."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple, TextIO

from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Connection

from bot.cli.screen import FAILED, complain, say, say_json
from bot.store import audit
from bot.store.look import look
from bot.store.tables import audit as table
from rules.audit_entry import Row, Verdict, walk

QUIET_SECONDS = 2.0
"""Between two lines that tell how far it is."""

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula, some of them in wide letters too."""


class Wanted(NamedTuple):
    """Which rows to export: times in seconds since the epoch; None and empty mean all."""

    since: float | None = None
    until: float | None = None
    kind: str = ""
    actor: str = ""
    incident: int = 0

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        if self.since is not None:
            yield table.c.at >= self.since
        if self.until is not None:
            yield table.c.at < self.until
        for column, value in ((table.c.kind, self.kind), (table.c.actor, self.actor), (table.c.incident, self.incident)):
            if value:
                yield column == value


def verify(url: str, expected: str, as_json: bool) -> int:
    """Walks the log of the store at `url` and prints what it found. The exit code. Raises StoreUnavailable."""
    verdict = asyncio.run(look(url, lambda conn: _walk(conn, expected)))
    broken = verdict.broken is not None
    lost = bool(expected) and verdict.kept is None and not broken
    if as_json:
        say_json({"ok": not (broken or lost), **asdict(verdict), "expected": expected or None})
    else:
        _say(verdict, expected, lost)
    return FAILED if broken or lost else 0


def _walk(conn: Connection, expected: str) -> Verdict:
    last = audit.head(conn)
    return walk(_tell(audit.rows(conn), last.id if last else 0), expected)


def _tell(rows: Iterable[Row], total: int) -> Iterator[Row]:
    """The rows; says how far it is when that takes long."""
    tell_at = time.monotonic() + QUIET_SECONDS
    for row in rows:
        yield row
        if time.monotonic() >= tell_at:
            complain(f"… {row.id:,} of {total:,} rows")
            tell_at = time.monotonic() + QUIET_SECONDS


def _say(verdict: Verdict, expected: str, lost: bool) -> None:
    if verdict.broken is not None:
        say(("✘ ", "red"), f"Row {verdict.broken} is broken: {verdict.why}.")
        say(f"  The {verdict.count} before it are as they were written." if verdict.count else "  It is the first.")
    elif lost:
        say(("✘ ", "red"), f"No row has the hash {expected}: rows were cut off, or all was written anew since it was noted.")
    else:
        say(("✔ ", "green"), f"{verdict.count} rows, each as it was written.")
        if expected:
            say(f"  The expected hash is that of row {verdict.kept}.")
    say("  ", ("head ", "dim"), verdict.head)


def export(url: str, wanted: Wanted, form: str) -> None:
    """Writes the rows to the standard output, as `jsonl` or `csv`. Raises StoreUnavailable."""
    write = FORMS[form]
    asyncio.run(look(url, lambda conn: write(audit.rows(conn, *wanted.conditions()), sys.stdout)))


def _jsonl(rows: Iterable[Row], out: TextIO) -> None:
    for row in rows:
        out.write(json.dumps({**row._asdict(), "body": _body(row)}, default=str) + "\n")


def _body(row: Row) -> Any:
    try:
        return json.loads(row.body)
    except (TypeError, ValueError):  # spoiled: shown as it stands
        return row.body


def _csv(rows: Iterable[Row], out: TextIO) -> None:
    sheet = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    sheet.writerow(Row._fields)
    for row in rows:
        sheet.writerow([_cell(value) for value in row._replace(at=_moment(row.at))])


def _cell(value: Any) -> Any:
    """A text that a spreadsheet shows and never runs."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _moment(at: Any) -> Any:
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    except (TypeError, ValueError, OverflowError, OSError):  # spoiled: shown as it stands
        return at


FORMS = {"jsonl": _jsonl, "csv": _csv}
