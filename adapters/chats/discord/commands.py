"""The slash commands that Discord offers: made from the verbs, so that what is typed there is what the grammar knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.plain import cut
from rules.grammar import VERBS, Arg, Verb

CHAT_INPUT, STRING, INTEGER = 1, 3, 4
MOST_NAME, MOST_DESCRIPTION, MOST_CHOICES = 32, 100, 25
MOST_TYPED = 4000
FURTHER = "others"
"""The option for more incidents than one, as text: an integer of Discord is one number."""
WHOLE, WHOLE_LINE = "tocsin", "command"
"""The command that takes a line of the grammar as it is, and its option."""
ASKED_FOR = frozenset({"note"})
"""Verbs whose text a dialog asks for where it is left out."""

Definition = dict[str, Any]


def definitions() -> list[Definition]:
    """What Discord is to know: every verb, and one command for whole lines."""
    hint = "Such as: ack 42, incidents mine, help silence"
    whole = _option(WHOLE_LINE, hint, STRING, max_length=MOST_TYPED, autocomplete=True)
    return [_definition(WHOLE, "Everything, in one line", [whole]), *map(_verb, VERBS.values())]


def same(one: object, other: object) -> bool:
    """Whether two lists of commands are the same in what we say; Discord adds ids, versions, defaults and an order of its own."""
    return _kept(one) == _kept(other)


def _kept(commands: object) -> Mapping[str, Any]:
    return {str(one.get("name")): _told(one) for one in commands if isinstance(one, dict)} if isinstance(commands, list) else {}


_OURS = frozenset(
    {"name", "description", "type", "options", "required", "choices", "autocomplete", "value"}
    | {"min_value", "max_value", "min_length", "max_length"}
)


def _told(part: object) -> object:
    if isinstance(part, list):
        return [_told(one) for one in part]
    if isinstance(part, dict):
        return {name: _told(value) for name, value in part.items() if name in _OURS and value not in (None, False, "", [])}
    return part


def _verb(verb: Verb) -> Definition:
    return _definition(verb.name, verb.summary, [option for arg in verb.args for option in _options(arg)])


def _definition(name: str, description: str, options: list[Definition]) -> Definition:
    options = sorted(options, key=lambda option: not option.get("required"))
    return {"type": CHAT_INPUT, "name": name, "description": cut(description, MOST_DESCRIPTION), "options": options}


def _options(arg: Arg) -> list[Definition]:
    required = arg.required and arg.name not in ASKED_FOR
    match arg.kind:
        case "incident" | "incidents":
            most = {"min_value": 1, "max_value": 10**9 - 1}
            one = _option("incident", arg.help, INTEGER, required, autocomplete=True, **most)
            more = _option(FURTHER, "more incidents, such as 43 44", STRING, max_length=500, autocomplete=True)
            return [one, more] if arg.kind == "incidents" else [one]
        case "choice" | "verb":
            words = arg.choices or tuple(VERBS)
            choices = [{"name": word, "value": word} for word in words[:MOST_CHOICES]]
            return [_option(arg.name, arg.help, STRING, required, choices=choices)]
        case "text" | "matchers":
            return [_option(arg.name, arg.help, STRING, required, max_length=2000)]
    return [_option(arg.name, arg.help, STRING, required, max_length=100, autocomplete=True)]


def _option(name: str, description: str, kind: int, required: bool = False, **more: Any) -> Definition:
    return {"type": kind, "name": name, "description": cut(description, MOST_DESCRIPTION), "required": required, **more}
