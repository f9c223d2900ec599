"""The dialogs of Silence and Note: fields, a preview of what it would do, and validation while the dialog is still open."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from adapters.chat import DeliveryError, Reply
from adapters.chats.slack.answer import Desktop, Place
from adapters.chats.slack.blocks import plain
from adapters.plain import clean, cut
from rules.command import MOST_TEXT as MOST_LINE
from rules.command import Usage, parse, render
from rules.duration import parse_duration

log = structlog.get_logger()

PREFIX = "tocsin:"
PREVIEW = "tocsin:preview"
SPANS = {"30 minutes": "30m", "1 hour": "1h", "2 hours": "2h", "4 hours": "4h", "8 hours": "8h", "1 day": "1d", "1 week": "7d"}
USUAL = "2 hours"
LOOK_FIRST = 1.0
"""Seconds that the desk gets before a dialog opens without its word: Slack opens one only within 3 s of the click."""
CHECK = 1.5
"""Seconds that the desk gets before a dialog closes without its word: Slack waits 3 s for that."""
MOST_MATCHERS, MOST_TEXT, MOST_ERROR = 2000, 2000, 600

View = dict[str, Any]
Errors = dict[str, str]


class Origin(msgspec.Struct, frozen=True):
    """Where a dialog came from; travels with it as its private_metadata. `command`: that of the button."""

    command: str
    channel: str = ""
    response_url: str = ""
    home: bool = False


class Form(Exception):
    """What is wrong in a dialog, by field."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(errors)
        self.errors = errors


def silence_view(origin: Origin, matchers: str, preview: str) -> View:
    """`matchers`: what stands in the field at first; that of the button (`#42`) where nothing better is known."""
    options = [{"text": plain(words), "value": span} for words, span in SPANS.items()]
    usual = options[list(SPANS).index(USUAL)]
    select = {"type": "static_select", "action_id": "span", "options": options, "initial_option": usual}
    blocks = [
        _input("matchers", "Alerts to mute", 'Matchers such as team="db", or an incident such as #42', MOST_MATCHERS, matchers),
        {"type": "input", "block_id": "span", "label": plain("For"), "element": select},
        _input("other", "Or for another time", "Such as 90m or 3d; counts instead of the list", 20, optional=True),
        _input("reason", "Reason", "Why, for the others", MOST_TEXT, optional=True, lines=True),
        {"type": "actions", "block_id": "ask", "elements": [
            {"type": "button", "action_id": PREVIEW, "text": plain("Preview"), "value": "preview"},
        ]},
        _preview_block(preview),
    ]  # fmt: skip
    return _modal(origin, "silence", "Silence alerts", "Silence", blocks)


def note_view(origin: Origin) -> View:
    title = f"Note on #{parse(origin.command + ' …').numbers[0]}"
    blocks = [_input("text", "Note", "Stands on the card and in its thread", MOST_TEXT, lines=True)]
    return _modal(origin, "note", title[:24], "Note it", blocks)


def silence_line(values: Mapping[str, Any]) -> str:
    """The command that a filled-in dialog means. Raises Form."""
    what, other = _typed(values, "matchers"), _typed(values, "other").lower().removeprefix("for ").strip()
    try:
        asked = parse(f"silence {what}")
    except Usage as problem:
        raise Form({"matchers": _told(problem)}) from None
    if asked.text or (asked.duration != parse("silence #1").duration):
        raise Form({"matchers": "Only matchers or the number of an incident go here; time and reason have their own fields."})
    chosen = (values.get("span", {}).get("span", {}).get("selected_option") or {}).get("value") or SPANS[USUAL]
    try:
        duration = parse_duration(other or str(chosen))
    except ValueError as problem:
        raise Form({"other": f"{problem}."}) from None
    if not duration:
        raise Form({"other": "A duration must be longer than 0."})
    line = render(msgspec.structs.replace(asked, duration=duration, text=_typed(values, "reason")))
    if len(line) > MOST_LINE:
        raise Form({"reason": f"Matchers and reason together are {len(line) - MOST_LINE} characters too long."})
    return line


def note_line(command: str, values: Mapping[str, Any]) -> str:
    """Raises Form."""
    line = f"{command} -- {_typed(values, 'text')}"
    try:
        parse(line)
    except Usage as problem:
        raise Form({"text": _told(problem)}) from None
    return line


