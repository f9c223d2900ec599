"""The handle of a message: its channel, its id, and the key that its footer holds, which an edit has to write again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from adapters.chat import DeliveryError, Failure

EPOCH = 1_420_070_400.0
"""The first second of Discord's ids."""
MARK = "tocsin · "
"""What a footer begins with; the key follows."""
ID = re.compile(r"[0-9]{1,20}")
"""An id of anything at Discord."""


class Ref(msgspec.Struct, frozen=True):
    """A thread made from a message has the message's id."""

    channel: str
    message: str
    key: str

    def __str__(self) -> str:
        return f"{self.channel}:{self.message}:{self.key}"


def read_ref(text: str, channel: str) -> Ref:
    """The message that `str(Ref)` names, if it is in the channel that the config names now. Raises message_gone.

    A card in another channel than the one that was checked must not be edited: nobody knows who reads there.
    """
    where, _, rest = text.partition(":")
    message, _, key = rest.partition(":")
    if where != channel or not ID.fullmatch(message):
        raise DeliveryError(Failure.message_gone, f"{text[:60]!r} is no message in this channel")
    return Ref(where, message, key)


def message_in(ref: str) -> str:
    """The id of the message that `str(Ref)` names, in whatever channel; empty if it names none."""
    message = ref.split(":", 2)[1] if ref.count(":") >= 2 else ""
    return message if ID.fullmatch(message) else ""


def moment_of(snowflake: str) -> float:
    """When something with this id was made, in seconds since the epoch."""
    return (int(snowflake) >> 22) / 1000.0 + EPOCH


def key_of(message: Mapping[str, Any]) -> str:
    """The key in the footer of a message, or empty."""
    embeds = message.get("embeds") or [{}]
    text = str((embeds[0].get("footer") or {}).get("text") or "")
    return text.removeprefix(MARK) if text.startswith(MARK) else ""
