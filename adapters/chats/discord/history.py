"""Did that post arrive? Within minutes Discord knows our nonce; for ever, the key is in the footer of each post of ours."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from adapters.chat import DeliveryError, Failure
from adapters.chats.discord.errors import UNKNOWN_CHANNEL, DiscordFailure
from adapters.chats.discord.ref import key_of, moment_of
from adapters.chats.discord.rest import Rest
from adapters.chats.discord.route import list_messages

SKEW = 60.0
"""Seconds by which our clock may differ from Discord's."""
SAID = 0
"""The type of a message that somebody wrote; the others tell of threads and the like."""
PAGE, MOST_PAGES = 100, 100
NONCE = 25


def nonce(key: str, again: str = "") -> str:
    """What Discord knows a post by for some minutes. `again`: the id of the deleted message that it must not be taken for."""
    if len(key) <= NONCE and not again:
        return key
    return hashlib.blake2b(f"{key} {again}".encode(), digest_size=12).hexdigest()


async def find(rest: Rest, me: str, channel: str, key: str, since: float, thread: bool = False) -> tuple[str, bool]:
    """The id of the post of ours (`me`: our user id) with this key, newest first, or empty; and whether anything was to be seen.

    An empty channel is what Discord shows to those who may not read its history. Raises DeliveryError if it cannot tell.
    """
    seen = False
    async for message in _messages(rest, channel, thread):
        seen = True
        if since and moment_of(message["id"]) < since - SKEW:
            break
        if (message.get("author") or {}).get("id") == me and key_of(message) == key:
            return str(message["id"]), True
    return "", seen


async def ours(rest: Rest, me: str, thread: str) -> tuple[list[str], bool]:
    """The ids of what we said in a thread, and whether we may be wrong: nothing was to be seen, though there is a thread.

    Raises DeliveryError.
    """
    try:
        said = [one async for one in _messages(rest, thread, True)]
    except DiscordFailure as problem:
        if problem.code != UNKNOWN_CHANNEL:
            raise
        return [], False
    mine = [one for one in said if (one.get("author") or {}).get("id") == me and one.get("type", 0) == SAID]
    return [str(one["id"]) for one in mine], not said


async def _messages(rest: Rest, channel: str, thread: bool) -> AsyncIterator[Mapping[str, Any]]:
    asked = {"limit": str(PAGE)}
    for _ in range(MOST_PAGES):
        page = await rest.many(list_messages(channel, fleeting=thread), asked)
        for message in page:
            yield message
        if len(page) < PAGE:
            return
        asked["before"] = str(page[-1]["id"])
    raise DeliveryError(Failure.transient, f"the post is not among the last {PAGE * MOST_PAGES} messages, and there are more")
