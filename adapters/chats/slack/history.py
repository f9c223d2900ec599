"""Did that post arrive? Slack has no key for a post, but it keeps metadata with each message: ours holds the key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from adapters.chat import DeliveryError, Failure
from adapters.chats.slack.client import Client
from adapters.chats.slack.errors import SlackFailure
from adapters.chats.slack.identity import Identity
from adapters.chats.slack.ref import Ref

EVENT = "tocsin_card"
SKEW = 60.0
"""Seconds by which our clock may differ from Slack's."""
KEPT = frozenset({"cant_delete_message", "compliance_exports_prevent_deletion"})
"""Why a message of our own cannot be deleted, as the page of chat.delete lists it."""
PAGE, MOST_PAGES = 200, 50


def metadata(key: str) -> Mapping[str, Any]:
    """What a post carries. Everybody in the channel can read it."""
    return {"event_type": EVENT, "event_payload": {"key": key}}


async def find(client: Client, me: Identity, asked: str, channel: str, key: str, thread_ts: str, since: float) -> Ref | None:
    """The post of ours with this key, newest first; None if there surely is none. Raises DeliveryError if it cannot tell."""
    try:
        async for message in _messages(client, channel, thread_ts, since):
            if _key(message) == key and me.wrote(message):
                return Ref(asked, channel, str(message["ts"]))
    except SlackFailure as problem:
        raise _told(problem) from None
    return None


async def clear(client: Client, me: Identity, parent: Ref, instead: Mapping[str, Any]) -> None:
    """Deletes what we said in the thread of a message; the message itself stays. Raises DeliveryError.

    `instead`: what stands there from then on, in a workspace that lets nobody delete.
    """
    try:
        ours = [str(one["ts"]) async for one in _messages(client, parent.channel, parent.ts, 0.0) if me.wrote(one)]
    except SlackFailure as problem:
        if problem.code == "thread_not_found":  # somebody deleted it all
            return
        raise
    for ts in ours:
        if ts != parent.ts:
            await _delete(client, parent.channel, ts, instead)


async def _delete(client: Client, channel: str, ts: str, instead: Mapping[str, Any]) -> None:
    try:
        await client.call("chat.delete", channel=channel, ts=ts)
    except SlackFailure as problem:
        if problem.code in KEPT:
            await client.call("chat.update", channel=channel, ts=ts, **instead)
        elif problem.code != "message_not_found":
            raise


async def _messages(client: Client, channel: str, thread_ts: str, since: float) -> AsyncIterator[Mapping[str, Any]]:
    method = "conversations.replies" if thread_ts else "conversations.history"
    asked: dict[str, Any] = {"channel": channel, "include_all_metadata": True, "limit": PAGE, "ts": thread_ts or None}
    if since:
        asked["oldest"] = f"{max(0.0, since - SKEW):.6f}"
    for _ in range(MOST_PAGES):
        page = await client.call(method, **asked)
        messages = page.get("messages")
        if not isinstance(messages, list):  # not read as "it is not there": that would post it twice
            raise DeliveryError(Failure.transient, f"{method} named no messages")
        for message in messages:
            yield message
        cursor = (page.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return
        asked["cursor"] = cursor
    raise DeliveryError(Failure.transient, f"the post is not among the last {PAGE * MOST_PAGES} messages, and there are more")


def _key(message: Mapping[str, Any]) -> object:
    told = message.get("metadata") or {}
    return (told.get("event_payload") or {}).get("key") if told.get("event_type") == EVENT else None


def _told(problem: SlackFailure) -> SlackFailure:
    if problem.code != "missing_scope":
        return problem
    scope = problem.needed or "channels:history and groups:history"
    reason = f"cannot tell whether a post arrived: the app lacks the scope {scope}; add it under OAuth & Permissions, reinstall"
    return SlackFailure(problem.kind, reason, problem.retry_after, problem.code, problem.needed)
