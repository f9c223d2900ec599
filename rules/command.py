"""One line of chat as a value: the same grammar in Slack, Discord, the console and the API.

What a person may leave out: the `/` or `tocsin` in front, the `#` of a number, the `for` before a duration, the braces around
matchers, the reason of a silence (who made it is recorded anyway, and at 3 a.m. nobody should be refused for lack of prose).
A lone `--` ends numbers, matchers and duration: what follows is text, even if it begins with a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from rules.duration import format_duration, parse_duration
from rules.grammar import VERBS, Arg, Kind, Usage, Verb, clip, find_verb, help_text
from rules.matcher import Matcher, parse_matchers

__all__ = ["MOST_NUMBERS", "MOST_TEXT", "VERBS", "Arg", "Command", "Usage", "Verb", "help_text", "parse", "render"]

MOST_TEXT = 4000
MOST_NUMBERS = 50


class Command(msgspec.Struct, frozen=True):
    """A line that makes sense by itself; whether its incident, person or silence exists is for others to find out.

    `duration`: seconds, None for an ack without an end. `text`: the note or reason, untrusted. `scope`: open, mine or all.
    `silence`: an id, or how it begins. `topic`: the verb that help is asked about, or empty.
    `request`: the number of one, 0 for none.
    """

    verb: str
    numbers: tuple[int, ...] = ()
    duration: float | None = None
    text: str = ""
    matchers: tuple[Matcher, ...] = ()
    person: str = ""
    scope: str = ""
    silence: str = ""
    topic: str = ""
    request: int = 0


BLANK = r"\s\u200b\u200e\u200f\u2060\ufeff"
"""What parts words, for use within [] of a pattern: all of Unicode's spaces, and marks of no width that come with a paste."""
_END = rf"(?=[{BLANK}]|$)"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
ADDRESS = re.compile(rf"[{BLANK}]*(?:/?tocsin{_END}[{BLANK}]*)?/?", re.IGNORECASE)
"""What may stand before the verb."""
_VERB = re.compile(rf"[^{BLANK}][^{BLANK}{{#]*")
_WORD = re.compile(rf"[^{BLANK}]+")
_NUMBER = re.compile(rf"#?[0-9]+[,;:]?{_END}")
_NUMBERS = re.compile(rf"#?[0-9]+(?:,#?[0-9]+)*[,;:]?{_END}")
_FOR = re.compile(rf"for[{BLANK}]+(?=[0-9])", re.IGNORECASE)
_DASHES = re.compile(rf"(?:--|\u2013|\u2014){_END}")  # phones make one long dash of two
_MISREAD = re.compile(r"for\b|#?[0-9]|--|\u2013|\u2014", re.IGNORECASE)
_SILENCE = re.compile(rf"[A-Za-z0-9_-]{{1,64}}{_END}")

# Phones type “db” for "db". Within straight quotes every character stands for itself.
_STRAIGHT = r'"(?:[^"\\]|\\.)*"'
_CURLY = r'[“”„‟]((?:[^"“”„‟\\]|\\.)*)["“”„‟]'
_UNTIDY = re.compile(rf"({_STRAIGHT})|([=~]\s*){_CURLY}|[{BLANK}]+", re.DOTALL)
_BRACED = re.compile(rf'\{{(?:{_STRAIGHT}|[=~]\s*{_CURLY}|(?![=~]\s*[“”„‟])[^"}}])*+\}}', re.DOTALL)
_BARE = re.compile(
    rf"(?:[A-Za-z_:][\w:.]*|{_STRAIGHT})[{BLANK}]*(?:=~|!~|!=|=)[{BLANK}]*"
    rf'(?:{_STRAIGHT}|{_CURLY}|[^{BLANK},"“”„‟][^{BLANK},"]*)',
    re.DOTALL,
)
_HARD_SPACE = re.compile(r"[\u00a0\u202f]")
_COMMA = re.compile(",")
_ALMOST = re.compile(rf",|[^{BLANK}]*[{BLANK}]*[=~]")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_:.]+")


