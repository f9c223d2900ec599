"""What a reader gets of a message that the adapter would send to Discord, read by the stand-in's own eyes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from tests.standins import discord_markdown as markdown
from tests.standins.discord_forms import check_message
from tests.standins.discord_markdown import Token
from tests.standins.discord_state import Version


class Seen:
    """`links`: (address, words) of all one can follow. `controls`: (custom_id or value, words) of all one can press."""

    def __init__(self, message: Mapping[str, Any]) -> None:
        self._said = Version(0.0, "", message.get("content", ""), message["embeds"], message.get("components", []))
        self.embed: Mapping[str, Any] = message["embeds"][0]
        self.tokens = markdown.markup(self._said)
        pressed = markdown.controls(self._said)
        self.links = [(token.target, token.label) for token in self.tokens if token.kind in markdown.LINKS]
        self.links += [(one["url"], one["label"]) for one in pressed if "url" in one]
        self.controls = [(one["custom_id"], one["label"]) for one in pressed if one["type"] == 2 and "custom_id" in one]
        self.controls += [(option["value"], option["label"]) for one in pressed if one["type"] == 3 for option in one["options"]]

    @cached_property
    def text(self) -> str:
        return markdown.shown(self._said)

    def has(self, words: str) -> bool:
        return words in self.text

    def of(self, *kinds: str) -> list[Token]:
        return [token for token in self.tokens if token.kind in kinds]


def render(message: Mapping[str, Any]) -> Seen:
    """Also checks every limit of Discord: it would refuse the message otherwise."""
    check_message(dict(message))
    assert {"url", "author", "image", "thumbnail", "video"}.isdisjoint(message["embeds"][0])
    return Seen(message)
