"""Alerts given on the command line, in a file, or on the standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class NoAlert(ValueError):
    """What was given is no alert. The text says what would be."""


_SHAPES = 'one object of labels, an alert with "labels", a list of those, or a webhook body with "alerts"'


def read_alerts(words: Sequence[str]) -> list[dict[str, str]]:
    """The labels of each alert in `label=value …`, or in the JSON of one file (`-`: standard input). Raises NoAlert."""
    if words and all("=" in word for word in words):
        return [dict(_pair(_valid(word)) for word in words)]
    if len(words) > 1:
        wrong = next(word for word in words if "=" not in word)
        raise NoAlert(f'"{wrong}" is no label: write label=value, such as team=db')
    if not words and sys.stdin.isatty():
        raise NoAlert("which alert? Give it as label=value …, as a JSON file, or on the standard input")
    return _from_json(_read(words[0] if words else "-"))


def _pair(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    if not name:
        raise NoAlert(f'"{word}" has no label name: write label=value, such as team=db')
    return name, value


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text()
    except OSError as error:
        raise NoAlert(f'"{file}" is neither label=value nor a file that can be read ({error.strerror})') from None
    except UnicodeDecodeError:
        raise NoAlert(f"{file} is not UTF-8 text") from None


def _from_json(text: str) -> list[dict[str, str]]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoAlert(f"this is not JSON ({error}): expected {_SHAPES}") from None
    found = data["alerts"] if isinstance(data, dict) and isinstance(data.get("alerts"), list) else data
    alerts = [_labels(alert) for alert in (found if isinstance(found, list) else [found])]
    if not alerts:
        raise NoAlert(f"there is no alert in it: expected {_SHAPES}")
    return alerts


def _labels(alert: Any) -> dict[str, str]:
    labels = alert.get("labels", alert) if isinstance(alert, dict) else None
    if not isinstance(labels, dict) or any(isinstance(value, dict | list) for value in labels.values()):
        raise NoAlert(f"this is no alert: expected {_SHAPES}")
    return {_valid(name): _valid(value if isinstance(value, str) else json.dumps(value)) for name, value in labels.items()}


def _valid(text: str) -> str:
    """Without half surrogates, which neither a terminal nor JSON can take."""
    return text.encode("utf-8", "replace").decode()
