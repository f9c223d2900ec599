"""The dialogs of Silence and Note: fields, and a word on what it would do, before it is done.

A dialog of Discord cannot change while it is open, and closes when it is sent. So nothing is muted that the person was not shown:
what they changed in it is shown once more, with a button that does it and one that opens the dialog again with what they typed.
That travels in the small print of the answer; nothing is kept here.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import Any

import msgspec

from adapters.chat import Reply
from adapters.chats.discord.answer import DIALOG, LATER, LATER_IN_PLACE, MESSAGE, REFUSED, Desktop, message, said
from adapters.chats.discord.asked import Asked, filled_in
from adapters.chats.discord.components import BUTTON, PREFIX, PRIMARY, ROW, SECONDARY
from adapters.chats.discord.once import Once
from adapters.chats.discord.text import told
from adapters.plain import clean, cut, size
from rules.command import MOST_TEXT as MOST_LINE
from rules.command import Usage, parse, render
from rules.duration import parse_duration

CONFIRM, CHANGE = PREFIX + "/confirm", PREFIX + "/change"
USUAL = "2h"
LOOK_FIRST = 1.0
"""Seconds that the desk gets before a dialog opens without its word: Discord opens one only within 3 s of the press."""
MOST_MATCHERS, MOST_SPAN, MOST_REASON, MOST_NOTE, MOST_FOOTER = 1000, 20, 600, 2000, 2048
UNKNOWN = Reply("I do not know this dialog any more. Type: /tocsin help", ok=False)
SHORT, LONG = 1, 2
INPUT, TEXT, LABEL = 4, 10, 18

_DRAFT = re.compile(r"Alerts: ?(?P<matchers>[^\n]*)\nFor: ?(?P<span>[^\n]*)(?:\nReason: ?(?P<reason>.*))?", re.DOTALL)

View = dict[str, Any]


class Draft(msgspec.Struct, frozen=True):
    """What stands in the fields of Silence."""

    matchers: str = ""
    span: str = USUAL
    reason: str = ""

    def __str__(self) -> str:
        return f"Alerts: {self.matchers}\nFor: {self.span}\nReason: {self.reason}"


def read_draft(footer: str) -> Draft:
    """The draft whose text this is; an empty one for any other text."""
    found = _DRAFT.fullmatch(footer.strip())
    return Draft(**{name: (value or "").strip() for name, value in found.groupdict().items()}) if found else Draft()


def silence_line(draft: Draft) -> str:
    """The command that a draft means. Raises Usage."""
    asked = parse(f"silence {draft.matchers}")
    if asked.text or asked.duration != parse("silence #1").duration:
        raise Usage("Only matchers or the number of an incident go there; time and reason have their own fields.")
    try:
        duration = parse_duration(draft.span.lower().removeprefix("for ").strip() or USUAL)
    except ValueError as problem:
        raise Usage(f"{problem}.") from None
    if not duration:
        raise Usage("A duration must be longer than 0.")
    line = render(msgspec.structs.replace(asked, duration=duration, text=draft.reason))
    if len(line) > MOST_LINE:
        raise Usage(f"Matchers and reason together are {len(line) - MOST_LINE} characters too long.")
    return line


def silence_view(draft: Draft, preview: str, seen: bool) -> View:
    """`seen`: the person was told what these matchers would mute."""
    custom_id = f"{PREFIX}silence|{_mark(draft.matchers) if seen else ''}"
    hint = 'Matchers such as team="db", or an incident such as #42'
    fields = [
        _input("matchers", "Alerts to mute", hint, MOST_MATCHERS, draft.matchers),
        _input("span", "For", "Such as 30m, 2h or 3d", MOST_SPAN, draft.span),
        _input("reason", "Reason", "Why, for the others", MOST_REASON, draft.reason, LONG, optional=True),
    ]
    shown = [{"type": TEXT, "content": told(clean(preview), 1500, 2000)}] if preview else []
    return {"custom_id": custom_id, "title": "Silence alerts", "components": [*shown, *fields]}


def note_view(command: str) -> View:
    title = f"Note on #{parse(command + ' …').numbers[0]}"
    field = _input("text", "Note", "Stands on the card and in its thread", MOST_NOTE, style=LONG)
    return {"custom_id": PREFIX + command, "title": title, "components": [field]}


class Modals:
    """Opens dialogs, shows what they would do, and runs what was filled in."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop, self._confirmed = desktop, Once()

    async def open(self, asked: Asked, command: str) -> None:
        """Opens the dialog of a button; says instead why the person may not do this."""
        verb, _, rest = command.partition(" ")
        early = await self._early(asked, command if verb == "silence" else f"{command} -- …") if rest else None
        if early and not early.ok:
            await self._desktop.begin(asked, MESSAGE, said(early))
        elif verb == "note":
            await self._desktop.begin(asked, DIALOG, note_view(command))
        else:
            fits = early is not None and 0 < len(early.matchers) <= MOST_MATCHERS
            draft = Draft(early.matchers if early and fits else rest)
            await self._desktop.begin(asked, DIALOG, silence_view(draft, early.text if early else "", early is not None))

    async def submit(self, asked: Asked) -> None:
        """A dialog that was sent."""
        if not asked.custom_id.startswith(PREFIX):
            await self._desktop.begin(asked, MESSAGE, said(UNKNOWN))
            return
        values = filled_in(asked.data.get("components"))
        command, _, mark = asked.custom_id.removeprefix(PREFIX).partition("|")
        if command == "silence":
            draft = Draft(*(clean(values.get(name, "")).strip() for name in ("matchers", "span", "reason")))
            await self._silence(asked, draft, mark)
        else:
            await self._desktop.do(asked, f"{command} -- {values.get('text', '')}")

    async def confirm(self, asked: Asked) -> None:
        """The button under what it would do. Two fast presses are one."""
        if await self._desktop.begin(asked, LATER_IN_PLACE) and self._confirmed.first(asked.message):
            try:
                line = silence_line(read_draft(asked.footer))
            except Usage as problem:
                await self._desktop.tell(asked, said(Reply(str(problem), ok=False)))
                return
            await self._desktop.finish(asked, line)

    async def change(self, asked: Asked) -> None:
        """The button that opens the dialog again with what was typed."""
        await self._desktop.begin(asked, DIALOG, silence_view(read_draft(asked.footer), "", False))

    async def _silence(self, asked: Asked, draft: Draft, mark: str) -> None:
        if not await self._desktop.begin(asked, LATER):
            return
        try:
            line = silence_line(draft)
        except Usage as problem:
            await self._desktop.tell(asked, _asking(draft, Reply(str(problem), ok=False)))
            return
        if mark and mark == _mark(draft.matchers):
            await self._desktop.finish(asked, line)
        else:
            await self._desktop.tell(asked, _asking(draft, await self._desktop.preview(asked, line)))

    async def _early(self, asked: Asked, line: str) -> Reply | None:
        try:
            async with asyncio.timeout(LOOK_FIRST):
                return await self._desktop.preview(asked, line)
        except TimeoutError:  # the dialog opens without; the command itself will tell
            return None


