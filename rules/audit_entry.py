"""What the audit log keeps, and the chain of hashes that shows when somebody changed it. docs/audit.md has the same in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec


class Event(StrEnum):
    """The kinds of entries."""

    act = "act"  # a command that was carried out
    refusal = "refusal"  # a command that was not, and why
    disclosure = "disclosure"  # something secret was shown: in a channel, or to a person
    standing = "standing"  # what a channel merits changed
    config = "config"  # a config was loaded
    reveal = "reveal"  # somebody was let see beyond their clearance
    request = "request"  # an act waits for a second person, or was decided
    sign_in = "sign_in"


class Entry(msgspec.Struct, frozen=True):
    """One thing to keep. `at`: seconds since the epoch. `actor`: a person's key, empty for Tocsin itself. `incident`: 0 for none.

    `body`: what JSON can hold. Never a secret of the config, never the text of an alert.
    """

    at: float
    kind: Event
    actor: str = ""
    channel: str = ""
    incident: int = 0
    body: Mapping[str, Any] = {}


class Row(NamedTuple):
    """An entry as it is stored: `body` is canonical JSON, `hash` the link to the row before."""

    id: int
    at: float
    kind: str
    actor: str
    channel: str
    incident: int
    body: str
    hash: str


START = "0" * 64
"""What the first row follows."""


def canonical(value: Any) -> str:
    """JSON in one form only: keys in order, no spaces, no escapes that are not needed. Raises ValueError for NaN and infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def link(before: str, row: Row) -> str:
    """The hash of a row: SHA-256, in hex, of the hash before it and all of the row but its own."""
    content = canonical([before, *row[:-1]])
    return hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()


def fault(before: Row | None, row: Row) -> str:
    """Why this row cannot follow the one before it (None: it is the first); empty if it does."""
    expected = before.id + 1 if before else 1
    if not isinstance(row.id, int) or row.id < expected:
        return f"there is no place in the chain for a row {row.id}"
    if row.id > expected:
        gone = f"row {expected} is" if row.id == expected + 1 else f"rows {expected} to {row.id - 1} are"
        return f"{gone} missing before it"
    try:
        found = link(before.hash if before else START, row)
    except (TypeError, ValueError):  # a value that no row can hold: bytes, infinity
        found = ""
    return "" if found == row.hash else "it, or the hash of the row before it, is not what was written"


class Verdict(msgspec.Struct, frozen=True):
    """What walking a chain found: how many rows are whole, the last of them, and why the next one is not (empty: that is all).

    `broken`: the number of the first row that is not whole, if one is not. `kept`: that of the row with the expected hash.
    """

    count: int
    head: str
    broken: int | None
    why: str
    kept: int | None


def walk(rows: Iterable[Row], expected: str = "") -> Verdict:
    """Follows a chain from its first row to the first that is broken. `expected`: a hash noted earlier, which it must hold."""
    before: Row | None = None
    kept: int | None = None
    for row in rows:
        if why := fault(before, row):
            return Verdict(before.id if before else 0, before.hash if before else START, row.id, why, kept)
        kept = row.id if row.hash == expected else kept
        before = row
    return Verdict(before.id if before else 0, before.hash if before else START, None, "", kept)
