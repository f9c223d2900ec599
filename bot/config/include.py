"""Files that each team owns: `include` grafts their routes, channels, tests and the like onto the main file."""

from __future__ import annotations

import glob
import os.path
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from bot.config.document import Document
from bot.config.problem import Path, did_you_mean
from bot.config.reader import read_file

SECTIONS: Mapping[Path, Path] = {
    ("routes",): ("route", "routes"),
    ("channels",): ("channels",),
    ("inhibit",): ("inhibit",),
    ("time_intervals",): ("time_intervals",),
    ("sensitivity", "rules"): ("sensitivity", "rules"),
    ("tests",): ("tests",),
}
"""What such a file may hold, and where it goes. Routes become the last children of the root route."""

_MAPPINGS = ("channels", "time_intervals")


def include_files(main: Document, path: FilePath, env: Mapping[str, str]) -> None:
    """Adds to the main document every file that its `include` names, in alphabetical order. `path`: of the main file."""
    patterns = main.data.get("include")
    for i, pattern in enumerate([patterns] if isinstance(patterns, str) else patterns if isinstance(patterns, list) else []):
        at = ("include", i) if isinstance(patterns, list) else ("include",)
        if not isinstance(pattern, str) or at in main.unset:
            continue  # said elsewhere
        found = [name for name in _matching(pattern, path) if (path.parent / name).resolve() != path.resolve()]
        if not found:
            main.report(main.place(at), "no file matches this pattern", f"It starts from the folder of {main.file}.")
        for name in found:
            file = str(FilePath(main.file).parent / name)
            _graft(main, read_file(path.parent / name, file, env))


def _matching(pattern: str, path: FilePath) -> list[str]:
    names = glob.glob(pattern, root_dir=path.parent) if pattern and "\0" not in pattern else []
    return sorted(name for name in names if os.path.isfile(path.parent / name))


def _graft(main: Document, part: Document) -> None:
    main.problems += part.problems
    if part.broken or part.data is None:
        return
    if not isinstance(part.data, dict):
        return main.report(part.place(()), "expected a mapping (key: value)", f"It may hold {_known()}.")
    _refuse_unknown(main, part, part.data, (), [path[0] for path in SECTIONS])
    sensitivity = part.data.get("sensitivity")
    if isinstance(sensitivity, dict):
        _refuse_unknown(main, part, sensitivity, ("sensitivity",), ["rules"])
    elif sensitivity is not None:
        main.report(part.place(("sensitivity",)), "expected a mapping (key: value)", "In an included file it holds `rules`.")
    for source, target in SECTIONS.items():
        value = _at(part.data, source)
        if value is None:
            continue
        kind = dict if source[-1] in _MAPPINGS else list
        if isinstance(value, kind):
            _move(main, part, source, target)
        else:
            main.report(part.place(source), f"expected a {'mapping (key: value)' if kind is dict else 'list'}")


def _refuse_unknown(main: Document, part: Document, data: dict[str, Any], path: Path, known: list[Any]) -> None:
    for key in data:
        if key not in known:
            remedy = did_you_mean(key, known, "An included file may hold {}; all else stands in the main file.")
            main.report(part.keys[(*path, key)], f'unknown key "{key}"', remedy)


def _known() -> str:
    return ", ".join(str(path[0]) for path in SECTIONS)


def _at(data: Any, path: Path) -> Any:
    for step in path:
        data = data.get(step) if isinstance(data, dict) else None
    return data


def _move(main: Document, part: Document, source: Path, target: Path) -> None:
    """Moves a section over, with the places of everything in it."""
    parent = main.data
    for step in target[:-1]:
        parent = parent.setdefault(step, {})
        if not isinstance(parent, dict):
            return  # said elsewhere
    values = _at(part.data, source)
    mine = parent.setdefault(target[-1], type(values)())
    if parent[target[-1]] is None:
        mine = parent[target[-1]] = type(values)()
    if type(mine) is not type(values):
        return
    offset = 0
    if isinstance(values, list):
        offset = len(mine)
        mine.extend(values)
    else:
        values = {key: value for key, value in values.items() if not _twice(main, part, target, source, key)}
        mine.update(values)
    main.adopt(part, source, target, offset)


def _twice(main: Document, part: Document, target: Path, source: Path, key: str) -> bool:
    first = main.keys.get((*target, key))
    if first is not None:
        what = f'the key "{key}" is written twice, here and in {first.file}:{first.line}'
        main.report(part.keys[(*source, key)], what, "Keep one of them.")
    return first is not None
