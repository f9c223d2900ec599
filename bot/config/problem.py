"""A mistake in the configuration: where it is, what is wrong, how to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import msgspec

Path = tuple[str | int, ...]
"""A place in the configuration's data: `("route", "routes", 2)`."""


class Place(msgspec.Struct, frozen=True):
    """Where something is written. `line` and `column` count from 1, 0 means the file as a whole. `path`: as in that file."""

    file: str
    line: int
    column: int
    path: str


class Problem(msgspec.Struct, frozen=True):
    """One mistake. `what` has no full stop at its end, `remedy` is a sentence or empty. Neither holds a secret."""

    file: str
    line: int
    column: int
    path: str
    what: str
    remedy: str = ""

    @classmethod
    def at(cls, place: Place, what: str, remedy: str = "") -> Problem:
        return cls(place.file, place.line, place.column, place.path, what, remedy)

    @property
    def where(self) -> str:
        """`config.yaml:14:9`, as editors and terminals make a link of it."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def __str__(self) -> str:
        path = f"{self.path}: " if self.path else ""
        return f"{self.where}: {path}{self.what}" + (f". {self.remedy}" if self.remedy else "")


class ConfigErrors(Exception):
    """A configuration that cannot be used, with every mistake in it, sorted by place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = list(problems)


def shown_path(path: Path) -> str:
    """`route.routes[2].match[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def listed(names: Iterable[object]) -> str:
    """`"db", "ops"`, cut after a dozen."""
    found = [f'"{name}"' for name in names]
    return ", ".join(found[:12]) + (f" and {len(found) - 12} more" if len(found) > 12 else "")


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "Known: {}.") -> str:
    """A remedy for an unknown word: the closest known one, else all of them; empty when none is known."""
    names = list(known)
    close = get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if close:
        return f'Did you mean "{close[0]}"?'
    return otherwise.format(listed(names)) if names else ""
