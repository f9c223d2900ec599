"""Buttons and menus of cards and of the home tab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.chats.slack.answer import Desktop, Place
from adapters.chats.slack.home import HomeTab
from adapters.chats.slack.modals import PREFIX, PREVIEW, Modals

WITH_DIALOG = frozenset({PREFIX + "silence", PREFIX + "note"})


class Actions:
    """Does what was pressed. Whoever sees a button can press it: the desk decides whether that person may."""

    def __init__(self, desktop: Desktop, modals: Modals, home: HomeTab) -> None:
        self._desktop, self._modals, self._home = desktop, modals, home

    async def run(self, body: Mapping[str, Any]) -> None:
        """`body`: a block_actions payload. What is not ours, such as a button that is a link, does nothing."""
        for action in body.get("actions") or ():
            await self._one(body, str(action.get("action_id", "")), value_of(action))

    async def _one(self, body: Mapping[str, Any], action_id: str, command: str) -> None:
        place = place_of(body)
        at_home = (body.get("view") or {}).get("type") == "home"
        if action_id == PREVIEW:
            await self._modals.preview(place.account, body.get("view") or {})
            return
        if not action_id.startswith(PREFIX) or not command:
            return
        if action_id in WITH_DIALOG:
            reply = await self._modals.open(place, str(body.get("trigger_id", "")), command, at_home)
        else:
            reply = await self._desktop.run(place, command)
        if at_home:
            if reply:
                await self._home.show(place.account, reply)
        elif reply:
            await self._desktop.tell(place, reply)


def value_of(action: Mapping[str, Any]) -> str:
    """The command line behind a button or an option; empty for a link."""
    if action.get("url"):
        return ""
    return str((action.get("selected_option") or action).get("value") or "")


def place_of(body: Mapping[str, Any]) -> Place:
    channel = (body.get("channel") or {}).get("id") or (body.get("container") or {}).get("channel_id") or ""
    return Place(str((body.get("user") or {}).get("id", "")), str(channel), str(body.get("response_url") or ""))
