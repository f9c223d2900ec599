"""Reads the configuration: one value that can be trusted, or every mistake at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from adapters import registry
from bot.config.document import Document
from bot.config.include import include_files
from bot.config.model import Config
from bot.config.problem import ConfigErrors, Path, Problem, did_you_mean
from bot.config.reader import read_file
from bot.config.references import check_references
from bot.config.secret import HIDDEN, scrubber
from bot.config.words import explain_error

_Model = TypeVar("_Model", bound=BaseModel)
_ADAPTERS = {"sources": ("source", registry.SOURCES), "chats": ("chat", registry.CHATS)}


def load(path: FilePath | str, env: Mapping[str, str] = os.environ) -> Config:
    """The configuration in a YAML file. Raises ConfigErrors, and nothing else.

    `env`: where `${NAME}` is looked up. `${file:PATH}` and `include` start from the file's own folder.
    """
    return load_with_places(path, env)[0]


def load_with_places(path: FilePath | str, env: Mapping[str, str] = os.environ) -> tuple[Config, Document]:
    """The same, with the document that knows in which line each part stands."""
    document = read_file(FilePath(path), str(path), env)
    if document.broken:
        raise ConfigErrors(document.problems)
    if not isinstance(document.data, dict):
        what = "the file is empty" if document.data is None else "expected a mapping (key: value)"
        document.report(document.place(()), what, "Start from config.example.yaml.")
        raise ConfigErrors(document.problems)
    include_files(document, FilePath(path), env)
    _find_files(document, FilePath(path).parent)
    data = {**document.data, **{section: _build_adapters(document, section) for section in _ADAPTERS if section in document.data}}
    config = _validate(document, Config, data, ())
    check_references(document)
    if document.problems or config is None:
        raise ConfigErrors(_tidy(document))
    return config, document


def _find_files(document: Document, folder: FilePath) -> None:
    """Files named in the config stand beside it, as those of secrets do, wherever Tocsin is started."""
    tls = document.data.get("tls")
    if isinstance(tls, dict):
        found = {key: str(folder / value) if isinstance(value, str) else value for key, value in tls.items()}
        document.data = {**document.data, "tls": found}


def _build_adapters(document: Document, section: str) -> Any:
    """The configs of all sources or chats, each made by the model of its type; those with mistakes left out."""
    written = document.data[section]
    if not isinstance(written, dict):
        return written
    built = {name: _build_adapter(document, section, name, value) for name, value in written.items()}
    return {name: config for name, config in built.items() if config is not None}


def _build_adapter(document: Document, section: str, name: str, value: Any) -> BaseModel | None:
    word, table = _ADAPTERS[section]
    path = (section, name)
    if not isinstance(value, dict):
        document.report(document.place(path), "expected a mapping (key: value)", f"Write {{type: {next(iter(table))}}}.")
        return None
    kind = value.get("type")
    if kind is None:
        document.report(document.place(path), '"type" is missing', f"Add it: {' or '.join(table)}.")
    elif kind not in table if isinstance(kind, str) else True:
        if (*path, "type") not in document.unset:
            shown = HIDDEN if (*path, "type") in document.secrets else kind
            document.report(document.place((*path, "type")), f'unknown type of {word} "{shown}"', did_you_mean(str(kind), table))
    else:
        return _validate(document, registry.load(table[kind]).config_model, value, path)
    return None


def _validate(document: Document, model: type[_Model], data: Any, root: Path) -> _Model | None:
    """The model of the data; None, and problems in the document, when it does not fit. `root`: the path of the data."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        seen: set[Path] = set()
        for found in error.errors(include_url=False):
            _report(document, found, model, root, seen)
    return None


def _report(document: Document, error: Mapping[str, Any], model: type[BaseModel], root: Path, seen: set[Path]) -> None:
    loc = (*root, *error["loc"])
    at = loc[:-1] if error["type"] == "missing" else loc
    while at not in document.places and at:
        at = at[:-1]  # pydantic's names of the branches of a union are no keys of ours
    about_key = error["type"] in ("missing", "extra_forbidden")
    if error["type"] == "default_factory_not_called" or at in document.unset or (at in seen and not about_key):
        return
    seen.add(at)
    inside = [(*at, i) for i in range(len(error["input"]))] if isinstance(error["input"], list) else []
    secret = any(path in document.secrets for path in (at, *inside))
    what, remedy = explain_error(error, model, secret and not about_key)
    place = document.keys.get(loc, document.place(at)) if error["type"] == "extra_forbidden" else document.place(at)
    document.report(place, what, remedy)


def _tidy(document: Document) -> list[Problem]:
    """Sorted by place, the main file first; each once, without secrets."""
    scrub = scrubber({secret for found in document.secrets.values() for secret in found})
    clean = [msgspec.structs.replace(p, what=scrub(p.what), remedy=scrub(p.remedy)) for p in document.problems]
    once = dict.fromkeys(clean)
    return sorted(once, key=lambda p: (p.file != document.file, p.file, p.line, p.column, p.path))
