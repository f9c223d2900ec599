r"""Matchers on labels, in Prometheus Alertmanager's syntax and with its meaning: `severity=~"critical|high"`.

One grammar takes what its classic and its UTF-8 parser take. Where the classic parser guesses (`a==b`, `a='b'`, `{a=b`),
the text is refused, as the UTF-8 parser does: a matcher that silently never matches is worse than an error.
Escapes are `\"`, `\\` and `\n`; any other backslash stands for itself, so that `instance=~"db\d+"` works.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, NoReturn, cast

import msgspec
import re2  # type: ignore[import-untyped, unused-ignore]  # google-re2 ships no types
from pydantic import AfterValidator, BeforeValidator, GetPydanticSchema, PlainSerializer, PlainValidator, WithJsonSchema

Op = Literal["=", "!=", "=~", "!~"]

_OP = re.compile("=~|!~|!=|=")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_BARE_NAME = re.compile(r"""[^\s{}!=~,\\"'`]+""")
_BARE_VALUE = re.compile(r"""(?:[^,{}"'`=!~][^,{}"'`=]*)?""")
_NOT_LITERAL = re.compile(r"[\\.+*?()\[\]{}^$]")
_ESCAPED = {"\\": r"\\", '"': r"\"", "\n": r"\n"}
_UNESCAPED = {escape: char for char, escape in _ESCAPED.items()}
_EXAMPLE = "such as 'severity=~\"critical|high\"'"


class Matcher(msgspec.Struct, frozen=True, dict=True):
    """One condition on one label. Raises ValueError for an empty name or an invalid regular expression (RE2 dialect)."""

    name: str
    op: Op
    value: str

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a matcher needs a label name")
        if any("\ud800" <= char <= "\udfff" for char in self.name + self.value):
            raise ValueError("a matcher must be valid Unicode text")
        _ = self.accepts  # compiles now: a Matcher that exists can match

    @cached_property
    def accepts(self) -> Callable[[str], bool]:
        """Whether a value of the label meets the condition."""
        if self.op == "=":
            return self.value.__eq__
        if self.op == "!=":
            return self.value.__ne__
        fits = _compile(self.value)
        return fits if self.op == "=~" else lambda value: not fits(value)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """A missing label counts as the empty string; a regular expression must match the whole value."""
        return self.accepts(labels.get(self.name, ""))

    def __str__(self) -> str:
        """As `parse_matcher` reads it, on one line."""
        name = self.name if _BARE_NAME.fullmatch(self.name) else _quote(self.name)
        return f"{name}{self.op}{_quote(self.value)}"


