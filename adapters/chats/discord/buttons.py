"""Buttons and menus of cards and of answers. What is pressed carries its line itself, so that one of last year still works."""

from __future__ import annotations

from adapters.chat import Reply
from adapters.chats.discord.answer import MESSAGE, Desktop, said
from adapters.chats.discord.asked import Asked
from adapters.chats.discord.components import PREFIX
from adapters.chats.discord.modals import CHANGE, CONFIRM, Modals

WITH_DIALOG = frozenset({"silence", "note"})
UNKNOWN = Reply("I do not know this button any more. Type: /tocsin help", ok=False)


class Buttons:
    """Does what was pressed. Whoever sees a button can press it: the desk decides whether that person may."""

    def __init__(self, desktop: Desktop, modals: Modals) -> None:
        self._desktop, self._modals = desktop, modals

    async def run(self, asked: Asked) -> None:
        line = line_of(asked)
        if asked.custom_id == CONFIRM:
            await self._modals.confirm(asked)
        elif asked.custom_id.startswith(CHANGE):
            await self._modals.change(asked)
        elif not line:
            await self._desktop.begin(asked, MESSAGE, said(UNKNOWN))
        elif line.partition(" ")[0] in WITH_DIALOG:
            await self._modals.open(asked, line)
        else:
            await self._desktop.do(asked, line)


def line_of(asked: Asked) -> str:
    """The command line behind a button or a menu's option; empty for what is not ours."""
    if not asked.custom_id.startswith(PREFIX):
        return ""
    values = asked.data.get("values")
    return str(values[0]) if isinstance(values, list) and values else asked.custom_id.removeprefix(PREFIX)
