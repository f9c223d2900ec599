"""PyYAML's syntax errors in plain words."""

from __future__ import annotations

from bot.config.problem import Problem


class TooMuch(Exception):
    """More than any honest configuration holds."""


_ALIGN = "Keys of one mapping start in the same column; spaces only."
_QUOTE = "Put the text in single quotes."
_SAYINGS = (  # of libyaml; in our words; the remedy
    (
        "mapping values are not allowed",
        "a colon too many, or this line is indented further than the one above it",
        "Align it with its neighbours, or put quotes around a text that holds a colon.",
    ),
    ("did not find expected key", "this line does not fit the ones above it", f"{_ALIGN} Does a text need quotes?"),
    ("did not find expected '-' indicator", "this line does not fit the list above it", _ALIGN),
    ("did not find expected ',' or", "a comma or a closing bracket is missing", ""),
    ("found undefined alias", "this alias (*) refers to nothing", "Put the text in quotes if it is not meant as an alias."),
    ("did not find expected node content", "a value is missing here", ""),
    ("found unexpected end of stream", "a quote is never closed", ""),
    ("could not find expected ':'", "a colon is missing", _ALIGN),
    ("cannot start any token", "a text cannot start with this character unless it is in quotes", _QUOTE),
    ("found unknown escape character", "a backslash inside double quotes means something else", _QUOTE),
    (
        "but found another document",
        "a second document starts here (---)",
        "One file holds one configuration; `include` brings in more files.",
    ),
)


def syntax_problem(error: Exception, text: str, file: str) -> Problem:
    """`error`: a yaml.YAMLError, TooMuch or RecursionError, raised while reading `text`."""
    if isinstance(error, TooMuch | RecursionError):
        why = str(error) if isinstance(error, TooMuch) else "it holds itself"
        return Problem(file, 0, 0, "", f"this is no configuration: {why}", "Is an alias (*) part of what it stands for?")
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
    plain, remedy = next(((ours, remedy) for theirs, ours, remedy in _SAYINGS if theirs in said), (said, ""))
    start = getattr(error, "context_mark", None)
    is_open = start is not None and start.line != mark.line and any(word in plain for word in ("bracket", "quote", "value"))
    opened = f" (it opens in line {start.line + 1})" if start is not None and is_open else ""
    return Problem(file, mark.line + 1, mark.column + 1, "", f"not valid YAML: {plain}{opened}", remedy)
