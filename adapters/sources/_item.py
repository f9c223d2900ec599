"""One JSON object of a sender: what stands at a dotted path, as a text, a time, a word of a table.

Senders leave things empty, null, or as the placeholder of a template that nobody filled in: all of that is nothing here. What
stands there and makes no sense is noted, so that a person can read it on the card.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, TypeVar

from adapters.body import decoded
from adapters.fields import text_of, time_of
from rules.alert import BadAlert

_T = TypeVar("_T")
_PLACEHOLDER = re.compile(
    r"\$\{?[A-Z][A-Za-z0-9_.]*\}?|\{[A-Z$][A-Za-z0-9_.:#$]*\}|\{\{[^{}]*\}\}|\*[A-Za-z]{3,40}\*|\[[A-Z][A-Z_]+\]|\|[A-Za-z_]+\||%[A-Z_]+%"
    r"|\$[A-Z]+\$|\$[a-z_]+(?:\.[a-z_]+)+\$|<no value>|<NA>|\(?null\)?|None|undefined|N/A"
)
_LONGEST_PLACEHOLDER = 80
MOST_SHOWN = 120
"""Characters of something odd that are kept for a person to read."""


class Item:
    """`where` names it in errors; `odd` is shared with what is inside it: (path, what stood there)."""

    def __init__(self, data: Any, where: str, zone: tzinfo, odd: list[tuple[str, str]] | None = None) -> None:
        self.data, self.where, self.zone = data, where, zone
        self.odd: list[tuple[str, str]] = [] if odd is None else odd

    def get(self, *paths: str) -> Any:
        """The first of these places where something stands, or None. A key may hold dots itself."""
        return next((found for path in paths if not _is_nothing(found := _look(self.data, path))), None)

    def has(self, path: str) -> bool:
        """Whether the place is there at all, be it empty."""
        return _look(self.data, path, _ABSENT) is not _ABSENT

    def text(self, *paths: str) -> str:
        """As a text, whatever it is; empty for nothing. A placeholder that nothing replaced is noted."""
        found = text_of(self.get(*paths)).strip()
        if not found:
            for path in paths:
                if _is_placeholder(raw := _look(self.data, path)) and raw.startswith(("$", "{", "*", "[", "|", "%")):
                    self.note(path, raw)
        return found

    def need(self, *paths: str) -> str:
        """As `text`, of what says which alert it is. Raises BadAlert when nothing is there."""
        found = self.text(*paths)
        if not found:
            more = f" (or {', '.join(paths[1:])})" if len(paths) > 1 else ""
            raise BadAlert(f"{self.where}.{paths[0]}{more}: is missing or still a placeholder; it says which alert this is")
        return found

    def time(self, *paths: str) -> float:
        """Seconds since the epoch; 0.0 for no time, also for the year 1 and for -1. What is no time is noted."""
        found = self.get(*paths)
        if found is None:
            return 0.0
        try:
            return max(time_of(found, self.zone), 0.0)
        except ValueError:
            if found not in (-1, "-1"):
                self.note(paths[0], text_of(found))
            return 0.0

    def number(self, *paths: str) -> float | None:
        """A number, also one in a text; None for nothing. What is none is noted."""
        found = self.get(*paths)
        if isinstance(found, int | float):
            return float(found)
        if not (word := text_of(found).strip()):
            return None
        try:
            return float(word)
        except ValueError:
            self.note(paths[0], word)
            return None

    def word(self, table: Mapping[str, _T], unknown: _T, *paths: str) -> _T:
        """What a sender's word means by a table of lower-case words. One that is missing or not in it is noted, and `unknown`."""
        word = self.text(*paths).lower()
        if word in table:
            return table[word]
        self.note(paths[0], word or "nothing")
        return unknown

    def inner(self, path: str) -> Item:
        """The object at a place, also one that stands there as JSON in a text; without anything if there is none."""
        found = self.get(path)
        if isinstance(found, str):
            found = decoded(found)
        return Item(found, f"{self.where}.{path}", self.zone, self.odd)

    def each(self, path: str) -> list[Item]:
        """The elements of the list at a place, also of one that stands there as JSON in a text."""
        found = self.inner(path).data
        elements = found if _is_list(found) else []
        return [Item(one, f"{self.where}.{path}[{i}]", self.zone, self.odd) for i, one in enumerate(elements)]

    def texts(self, path: str) -> dict[str, str]:
        """Names and values at a place: an object, a list of pairs, of {key|name|tag, value} or of `name:value`, a text of such.

        What is nested deeper becomes compact JSON; what is empty is left out.
        """
        found = self.inner(path).data
        if found is None and isinstance(raw := self.get(path), str):
            found = raw.replace(",", " ").split()
        pairs = found.items() if isinstance(found, Mapping) else map(_pair, found) if _is_list(found) else ()
        texts = ((text_of(name).strip(), "" if _is_nothing(value) else text_of(value).strip()) for name, value in pairs)
        return {name: value for name, value in texts if name and value}

    def note(self, path: str, what: str) -> None:
        """Something that was not understood, for a person to read."""
        shown = what if len(what) <= MOST_SHOWN else f"{what[:MOST_SHOWN]}…"
        if (path, shown) not in self.odd:
            self.odd.append((path, shown))


_ABSENT = object()


def _look(data: Any, path: str, absent: Any = None) -> Any:
    if isinstance(data, Mapping):
        if path in data:
            return data[path]
        head, dot, rest = path.partition(".")
        return _look(data[head], rest, absent) if dot and head in data else absent
    head, dot, rest = path.partition(".")
    if _is_list(data) and head.isdecimal() and len(head) < 6 and int(head) < len(data):
        return _look(data[int(head)], rest, absent) if dot else data[int(head)]
    return absent


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_placeholder(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_PLACEHOLDER and _PLACEHOLDER.fullmatch(value.strip()) is not None


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str | Mapping | Sequence) and not value) or _is_blank(value)


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and (not value.strip() or _is_placeholder(value))


def _pair(one: Any) -> tuple[Any, Any]:
    """A tag as senders write it; one without a value is true."""
    if isinstance(one, Mapping):
        name = next((one[key] for key in ("key", "name", "tag", "Key", "Name") if key in one), None)
        return name, next((one[key] for key in ("value", "Value") if key in one), "true")
    if _is_list(one):
        return (one[0], one[1]) if len(one) == 2 else ("", "")
    name, colon, value = text_of(one).partition(":")
    return name, value if colon else "true"
