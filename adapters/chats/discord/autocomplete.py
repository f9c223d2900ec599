"""What may follow the word that somebody is typing: only what the desk would let them see, and at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.chat import Suggestion
from adapters.chats.discord.answer import CHOICES, Desktop
from adapters.chats.discord.asked import Asked
from adapters.chats.discord.commands import FURTHER, INTEGER, WHOLE
from adapters.chats.discord.slash import NUMBERS, line_of, typed
from adapters.plain import cut, one_line, size

WITHIN = 1.5
"""Seconds that the desk gets: Discord waits 3 s, a person less."""
MOST, MOST_SHOWN = 25, 100

Choice = dict[str, Any]


class Autocomplete:
    """The list under an option."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    async def run(self, asked: Asked) -> None:
        await self._desktop.begin(asked, CHOICES, {"choices": await self._choices(asked)})

    async def _choices(self, asked: Asked) -> list[Choice]:
        option = next((one for one in asked.options if one.get("focused")), None)
        if option is None:
            return []
        before = before_it(str(asked.data.get("name") or ""), str(option.get("name")), asked.options)
        try:
            async with asyncio.timeout(WITHIN):
                found = await self._desktop.desk.suggest(self._desktop.invocation(asked, before + typed(option.get("value"))))
        except TimeoutError:  # an empty list is better than none: one can go on typing
            return []
        return choices(before, found, option.get("type") == INTEGER, option.get("name") == FURTHER)


def before_it(name: str, focused: str, options: Sequence[Mapping[str, Any]]) -> str:
    """The line up to the word in question."""
    if name == WHOLE:
        return ""
    first = [one for one in options if one.get("name") == "incident"] if focused != "incident" else []
    if focused == "duration":
        return line_of(name, first or [{"name": "incident", "value": 1}]).partition(" for ")[0] + " for "
    return line_of(name, first if focused == FURTHER or first else []) + " "


def choices(before: str, found: Sequence[Suggestion], number: bool = False, numbers: bool = False) -> list[Choice]:
    """`number`: the option takes a number and nothing else; `numbers`: a text of them."""
    made = []
    for one in found:
        word = one.line.removeprefix(before).strip() if one.line.startswith(before) else ""
        bare = word.removeprefix("#")
        fits = bare.isdecimal() if number else NUMBERS.fullmatch(word) if numbers else word
        if not fits or size(word) > MOST_SHOWN:
            continue
        told = cut(one_line(f"{'#' + bare if number else word} {one.hint}"), MOST_SHOWN)
        made.append({"name": told, "value": int(bare) if number else word})
    return made[:MOST]
