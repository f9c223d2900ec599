"""What the command line prints: in colour on a terminal, plain elsewhere, never wrapped by us."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from bot.config import Config, ConfigErrors, Problem
from bot.config.document import Document
from bot.config.load import load_with_places

FAILED, MISUSED = 1, 2
"""Exit codes: the answer is no; the command or the configuration is wrong."""


Part = str | tuple[str, str]
"""A text, or a text and its style."""

_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], "\ufffd")  # what is in an alert must not steer the terminal


def say(*parts: Part) -> None:
    """Prints one line."""
    Console(highlight=False).print(_line(parts), soft_wrap=True)


def complain(*parts: Part) -> None:
    """The same to the error output."""
    Console(highlight=False, stderr=True).print(_line(parts), soft_wrap=True)


def _line(parts: Iterable[Part]) -> Text:
    pairs = [(part, "") if isinstance(part, str) else part for part in parts]
    return Text.assemble(*[(text.translate(_CONTROLS), style) for text, style in pairs])


def say_json(value: Any) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def complain_of(problems: Iterable[Problem]) -> None:
    """One mistake a line, as compilers do."""
    found = list(problems)
    for problem in found:
        path = (problem.path + ": ", "bold") if problem.path else ""
        remedy = (". " + problem.remedy, "green") if problem.remedy else ""
        complain((problem.where + ": ", "cyan"), path, problem.what, remedy)
    count = f"{len(found)} mistake" if len(found) == 1 else f"{len(found)} mistakes"
    complain(("✘ ", "red"), f"{count}. Nothing was started or changed.")


def read_config(path: Path) -> Config:
    """The configuration; prints its mistakes and exits if it has any."""
    return read_with_places(path)[0]


def read_with_places(path: Path) -> tuple[Config, Document]:
    try:
        return load_with_places(path)
    except ConfigErrors as error:
        complain_of(error.problems)
        raise typer.Exit(MISUSED) from None


def misused(text: str) -> typer.Exit:
    """Prints what is wrong with the command; raise what it returns."""
    complain(("✘ ", "red"), text)
    return typer.Exit(MISUSED)
