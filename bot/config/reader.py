"""Reads YAML into a Document. Every mistake is collected, none raised.

Plain words are read as in YAML 1.2: `no`, `on`, `09:30` and `3e8` are texts, only `true` and `false` are booleans.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

import yaml

from bot.config.document import Document
from bot.config.problem import Path, Place, Problem, shown_path
from bot.config.secret import MissingSecret, expand
from bot.config.syntax import TooMuch, syntax_problem

_TAG = "tag:yaml.org,2002:"
_DEEPEST = 50
_MOST_VALUES = 200_000


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml where it is compiled in
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # filled below; PyYAML reads it from the class


for _kind, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,29})", list("-+0123456789")),
    ("float", r"[-+]?(?:0|[1-9][0-9]{0,29})\.[0-9]*(?:[eE][-+]?[0-9]+)?", list("-+0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(rf"^(?:{_pattern})$"), _first)


def read_file(path: FilePath, file: str, env: Mapping[str, str]) -> Document:
    """Reads and parses a file. `file`: how problems call it."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        what, remedy = f"cannot be read ({(error.strerror or 'bad name').lower()})", "Name the file with -c FILE."
    except UnicodeDecodeError as error:
        what, remedy = f"is not UTF-8 text (byte {error.start + 1})", "Save it as UTF-8."
    except ValueError:
        what, remedy = "is no name that a file can have", ""
    else:
        return read_document(text, file, env, path.parent)
    document = Document(file)
    document.broken = True
    document.problems.append(Problem(file, 0, 0, "", what, remedy))
    return document


def read_document(text: str, file: str, env: Mapping[str, str], folder: FilePath) -> Document:
    """Parses YAML. Never raises: what is wrong stands in `problems`. `folder`: where `${file:…}` starts from."""
    document = Document(file)
    try:
        _check_depth(text)
        node = yaml.compose(text, Loader=_Loader)
        document.data = _Builder(document, env, folder).build(node, ()) if node else None
    except (yaml.YAMLError, TooMuch, RecursionError) as error:
        document.broken = True
        document.problems.append(syntax_problem(error, text, file))
    return document


def _check_depth(text: str) -> None:
    """Event by event, because composing nodes recurses in C and would crash the process. Raises TooMuch."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise TooMuch(f"it is nested more than {_DEEPEST} levels deep")


class _Builder:
    """Turns nodes into data. Aliases are followed, within bounds."""

    def __init__(self, document: Document, env: Mapping[str, str], folder: FilePath) -> None:
        self.document = document
        self.env = env
        self.folder = folder
        self.count = 0

    def build(self, node: yaml.Node, path: Path) -> Any:
        self.spend()
        if len(path) > _DEEPEST:
            raise TooMuch(f"it is nested more than {_DEEPEST} levels deep")
        self.document.places[path] = self.place(node, path)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self.scalar(node, path)

    def spend(self) -> None:
        self.count += 1
        if self.count > _MOST_VALUES:
            raise TooMuch(f"it holds more than {_MOST_VALUES:,} values once its aliases are followed")

    def place(self, node: yaml.Node, path: Path) -> Place:
        mark = node.start_mark
        assert mark is not None  # the loader always sets it
        return Place(self.document.file, mark.line + 1, mark.column + 1, shown_path(path))

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                merged = {**self.merged(value, path), **merged}
            elif not isinstance(key, yaml.ScalarNode):
                self.document.report(self.place(key, path), "a key must be a plain word, not a list or a mapping")
            elif key.value in found:
                first = self.document.keys[(*path, key.value)]
                what = f'the key "{key.value}" is written twice, here and in line {first.line}'
                self.document.report(self.place(key, (*path, key.value)), what, "Keep one of them.")
            else:
                self.add(found, key, value, path)
        for name, (key, value) in merged.items():
            if name not in found:
                self.add(found, key, value, path)
        return found

    def add(self, found: dict[str, Any], key: yaml.Node, value: yaml.Node, path: Path) -> None:
        below = (*path, key.value)
        self.document.keys[below] = self.place(key, below)
        found[key.value] = self.build(value, below)

    def merged(self, node: yaml.Node, path: Path) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """The keys that `<<: *base` or `<<: [*one, *two]` brings; the first to name a key wins."""
        self.spend()
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(source, yaml.MappingNode):
                self.document.report(self.place(node, path), "<< takes a mapping", "Write <<: *name, with &name at a mapping.")
                continue
            own: dict[str, tuple[yaml.Node, yaml.Node]] = {
                key.value: (key, value) for key, value in source.value if isinstance(key, yaml.ScalarNode)
            }
            if (inner := own.get("<<")) and inner[0].tag == _TAG + "merge":
                own = {**self.merged(inner[1], path), **own}
                del own["<<"]
            found = {**own, **found}
        return found

    def scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        kind = node.tag.removeprefix(_TAG)
        try:
            match kind:
                case "null":
                    return None
                case "bool":
                    return {"true": True, "false": False}[node.value.lower()]
                case "int":
                    return int(node.value)
                case "float":
                    return float(node.value)
                case "str" | "merge" | "!":
                    return self.text(node.value, path)
        except (ValueError, KeyError):
            self.document.report(self.document.places[path], f"this is no {kind}")
            return node.value
        self.document.report(self.document.places[path], f'the tag "{node.tag}" has no meaning here', "Leave it out.")
        self.document.unset.add(path)
        return node.value

    def text(self, written: str, path: Path) -> str:
        try:
            value, secrets = expand(written, self.env, self.folder)
        except MissingSecret as error:
            self.document.report(self.document.places[path], error.what, error.remedy)
            self.document.unset.add(path)
            return written
        if secrets:
            self.document.secrets[path] = [value, *secrets]
        return value