class Modals:
    """Opens dialogs, previews what they would do, checks and runs what was filled in."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    async def open(self, place: Place, trigger_id: str, command: str, home: bool) -> Reply | None:
        """Opens the dialog of a button. The answer instead, if the person may not do this or Slack opened none."""
        origin = Origin(command, place.channel, place.response_url, home)
        verb = command.partition(" ")[0]
        asked = asyncio.ensure_future(self._desktop.preview(place, command if verb == "silence" else f"{command} -- …"))
        await asyncio.wait([asked], timeout=LOOK_FIRST)
        early = asked.result() if asked.done() else None
        if early and not early.ok:
            return early
        view = self._view(origin, verb, early)
        try:
            opened = await self._desktop.client.call("views.open", trigger_id=trigger_id, view=view)
        except DeliveryError as problem:
            log.warning("slack_dialog_not_opened", chat=self._desktop.name, reason=problem.reason)
            asked.cancel()
            return Reply(f"Slack did not open the dialog. Press again, or type: /tocsin {command}", ok=False)
        if early is None and verb == "silence":
            shown = opened.get("view", {})
            await self._show(str(shown.get("id")), "", view, (await asked).text)
        return None

    def _view(self, origin: Origin, verb: str, preview: Reply | None) -> View:
        if verb == "note":
            return note_view(origin)
        matchers = preview.matchers if preview and 0 < len(preview.matchers) <= MOST_MATCHERS else ""
        return silence_view(origin, matchers or origin.command.partition(" ")[2], preview.text if preview else "Looking …")

    async def preview(self, account: str, view: Mapping[str, Any]) -> None:
        """The button Preview: says in the open dialog what it would do."""
        origin = _origin(view)
        try:
            line = silence_line(view.get("state", {}).get("values", {}))
            told = (await self._desktop.preview(Place(account, origin.channel), line)).text
        except Form as problem:
            told = "\n".join(problem.errors.values())
        again = {name: view[name] for name in ("type", "title", "submit", "close", "blocks", "private_metadata", "callback_id")}
        await self._show(str(view.get("id")), str(view.get("hash")), again, told)

    async def _show(self, view_id: str, seen: str, view: View, preview: str) -> None:
        """Puts another preview into a dialog that is open; what was typed stays. `seen`: the hash of the dialog as we know it."""
        blocks = [block for block in view["blocks"] if block.get("block_id") != "preview"]
        new = {**view, "blocks": [*blocks, _preview_block(preview)]}
        try:
            await self._desktop.client.call("views.update", view_id=view_id, view=new, **({"hash": seen} if seen else {}))
        except DeliveryError as problem:  # closed or changed meanwhile
            log.info("slack_dialog_not_updated", chat=self._desktop.name, reason=problem.reason)

    async def check(self, account: str, view: Mapping[str, Any]) -> str:
        """The command that was filled in. Raises Form, also for what the desk refuses at once."""
        origin = _origin(view)
        values = view.get("state", {}).get("values", {})
        if view.get("callback_id") == PREFIX + "note":
            line, field = note_line(origin.command, values), "text"
        else:
            line, field = silence_line(values), "matchers"
        try:
            async with asyncio.timeout(CHECK):
                asked = await self._desktop.preview(Place(account, origin.channel), line)
        except TimeoutError:  # the command itself will tell
            return line
        if not asked.ok:
            raise Form({field: _told(asked.text)})
        return line

    async def submit(self, account: str, view: Mapping[str, Any], line: str) -> Reply | None:
        """Runs what was checked and tells the person how it went; returns that instead if the dialog came from their home tab."""
        origin = _origin(view)
        place = Place(account, origin.channel, origin.response_url)
        reply = await self._desktop.run(place, line)
        if origin.home:
            return reply
        await self._desktop.tell(place, reply)
        return None


def _origin(view: Mapping[str, Any]) -> Origin:
    try:
        return msgspec.json.decode(str(view.get("private_metadata", "")), type=Origin)
    except msgspec.MsgspecError:
        return Origin("")


def _modal(origin: Origin, verb: str, title: str, submit: str, blocks: list[View]) -> View:
    return {
        "type": "modal", "callback_id": PREFIX + verb, "title": plain(title), "submit": plain(submit), "close": plain("Cancel"),
        "private_metadata": msgspec.json.encode(origin).decode(), "blocks": blocks,
    }  # fmt: skip


def _input(name: str, label: str, hint: str, most: int, first: str = "", optional: bool = False, lines: bool = False) -> View:
    element: View = {"type": "plain_text_input", "action_id": name, "multiline": lines, "max_length": most}
    if first:
        element["initial_value"] = first
    return {
        "type": "input", "block_id": name, "label": plain(label), "hint": plain(hint), "element": element, "optional": optional,
    }  # fmt: skip


def _preview_block(text: str) -> View:
    return {"type": "section", "block_id": "preview", "text": plain(cut(clean(text), 2900))}


def _typed(values: Mapping[str, Any], name: str) -> str:
    return str(values.get(name, {}).get(name, {}).get("value") or "").strip()


def _told(problem: object) -> str:
    return cut(clean(str(problem)), MOST_ERROR)
