"""`tocsin check`: is the configuration right, and does it do what its tests say?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from bot.cli.screen import FAILED, MISUSED, read_with_places, say, say_json
from bot.cli.walk import say_walk
from bot.config import Config, ConfigErrors
from bot.config.check import Failure, run_tests, warnings
from bot.config.document import Document
from bot.config.load import load_with_places
from rules.route import compile_tree


def check(path: Path) -> int:
    """Prints every mistake, failed test and warning, or a summary. The exit code."""
    config, document = read_with_places(path)
    failures = run_tests(config)
    for place, found in groupby(failures, lambda failure: failure.place):
        _say_failure(document, place, list(found))
    for name, text in _summary(config, len({failure.place for failure in failures})).items():
        say((f"  {name:<10}", "dim"), text)
    for text in warnings(config):
        say(("! ", "yellow"), text)
    if failures:
        say(("✘ ", "red"), f"{path}: valid, but not all of its tests pass.")
        return FAILED
    say(("✔ ", "green"), f"{path} is valid.")
    return 0


def _say_failure(document: Document, place: int, failures: list[Failure]) -> None:
    case, decision = failures[0].case, failures[0].decision
    where = document.place(("tests", place))
    say(("✘ ", "red"), (f"{where.file}:{where.line}: ", "cyan"), ("test: ", "bold"), (case.title, "bold"))
    for failure in failures:
        say(f"  {failure.aspect}: expected ", (failure.expected, "green"), ", got ", (failure.got, "red"))
    say_walk(decision.steps, [taken.node.id for taken in decision.taken], case.alert)
    say()


def _summary(config: Config, failed: int) -> Mapping[str, str]:
    routes = sum(1 for _ in compile_tree(config.route).walk())
    tests = f"{len(config.tests) - failed} of {len(config.tests)} pass" if config.tests else "none (see docs/routing.md)"
    return {
        "sources": _counted(config.sources),
        "chats": _counted(config.chats),
        "channels": _counted(config.channels),
        "routes": str(routes),
        "people": f"{len(config.people)} in {len(config.groups)} groups",
        "tests": tests,
    }


def _counted(named: Mapping[str, object]) -> str:
    names = list(named)
    return f"{len(names)}: {', '.join(names[:8])}" + (", …" if len(names) > 8 else "")


def check_json(path: Path) -> int:
    """The same for scripts."""
    try:
        config, document = load_with_places(path)
    except ConfigErrors as error:
        say_json({"ok": False, "problems": error.problems, "failures": [], "warnings": []})
        return MISUSED
    failures = run_tests(config)
    say_json({
        "ok": not failures,
        "problems": [],
        "tests": len(config.tests),
        "failures": [_failure_json(document, failure) for failure in failures],
        "warnings": warnings(config),
    })  # fmt: skip
    return FAILED if failures else 0


def _failure_json(document: Document, failure: Failure) -> dict[str, Any]:
    place = document.place(("tests", failure.place))
    return {
        "file": place.file,
        "line": place.line,
        "test": failure.case.title,
        "aspect": failure.aspect,
        "expected": failure.expected,
        "got": failure.got,
    }
