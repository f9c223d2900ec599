"""Slash commands: `/tocsin ack 42`, `/ack 42`, answered to whoever typed them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from adapters.chats.slack.answer import Desktop, Place
from rules.grammar import VERBS

_PERSON = re.compile(r"<@([A-Z0-9]+)(?:\|[^<>]*)?>")
_CHANNEL = re.compile(r"<#([A-Z0-9]+)(?:\|([^<>]*))?>")
_GROUP = re.compile(r"<!subteam\^([A-Z0-9]+)(?:\|[^<>]*)?>")
_SPECIAL = re.compile(r"<!([a-z]+)(?:\|[^<>]*)?>")
_LINK = re.compile(r"<((?:https?|mailto|ftp|tel):[^|<>]+)(?:\|([^<>]*))?>")


def line_of(command: str, text: str) -> str:
    """The line of the one grammar that was meant. `command`: with its slash; one that is no verb stands for `/tocsin`."""
    verb, typed = command.lstrip("/").lower(), unescape(text).strip()
    if verb not in VERBS:
        return typed
    return f"help {verb}" if typed.lower() == "help" and verb != "help" else f"{verb} {typed}".strip()


def unescape(text: str) -> str:
    """The text as it was typed: Slack wraps people, channels and links, and escapes & < >.

    People stay their ids (`@U01ANA`), which Tocsin knows; a link is what was typed, which is its label if it has one.
    """
    text = _PERSON.sub(r"@\1", text)
    text = _CHANNEL.sub(lambda match: f"#{match[2] or match[1]}", text)
    text = _SPECIAL.sub(r"@\1", _GROUP.sub(r"@\1", text))
    text = _LINK.sub(lambda match: match[2] or match[1].removeprefix("mailto:"), text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")  # these three only, & last


class Slash:
    """Runs what was typed. The acknowledgement went out before: a slow database is no timeout in Slack."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    async def run(self, body: Mapping[str, Any]) -> None:
        """`body`: the fields of the command as Slack sent them."""
        place = Place(str(body.get("user_id", "")), str(body.get("channel_id", "")), str(body.get("response_url", "")))
        line = line_of(str(body.get("command", "")), str(body.get("text", "")))
        await self._desktop.tell(place, await self._desktop.run(place, line))
