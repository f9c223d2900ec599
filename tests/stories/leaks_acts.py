"""What people type in the leak matrix: every verb, about what they see and what they do not, with secrets of their own in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rules.command import VERBS
from rules.grammar import Arg
from tests.stories.leaks import PEOPLE, Piece, text


class Typed(NamedTuple):
    """A line, and what is secret in it: the number of the piece and the piece, if anything is."""

    line: str
    number: int = 0
    piece: Piece | None = None


class Subject(NamedTuple):
    """What a line is about. `seen`: whether who types may see it; only then do they write secrets about it."""

    incident: int
    level: str
    seen: bool
    team: str
    instance: str
    team_level: str


def typed(args: Mapping[str, Any], subject: Subject) -> Typed:
    verb, dice = VERBS[args["verb"]], args["dice"]
    if verb.name == "silence" and dice % 2:
        return _silence(args, subject)
    words = [_WORDS[arg.kind](arg, subject, dice) for arg in verb.args if not (verb.name == "silence" and arg.kind == "matchers")]
    line = " ".join([verb.name, *(word for word in words if word)])
    takes_text = any(arg.kind == "text" for arg in verb.args)
    if not takes_text or not verb.takes_incident or not subject.seen or verb.name == "reveal":
        return Typed(f"{line} harmless words" if takes_text else line)
    piece = Piece(subject.level, f"the words of {args['who']} to {verb.name} #{subject.incident}", {subject.incident})
    piece.kinds = args["kinds"]
    return Typed(f"{line} {text(args['piece'], 'w', args['kinds'])}", args["piece"], piece)


def _silence(args: Mapping[str, Any], subject: Subject) -> Typed:
    """Of labels that the matchers fix, the level is known: whoever sees that much may name more."""
    line = f'silence team="{subject.team}"'
    if not subject.seen:
        return Typed(f'{line}, nobody="knows" 1h harmless words')
    piece = Piece(subject.team_level, f"the reason of {args['who']} to silence alerts of {subject.team}", set(), args["kinds"])
    return Typed(f'{line}, instance="{subject.instance}" 1h {text(args["piece"], "r", args["kinds"])}', args["piece"], piece)


def _number(arg: Arg, subject: Subject, dice: int) -> str:
    return f"#{subject.incident}" if dice % 3 else str(subject.incident)


_WORDS: Mapping[str, Callable[[Arg, Subject, int], str]] = {
    "incident": _number,
    "incidents": _number,
    "duration": lambda arg, subject, dice: "for 1h" if dice % 2 else "",
    "text": lambda arg, subject, dice: "",
    "matchers": lambda arg, subject, dice: f'team="{subject.team}"' if dice % 2 else "",
    "person": lambda arg, subject, dice: list(PEOPLE)[dice % len(PEOPLE)],
    "choice": lambda arg, subject, dice: arg.choices[dice % len(arg.choices)],
    "silence": lambda arg, subject, dice: "0123456789abcdef"[dice % 16],
    "verb": lambda arg, subject, dice: "",
    "request": lambda arg, subject, dice: str(1 + dice % 3),
}
"""What stands for each kind of argument; a new kind fails here until it is written down."""