def _asking(draft: Draft, preview: Reply) -> View:
    """What it would do, or why not, and how to go on."""
    small_print = str(draft)
    if size(small_print) > MOST_FOOTER:  # only what is full of emoji; it cannot travel
        return said(preview) if not preview.ok else said(Reply("That is too long. Say it shorter, please.", ok=False))
    words = ("" if preview.ok else REFUSED) + clean(preview.text)
    embed = {"description": told(words, 1500, 3000), "footer": {"text": small_print}}
    buttons = [_button(CONFIRM, "Silence", PRIMARY)] if preview.ok else []
    return message("", [embed], [{"type": ROW, "components": [*buttons, _button(CHANGE, "Change", SECONDARY)]}])


def _button(custom_id: str, label: str, style: int) -> View:
    return {"type": BUTTON, "style": style, "label": label, "custom_id": custom_id}


def _input(name: str, label: str, hint: str, most: int, first: str = "", style: int = SHORT, optional: bool = False) -> View:
    field: View = {"type": INPUT, "custom_id": name, "style": style, "max_length": most, "required": not optional}
    if first:
        field["value"] = cut(first, most)
    return {"type": LABEL, "label": label, "description": hint, "component": field}


def _mark(matchers: str) -> str:
    """Short enough for an id; tells whether matchers are still those that the person was shown."""
    return hashlib.sha256(matchers.strip().encode("utf-8", "replace")).hexdigest()[:12]
