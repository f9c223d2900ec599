"""How a command line that is being typed may go on. `parse` alone judges what fits, so that no suggestion can be wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from rules.command import ADDRESS, BLANK, MOST_TEXT, parse
from rules.grammar import VERBS, Arg, Kind, Usage, Verb, clip

MOST = 8
_TRIED = 100  # words of each kind: enough to fill the list, few enough for every key press
_FURTHER = 3  # numbers behind the first one, so that they leave room for durations
_DURATIONS = {"30m": "half an hour", "1h": "an hour", "2h": "two hours", "4h": "four hours", "1d": "a day"}
_MORE = "x"  # stands for the text or person that is still to be typed
_AFTER_FOR = re.compile(rf"[{BLANK}]for[{BLANK}]+\Z", re.IGNORECASE)

Incidents = Sequence[tuple[int, str, str]]
Silences = Sequence[tuple[str, str]]


class _Typed(msgspec.Struct, frozen=True):
    """`base`: the line without its last word, `word`: that one, in lower case; and what may be named in its place."""

    base: str
    word: str
    incidents: Incidents
    people: Sequence[str]
    silences: Silences


def suggest(text: str, incidents: Incidents, people: Sequence[str], silences: Silences) -> list[tuple[str, str]]:
    """Up to eight (line, hint). A line that ends with a space wants more words; any other is a whole command.

    `incidents`: number, state and title, in the order in which to offer them. `people`: keys. `silences`: id and what it says.
    A number may also be found by a piece of its incident's title. Titles are untrusted and come back in hints.
    """
    if len(text) > MOST_TEXT:
        return []
    address = ADDRESS.match(text)
    lead = address[0] if address else ""
    name = re.split(rf"[{BLANK}{{#]", text[len(lead) :], maxsplit=1)[0]
    found: dict[str, str] = {}
    if lead + name == text:
        found.update(_verbs(lead + " " * lead[-1:].isalpha(), name))
        text += " "
    verb = VERBS.get(name.lower())
    if verb:
        word = re.split(rf"[{BLANK}]", text)[-1]
        typed = _Typed(text[: len(text) - len(word)], word.lower(), incidents, people, silences)
        found.update(islice(_lines(verb, typed), MOST))
    return list(found.items())[:MOST]


def _verbs(lead: str, start: str) -> Iterator[tuple[str, str]]:
    for verb in VERBS.values():
        if verb.name.startswith(start.lower()):
            alone = verb.examples[0] == verb.name  # the first example is the shortest line that does something
            yield lead + verb.name + " " * (not alone), verb.summary


def _lines(verb: Verb, typed: _Typed) -> Iterator[tuple[str, str]]:
    for arg in verb.args:
        for word, hint in islice(_words(arg, typed), _TRIED):
            if line := _finished(typed.base + word, arg.kind, word):
                yield line, hint


def _finished(line: str, kind: Kind, word: str) -> str:
    """The line, with a space if it wants more; empty if its last word would not be read as what it is."""
    for more in ("", _MORE):
        try:
            command = parse(f"{line} {more}")
        except Usage:
            continue
        as_number = "incident" not in kind or int(word.removeprefix("#")) in command.numbers
        fits = as_number and command.text in ("", more)
        return line + " " * bool(more) if fits else ""
    return ""


def _words(arg: Arg, typed: _Typed) -> Iterator[tuple[str, str]]:
    """What could stand in place of the last word, if this argument is due there."""
    match arg.kind:
        case "incident" | "incidents":
            return _numbers(typed)
        case "duration":
            said_for = typed.word[:1].isdecimal() or _AFTER_FOR.search(typed.base)
            lead = "" if said_for else "for "
            return _starting(typed.word, [(lead + duration, hint) for duration, hint in _DURATIONS.items()])
        case "person":
            return _starting(f"@{typed.word.removeprefix('@')}", [(f"@{person}", arg.help) for person in typed.people])
        case "choice":
            return _starting(typed.word, [(choice, arg.help) for choice in arg.choices])
        case "silence":
            return _starting(typed.word, typed.silences)
        case "verb":
            return _starting(typed.word, [(verb.name, verb.summary) for verb in VERBS.values()])
    return iter(())


def _numbers(typed: _Typed) -> Iterator[tuple[str, str]]:
    """Numbers that begin like the last word; the first may also be found by its title, further ones are few."""
    named = set(re.findall("[0-9]+", typed.base))
    mark, piece = ("#", typed.word[1:]) if typed.word.startswith("#") else ("", typed.word)
    fitting = (
        (f"{mark}{number}", f"{state}: {clip(title)}")
        for number, state, title in typed.incidents
        if str(number) not in named and (str(number).startswith(piece) or (not named and piece in title.lower()))
    )
    return islice(fitting, _FURTHER if named else _TRIED)


def _starting(start: str, words: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((word, hint) for word, hint in words if word.lower().startswith(start))
