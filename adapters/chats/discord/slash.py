"""Slash commands: `/ack incident:42 note:on it` is the line `ack 42 on it`, answered to whoever typed it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.chats.discord.answer import Desktop
from adapters.chats.discord.asked import Asked
from adapters.chats.discord.commands import ASKED_FOR, FURTHER, WHOLE, WHOLE_LINE
from adapters.chats.discord.modals import Modals
from rules.command import Usage, parse, render
from rules.grammar import VERBS, Arg

_PERSON = re.compile(r"<@!?([0-9]+)>")
_ROLE = re.compile(r"<@&([0-9]+)>")
_CHANNEL = re.compile(r"<#([0-9]+)>")
_EMOJI = re.compile(r"<a?(:\w+:)[0-9]+>")


def line_of(name: str, options: Sequence[Mapping[str, Any]]) -> str:
    """The line of the one grammar that was meant; where it says nothing that makes sense, as near to it as can be."""
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
            return f"{value} {given.get(FURTHER, '')}".strip()
        case "duration":
            return f"for {value.lower().removeprefix('for ').strip()}" if value else ""
        case "text":
            return f"-- {value}" if value else ""
    return value


class Slash:
    """Runs what was typed, or opens the dialog that asks for what was not."""

    def __init__(self, desktop: Desktop, modals: Modals) -> None:
        self._desktop, self._modals = desktop, modals

    async def run(self, asked: Asked) -> None:
        name = str(asked.data.get("name") or "")
        line = line_of(name, asked.options)
        given = {str(one.get("name")) for one in asked.options}
        if (name == "silence" and not given) or (name in ASKED_FOR and name not in given):
            await self._modals.open(asked, line)
        else:
            await self._desktop.do(asked, line)
