"""PyYAML's syntax errors in plain words."""

from __future__ import annotations

from bot.config.problem import Problem


class TooMuch(Exception):
    """More than any honest configuration holds."""


_PLAIN = (  # libyaml's words, and ours
    ("mapping values are not allowed", "a colon too many, or this line is indented further than the one above it"),
    ("did not find expected key", "this line does not fit the ones above it"),
    ("did not find expected '-' indicator", "this line does not fit the list above it"),
    ("did not find expected ',' or", "a comma or a closing bracket is missing"),
    ("found undefined alias", "this alias (*) refers to nothing"),
    ("found unexpected end of stream", "a quote is never closed"),
    ("could not find expected ':'", "a colon is missing"),
    ("cannot start any token", "a text cannot start with this character unless it is in quotes"),
    ("found unknown escape character", "a backslash inside double quotes means something else"),
    ("but found another document", "a second document starts here (---)"),
)
_ALIGN = "Keys of one mapping start in the same column; spaces only."
_REMEDIES = {
    "mapping values": "Align it with its neighbours, or put quotes around a text that holds a colon.",
    "did not find expected key": _ALIGN + " Put a text that starts with a special character in single quotes.",
    "did not find expected '-'": _ALIGN,
    "could not find": _ALIGN,
    "found unknown escape": "Put the text in single quotes.",
    "but found another": "One file holds one configuration; `include` brings in more files.",
    "found undefined alias": "Put the text in quotes if it is not meant as an alias.",
    "cannot start any token": "Put the text in single quotes.",
}


def syntax_problem(error: Exception, text: str, file: str) -> Problem:
    """`error`: a yaml.YAMLError or TooMuch, raised while reading `text`."""
    if isinstance(error, TooMuch):
        return Problem(file, 0, 0, "", f"this is no configuration: {error}")
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # ReaderError: no line, only an offset
        at = getattr(error, "position", 0)
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        return Problem(file, line, column, "", "this character is not allowed in YAML", "Delete it.")
    said = str(getattr(error, "problem", None) or "it cannot be read")
    lines = text.splitlines()
    here = lines[mark.line] if mark.line < len(lines) else ""
    if here[: len(here) - len(here.lstrip())].count("\t"):
        return Problem(file, mark.line + 1, mark.column + 1, "", "not valid YAML: a tab", "Indent with spaces, not tabs.")
    plain = next((ours for theirs, ours in _PLAIN if theirs in said), said)
    remedy = next((ours for theirs, ours in _REMEDIES.items() if theirs in said), "")
    start = getattr(error, "context_mark", None)
    opened = f" (it starts in line {start.line + 1})" if start is not None and start.line != mark.line else ""
    return Problem(file, mark.line + 1, mark.column + 1, "", f"not valid YAML: {plain}{opened}", remedy)
