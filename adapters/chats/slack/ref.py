"""The handle of a message: the channel as we know it, Slack's time stamp, and Slack's own channel id where that differs.

Time stamps stay texts: as a float they would lose their last digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from adapters.chat import DeliveryError, Failure

_TS = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")


class Ref(msgspec.Struct, frozen=True):
    """`asked`: the channel that the config names; `channel`: the one that Slack put it in."""

    asked: str
    channel: str
    ts: str

    def __str__(self) -> str:
        return f"{self.asked}:{self.ts}" + (f":{self.channel}" if self.channel != self.asked else "")


def read_ref(text: str, asked: str) -> Ref:
    """The message that `str(Ref)` names, if it is in the channel that the config names now. Raises message_gone.

    A card in another channel than the one that was checked must not be edited: nobody knows who reads there.
    """
    where, _, rest = text.partition(":")
    ts, _, channel = rest.partition(":")
    if where != asked or not _TS.fullmatch(ts):
        raise DeliveryError(Failure.message_gone, f"{text[:60]!r} is no message in this channel")
    return Ref(where, channel or where, ts)


def made_ref(asked: str, answer: Mapping[str, Any]) -> Ref:
    """The message that a successful chat.postMessage tells of."""
    channel, ts = answer.get("channel"), answer.get("ts")
    if not (isinstance(channel, str) and channel and isinstance(ts, str) and _TS.fullmatch(ts)):
        raise DeliveryError(Failure.unknown_outcome, "chat.postMessage did not say what it posted")
    return Ref(asked, channel, ts)
