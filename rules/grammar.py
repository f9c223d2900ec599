"""The verbs that people may use, as data: parsing, help, completion, permissions and the chats' own menus all come from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Literal

import msgspec

Kind = Literal["incident", "incidents", "duration", "text", "matchers", "person", "choice", "silence", "verb", "request"]


class Usage(ValueError):
    """A line that is no command. The text tells the person who typed it what is wrong and how to write it."""


class Arg(msgspec.Struct, frozen=True):
    """One argument, in its place in the line. `default`: what is taken when it is left out, as one would write it."""

    name: str
    kind: Kind
    required: bool
    help: str
    choices: tuple[str, ...] = ()
    default: str = ""

    @property
    def label(self) -> str:
        """How usage lines call it."""
        if self.kind == "choice":
            return "|".join(self.choices)
        return {"incident": "NUMBER", "incidents": "NUMBER…"}.get(self.kind, self.name.upper())


class Verb(msgspec.Struct, frozen=True):
    """One command. `permission`: what `permissions` must allow, or None where being known is enough (clearance still counts)."""

    name: str
    usage: str
    summary: str
    permission: str | None
    args: tuple[Arg, ...]
    examples: tuple[str, ...]

    @property
    def takes_incident(self) -> bool:
        """Whether it may name incidents, whose labels and sensitivity then decide with the permission."""
        return any(arg.kind in ("incident", "incidents") for arg in self.args)


_ONE = Arg("incident", "incident", True, "the incident, 42 or #42")
_SEVERAL = Arg("incidents", "incidents", True, "one or more, 42 or #42")
_FOR = Arg("duration", "duration", False, "how long, such as 30m, 2h or 1d")
_NOTE = Arg("note", "text", False, "a word to the others")
_MATCHERS = Arg("matchers", "matchers", False, 'such as team="db"')

# Taking back is part of the permission to do: whoever may ack may unack, or a card's own button would be a trap.
_ALL = (
    Verb(
        "ack", "ack NUMBER… [for DURATION] [NOTE]", "take incidents on", "ack",
        (_SEVERAL, _FOR, _NOTE),
        ("ack 42", "ack 42 on it", "ack 42 43 for 2h on it"),
    ),
    Verb("unack", "unack NUMBER…", "give incidents back", "ack", (_SEVERAL,), ("unack 42",)),
    Verb(
        "resolve", "resolve NUMBER… [NOTE]", "say that incidents are over", "resolve",
        (_SEVERAL, _NOTE),
        ("resolve 42", "resolve 42 the disk is bigger now"),
    ),
    Verb(
        "snooze", "snooze NUMBER… [[for] DURATION]", "no reminders for a while", "snooze",
        (_SEVERAL, msgspec.structs.replace(_FOR, default="1h")),
        ("snooze 42", "snooze 42 43 for 2h"),
    ),
    Verb(
        "assign", "assign NUMBER PERSON", "make somebody the owner", "assign",
        (_ONE, Arg("person", "person", True, "whose it is from now on")),
        ("assign 42 @ana",),
    ),
    Verb(
        "note", "note NUMBER NOTE", "write a note on an incident", "note",
        (_ONE, msgspec.structs.replace(_NOTE, required=True)),
        ("note 42 the replica is lagging too",),
    ),
    Verb(
        "silence", "silence MATCHERS|NUMBER [[for] DURATION] [REASON]", "mute alerts that match", "silence",
        (
            msgspec.structs.replace(_ONE, required=False, help="an incident whose alerts to mute"),
            msgspec.structs.replace(_MATCHERS, help='or matchers, such as team="db"'),
            msgspec.structs.replace(_FOR, default="2h"),
            Arg("reason", "text", False, "why, for the others"),
        ),
        ("silence #42", 'silence {team="db", severity=~"warning|low"} 1d', 'silence team="db" for 2h disk swap'),
    ),
    Verb("silences", "silences", "list the silences in force", None, (), ("silences",)),
    Verb(
        "unsilence", "unsilence SILENCE", "end a silence early", "silence",
        (Arg("silence", "silence", True, "its id, or how the id begins"),),
        ("unsilence 3f9a",),
    ),
    Verb(
        "incidents", "incidents [open|mine|all] [MATCHERS]", "list incidents", None,
        (Arg("scope", "choice", False, "which of them", ("open", "mine", "all"), "open"), _MATCHERS),
        ("incidents", "incidents mine", 'incidents all team="db"'),
    ),
    Verb("incident", "incident NUMBER", "show one incident", None, (_ONE,), ("incident 42",)),
    Verb("why", "why NUMBER", "why an incident came where it did", None, (_ONE,), ("why 42",)),
    Verb(
        "reveal", "reveal NUMBER REASON", "see what you may not, for a while", None,
        (_ONE, Arg("reason", "text", True, "why you must see it: the admins read it")),
        ("reveal 42 payments on call does not answer",),
    ),
    Verb("requests", "requests", "list what waits for a second person", None, (), ("requests",)),
    Verb(
        "approve", "approve REQUEST", "let another's request be done", None,
        (Arg("request", "request", True, "its number, see requests"),),
        ("approve 7",),
    ),
    Verb(
        "deny", "deny REQUEST [REASON]", "end a request without doing it", None,
        (Arg("request", "request", True, "its number, see requests"), Arg("reason", "text", False, "why, for who asked")),
        ("deny 7", "deny 7 not before the backup is through"),
    ),
    Verb("whoami", "whoami", "who you are here, what you may do", None, (), ("whoami",)),
    Verb(
        "help", "help [VERB]", "this list, or more on one verb", None,
        (Arg("verb", "verb", False, "the verb to explain"),),
        ("help", "help ack"),
    ),
)  # fmt: skip

VERBS: Mapping[str, Verb] = {verb.name: verb for verb in _ALL}
"""Every verb by its name, in the order in which help lists them."""


def find_verb(word: str) -> Verb:
    """The verb of that name, in any case. Raises Usage with the nearest one."""
    verb = VERBS.get(word.lower())
    if verb:
        return verb
    meant = nearest(word, VERBS)
    hint = f"Did you mean {meant}? Try: {VERBS[meant].examples[0]}" if meant else "Try: help"
    raise Usage(f'I do not know "{clip(word)}". {hint}')


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or an empty text."""
    names, word = list(known), word.lower()
    same_start = [name for name in names if word and (name.startswith(word) or word.startswith(name))]
    return next(iter([*same_start, *get_close_matches(word, names, 1, 0.5)]), "")


def clip(text: str) -> str:
    """A piece of what was typed, short enough to be repeated in an answer."""
    return text if len(text) <= 40 else text[:40] + "…"


def help_text(topic: str = "") -> str:
    """All verbs with one line each, or one verb in full; plain text, aligned, narrow enough for a phone. Raises Usage."""
    return _help_on(find_verb(topic)) if topic else _help_on_all()


def _help_on_all() -> str:
    lines = [f"{verb.name:<9}  {verb.summary}" for verb in VERBS.values()]
    return "\n".join([*lines, "", "More on one: help ack"])


def _help_on(verb: Verb) -> str:
    width = max((len(arg.label) for arg in verb.args), default=0)
    lines = [verb.usage, verb.summary]
    if verb.args:
        lines += ["", *(f"  {arg.label:<{width}}  {_explained(arg)}" for arg in verb.args)]
    return "\n".join([*lines, "", "Examples:", *(f"  {example}" for example in verb.examples)])


def _explained(arg: Arg) -> str:
    return f"{arg.help}; else {arg.default}" if arg.default else arg.help
