"""Slash commands: `/ack incident:42 note:on it` is the line `ack 42 on it`, answered to whoever typed it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.chat import Reply
from adapters.chats.discord.answer import MESSAGE, Desktop, said
from adapters.chats.discord.asked import Asked
from adapters.chats.discord.commands import ASKED_FOR, FURTHER, WHOLE, WHOLE_LINE
from adapters.chats.discord.modals import Modals
from rules.command import Usage, parse, render
from rules.duration import parse_duration
from rules.grammar import VERBS, Arg, clip

NUMBERS = re.compile(r"(?:#?[0-9]+(?:[,;:\s]+|$))*")
_PERSON = re.compile(r"<@!?([0-9]+)>")
_ROLE = re.compile(r"<@&([0-9]+)>")
_CHANNEL = re.compile(r"<#([0-9]+)>")
_EMOJI = re.compile(r"<a?(:\w+:)[0-9]+>")


def line_of(name: str, options: Sequence[Mapping[str, Any]]) -> str:
    """The line of the one grammar that was meant; as near to it as can be, if the grammar would refuse it.

    Raises Usage for what the grammar would take for something else, such as a duration that is none for a note.
    """
    given = {str(one.get("name")): typed(one.get("value")) for one in options}
    if name == WHOLE:
        return given.get(WHOLE_LINE, "")
    verb = VERBS.get(name)
    parts = [name, *(_part(arg, given) for arg in (verb.args if verb else ()))]
    line = " ".join(part for part in parts if part)
    try:
        return render(parse(line))
    except Usage:  # the desk says what is wrong with it
        return line


def typed(value: object) -> str:
    """The text as it was typed: Discord wraps people, roles, channels and emoji. People stay their ids, which Tocsin knows."""
    text = _EMOJI.sub(r"\1", _CHANNEL.sub(r"#\1", str("" if value is None else value)))
    return _PERSON.sub(r"@\1", _ROLE.sub(r"@\1", text)).strip()


def _part(arg: Arg, given: Mapping[str, str]) -> str:
    value = given.get("incident" if arg.kind == "incidents" else arg.name, "")
    match arg.kind:
        case "incidents":
            return f"{value} {_numbers(given.get(FURTHER, ''))}".strip()
        case "duration" if value:
            return f"for {_duration(value)}"
        case "matchers" if value:
            return _matchers(value)
        case "text" if value:
            return f"-- {value}"
    return value


def _numbers(written: str) -> str:
    if not NUMBERS.fullmatch(written):
        raise Usage(f'"{clip(written)}" is no list of incidents. Such as: 43 44')
    return written


def _duration(written: str) -> str:
    written = written.lower().removeprefix("for ").strip()
    try:
        parse_duration(written)
    except ValueError as problem:
        raise Usage(f"{problem}.") from None
    return written


def _matchers(written: str) -> str:
    try:
        read = parse(f"incidents all {written}")
    except Usage:
        raise Usage(f'I cannot read the matchers {clip(written)}. Such as: team="db", severity=~"warning|low"') from None
    return render(read).removeprefix("incidents all ")


class Slash:
    """Runs what was typed, or opens the dialog that asks for what was not."""

    def __init__(self, desktop: Desktop, modals: Modals) -> None:
        self._desktop, self._modals = desktop, modals

    async def run(self, asked: Asked) -> None:
        name = str(asked.data.get("name") or "")
        try:
            line = line_of(name, asked.options)
        except Usage as problem:
            await self._desktop.begin(asked, MESSAGE, said(Reply(str(problem), ok=False)))
            return
        given = {str(one.get("name")) for one in asked.options}
        if (name == "silence" and not given) or (name in ASKED_FOR and name not in given):
            await self._modals.open(asked, line)
        else:
            await self._desktop.do(asked, line)