def parse(text: str) -> Command:
    """The command that a line means; an empty line asks for help. Raises Usage, never anything else."""
    if len(text) > MOST_TEXT:
        raise Usage(f"That is {len(text)} characters; a command may have {MOST_TEXT}. Please say it shorter.")
    line = _Line(text)
    line.take(ADDRESS)
    line.verb = find_verb(line.take(_VERB) or "help")
    for arg in line.verb.args:
        field, read = _READERS[arg.kind]
        line.said[field] = read(line, arg)
    if word := line.word():
        raise line.wrong(f'I do not understand "{clip(word)}" here.')
    return Command(line.verb.name, **line.said)


class _Line:
    """A line, the place up to which it is read, and what it said so far."""

    def __init__(self, text: str) -> None:
        # PostgreSQL keeps no NUL, UTF-8 no lone surrogate, and a terminal obeys control characters.
        self.text = _SURROGATE.sub("\ufffd", _CONTROL.sub(" ", text.replace("\r\n", "\n")))
        self.at = 0
        self.verb = VERBS["help"]
        self.said: dict[str, Any] = {}

    def sees(self, pattern: re.Pattern[str]) -> str:
        """What stands here, if it fits, else an empty text."""
        match = pattern.match(self.text, self.at)
        return match[0] if match else ""

    def word(self) -> str:
        return self.sees(_WORD)

    def take(self, pattern: re.Pattern[str]) -> str:
        """What stands here, if it fits; reads on behind it and the blanks that follow."""
        found = self.sees(pattern)
        if found:
            self.at += len(found)
            rest = _WORD.search(self.text, self.at)
            self.at = rest.start() if rest else len(self.text)
        return found

    def wrong(self, what: str) -> Usage:
        return Usage(f"{what}\nUsage: {self.verb.usage}\nExample: {self.verb.examples[-1]}")

    def expected(self, what: str) -> Usage:
        word = self.word()
        return self.wrong(f'"{clip(word)}" is not {what}.' if word else f"{self.verb.name} needs {what}.")


def _incidents(line: _Line, arg: Arg) -> tuple[int, ...]:
    found: list[int] = []
    while written := line.take(_NUMBER if arg.kind == "incident" else _NUMBERS):
        found += [int(digits) for digits in re.findall("[0-9]+", written)]
        if arg.kind == "incident":
            break
    if not found and arg.required:
        raise line.expected("the number of an incident")
    if impossible := [number for number in found if not 0 < number < 10**9]:
        raise line.wrong(f"There is no incident #{clip(str(impossible[0]))}.")
    if len(found) > MOST_NUMBERS:
        raise line.wrong(f"That is {len(found)} incidents; {line.verb.name} takes {MOST_NUMBERS} at once.")
    return tuple(dict.fromkeys(found))


def _duration(line: _Line, arg: Arg) -> float | None:
    """`for` may be left out. Where a note may follow, what begins with a number but is no duration belongs to the note."""
    must = line.take(_FOR) or arg.default
    word = line.word()
    if not word[:1].isdecimal():
        return parse_duration(arg.default) if arg.default else None
    try:
        seconds = round(parse_duration(word.rstrip(",;:").lower()), 3)
    except ValueError as error:
        if not must:
            return None
        may_be_text = any(other.kind == "text" for other in line.verb.args)
        raise line.wrong(f"{error}.{' Put -- before a text that begins like this.' if may_be_text else ''}") from None
    if not seconds:
        raise line.wrong("A duration must be longer than 0.")
    line.take(_WORD)
    return seconds


def _text(line: _Line, arg: Arg) -> str:
    line.take(_DASHES)
    words = list(_WORD.finditer(line.text, line.at))
    if not words and arg.required:
        raise line.expected(f"the text of the {arg.name}")
    text = line.text[line.at : words[-1].end()] if words else ""
    line.at = len(line.text)
    return text


def _matchers(line: _Line, arg: Arg) -> tuple[Matcher, ...]:
    if line.said.get("numbers"):
        if line.sees(_ALMOST) or line.word().startswith("{"):
            raise line.wrong(f"{line.verb.name} takes an incident or matchers, not both.")
        return ()
    written = _tidy(line.take(_BRACED) or ", ".join(_bare_matchers(line)))
    if line.sees(_ALMOST) or line.word().startswith("{"):  # nearly a matcher: never a reason, that would mute too much
        raise line.wrong(f'I cannot read the matchers from "{clip(line.text[line.at :])}" on.')
    try:
        found = parse_matchers(written)
    except ValueError as error:
        raise line.wrong(f"I cannot read the matchers {clip(written)}: {error}.") from None
    if line.verb.name == "silence":
        _check_silence(line, found)
    return found