def match_all(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether all hold. No matchers at all match everything."""
    for matcher in matchers:  # the hottest loop of the rules; all() would take twice as long
        if not matcher.matches(labels):
            return False
    return True


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> Callable[[str], bool]:
    inner = pattern[1:-1] if pattern.startswith("(") and pattern.endswith(")") else pattern
    if not _NOT_LITERAL.search(inner):
        return frozenset(inner.split("|")).__contains__  # most patterns are `critical|high`: no need to ask RE2
    options = re2.Options()
    options.log_errors = False  # RE2 would write them to stderr
    options.never_capture = True
    try:
        fullmatch = re2.compile(pattern, options).fullmatch
    except re2.error as error:
        reason = _clip(" ".join(error.args[0].decode(errors="replace").split()))
        message = f"{_shown(pattern)} is not a valid regular expression: {reason} (RE2 has no look-around and no back-references)"
        raise ValueError(message) from None
    # A sender's broken text may hold a lone surrogate: RE2 sees `?` instead, and nothing raises.
    return lambda value: fullmatch(value.encode(errors="replace")) is not None


def parse_matcher(text: str) -> Matcher:
    """Exactly one matcher. ValueError says what is wrong, and where."""
    found = parse_matchers(text)
    if len(found) != 1:
        raise ValueError(f"expected one matcher {_EXAMPLE}, found {len(found)}")
    return found[0]


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """All of `{a="b", c=~"d|e"}`, the braces optional; none for an empty text. ValueError says what is wrong, and where."""
    scan = _Scanner(text)
    braced = scan.accept("{")
    found: list[Matcher] = []
    more = True
    while more and scan.peek() not in ("", "}"):
        found.append(_read_matcher(scan))
        more = scan.accept(",")
    if braced and not scan.accept("}"):
        scan.fail('expected "}" because the text starts with "{"')
    if scan.peek():
        scan.fail(f'expected the end, found "{scan.peek()}"')
    return tuple(found)


def _read_matcher(scan: _Scanner) -> Matcher:
    start = scan.at
    name = scan.text_like(_BARE_NAME)
    if name is None:
        scan.fail(f'expected a label name, found "{scan.peek()}"')
    op = scan.take(_OP)
    if op is None:
        scan.fail(f"expected one of = != =~ !~ after {_shown(name)}")
    value = scan.text_like(_BARE_VALUE) or ""
    if scan.peek() not in ("", ",", "}"):
        scan.fail(
            f'unexpected "{scan.peek()}" after the value of {_shown(name)}: '
            "put a comma between matchers, and double quotes around such a value"
        )
    try:
        return Matcher(name, cast(Op, op), value)
    except ValueError as error:
        scan.at = start
        scan.fail(str(error))


class _Scanner:
    """A text, and the place up to which it is read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> str:
        """The next character that is no white space, or "" at the end."""
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def accept(self, char: str) -> bool:
        found = self.peek() == char
        self.at += found
        return found

    def take(self, pattern: re.Pattern[str]) -> str | None:
        self.peek()
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return match[0] if match else None

    def text_like(self, bare: re.Pattern[str]) -> str | None:
        """A quoted text, or an unquoted one that `bare` allows, with its escapes undone."""
        if self.peek() != '"':
            found = self.take(bare)
            return found and _unescape(found.rstrip())
        quoted = self.take(_QUOTED)
        if quoted is None:
            self.fail("this double quote is never closed")
        return _unescape(quoted[1:-1])

    def fail(self, why: str) -> NoReturn:
        raise ValueError(f"{why} (column {self.at + 1})")


def _quote(text: str) -> str:
    return '"' + re.sub(r'[\\"\n]', lambda match: _ESCAPED[match[0]], text) + '"'


def _unescape(text: str) -> str:
    return re.sub(r'\\[\\"n]', lambda match: _UNESCAPED[match[0]], text)


def _clip(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "…"


def _shown(text: str) -> str:
    return _quote(_clip(text))


def _as_list(written: Any) -> Any:
    if isinstance(written, str):
        return [written]
    if isinstance(written, list | tuple):
        return written
    raise ValueError(f"expected a list of matchers {_EXAMPLE}")


def _from_item(item: Any) -> tuple[Matcher, ...]:
    if isinstance(item, Matcher):
        return (item,)
    if not isinstance(item, str):
        raise ValueError(f"expected a text {_EXAMPLE}: put single quotes around the whole matcher")
    found = parse_matchers(item)
    if not found:
        raise ValueError(f"expected a matcher {_EXAMPLE}, found none")
    return found


def _flatten(items: list[tuple[Matcher, ...]]) -> tuple[Matcher, ...]:
    return tuple(matcher for item in items for matcher in item)


# Validated item by item, so that an error names the item.
_FromYaml = Annotated[
    list[Annotated[tuple[Matcher, ...], PlainValidator(_from_item)]],
    BeforeValidator(_as_list),
    AfterValidator(_flatten),
    PlainSerializer(lambda matchers: [str(matcher) for matcher in matchers]),
]
Matchers = Annotated[
    tuple[Matcher, ...],
    GetPydanticSchema(lambda _source, handler: handler.generate_schema(_FromYaml)),
    WithJsonSchema({"type": "array", "items": {"type": "string", "examples": ['severity=~"critical|high"']}}),
]
"""Matchers in a pydantic model: YAML writes a list of texts, or one text; all of them must hold."""
