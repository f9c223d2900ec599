"""A YAML file as plain data that remembers where each value stands, and what is wrong with it."""

from __future__ import annotations

from typing import Any

from bot.config.problem import Path, Place, Problem


class Document:
    """The data of one file. `places` and `keys`: where each value and each key stands. `unset`: paths whose secret is missing."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.data: Any = None
        self.places: dict[Path, Place] = {}
        self.keys: dict[Path, Place] = {}
        self.problems: list[Problem] = []
        self.secrets: dict[Path, list[str]] = {}
        self.unset: set[Path] = set()
        self.broken = False  # a syntax error: there is no data

    def place(self, path: Path) -> Place:
        """Where the value stands, or the nearest that is around it, with its own path."""
        return self.places.get(path) or self.place(path[:-1]) if path else self.places.get((), Place(self.file, 1, 1, ""))

    def adopt(self, other: Document, source: Path, target: Path, offset: int) -> None:
        """Takes over where everything below `source` stands, now that it is below `target`; list places grow by `offset`."""
        depth = len(source)

        def moved(path: Path) -> Path:
            step = path[depth]
            return (*target, step + offset if isinstance(step, int) else step, *path[depth + 1 :])

        def below(path: Path) -> bool:
            return len(path) > depth and path[:depth] == source

        for path in filter(below, other.places):
            self.places.setdefault(moved(path), other.places[path])
        for path in filter(below, other.keys):
            self.keys.setdefault(moved(path), other.keys[path])
        self.secrets |= {moved(path): found for path, found in other.secrets.items() if below(path)}
        self.unset |= {moved(path) for path in other.unset if below(path)}

    def report(self, place: Place, what: str, remedy: str = "") -> None:
        self.problems.append(Problem.at(place, what, remedy))