def _bare_matchers(line: _Line) -> list[str]:
    found = []
    while written := line.take(_BARE):
        found.append(written)
        line.take(_COMMA)
    return found


def _check_silence(line: _Line, matchers: tuple[Matcher, ...]) -> None:
    """Alertmanager's rule: a silence must ask for at least one label, or it would mute nearly everything."""
    if not matchers:
        raise line.wrong("What should be silenced? Name an incident or write matchers.")
    if all(matcher.matches({}) for matcher in matchers):
        raise line.wrong("These matchers also mute alerts that have none of the labels. Add one that needs a label to be there.")


def _tidy(written: str) -> str:
    """Straight quotes around values, plain spaces outside of quotes."""

    def straighten(match: re.Match[str]) -> str:
        kept, op, value = match.groups()
        if kept is not None:
            return str(kept)
        return " " if value is None else f'{op}"{_HARD_SPACE.sub(" ", value)}"'

    return _UNTIDY.sub(straighten, written)


def _person(line: _Line, arg: Arg) -> str:
    person = line.word().removeprefix("@")
    if not person:
        raise line.expected("a person")
    line.take(_WORD)
    return person


def _choice(line: _Line, arg: Arg) -> str:
    return line.take(_WORD).lower() if line.word().lower() in arg.choices else arg.default


def _silence(line: _Line, arg: Arg) -> str:
    found = line.take(_SILENCE)
    if not found:
        raise line.expected("the id of a silence (to see them: silences)")
    return found


def _request(line: _Line, arg: Arg) -> int:
    found = line.take(_NUMBER)
    if not found:
        raise line.expected("the number of a request (to see them: requests)")
    number = int(re.sub("[^0-9]", "", found))
    if not 0 < number < 10**9:
        raise line.wrong(f"There is no request {clip(str(number))}.")
    return number


def _topic(line: _Line, arg: Arg) -> str:
    word = line.take(_WORD).removeprefix("/")
    return find_verb(word).name if word else ""


_READERS: Mapping[Kind, tuple[str, Callable[[_Line, Arg], Any]]] = {
    "incident": ("numbers", _incidents),
    "incidents": ("numbers", _incidents),
    "duration": ("duration", _duration),
    "text": ("text", _text),
    "matchers": ("matchers", _matchers),
    "person": ("person", _person),
    "choice": ("scope", _choice),
    "silence": ("silence", _silence),
    "verb": ("topic", _topic),
    "request": ("request", _request),
}
"""What fills which field of a Command. A new verb made of these kinds needs a line in `VERBS` and nothing here."""


def render(command: Command) -> str:
    """The line in its canonical form. `parse` reads the same command from it, unless it is longer than MOST_TEXT."""
    parts = [command.verb, command.scope, *map(str, command.numbers), str(command.request or "")]
    if command.matchers:
        parts.append("{" + ", ".join(map(_render_matcher, command.matchers)) + "}")
    if command.duration is not None:
        parts.append(f"for {_render_duration(command.duration)}")
    parts += [f"@{command.person}"] if command.person else []
    if _MISREAD.match(command.text):
        parts.append("--")
    return " ".join(part for part in [*parts, command.silence, command.topic, command.text] if part)


def _render_matcher(matcher: Matcher) -> str:
    written = str(matcher)
    if written.startswith('"') or _PLAIN_NAME.fullmatch(matcher.name):
        return written
    return f'"{matcher.name}"{written[len(matcher.name) :]}'  # a bare name might hold what phones mix up


def _render_duration(seconds: float) -> str:
    """All of it; `format_duration` shows the two largest units only."""
    written, rest = "", round(seconds, 3)
    while rest > 0:
        shown = format_duration(rest)
        written, rest = written + shown, round(rest - parse_duration(shown), 3)
    return written
