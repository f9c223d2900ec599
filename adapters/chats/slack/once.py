"""What Slack sends twice is done once, and answered twice alike."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from slack_bolt.response import BoltResponse

MOST_KEPT = 10_000
"""Far more than arrives within the hours in which Slack sends an event again."""


class Once:
    """The answers given to the latest requests, by what names a request for ever."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, asyncio.Future[BoltResponse]] = OrderedDict()

    async def answer(self, key: str, make: Callable[[], Awaitable[BoltResponse]]) -> BoltResponse:
        """What `make` gave for this key, now or before, also while it is still at work. What failed may be tried again."""
        found = self._answers.get(key)
        if found is None:
            found = self._answers[key] = asyncio.ensure_future(make())
            found.add_done_callback(lambda done: self._forget_failure(key, done))
            while len(self._answers) > MOST_KEPT:
                self._answers.popitem(last=False)
        return await asyncio.shield(found)

    def _forget_failure(self, key: str, done: asyncio.Future[BoltResponse]) -> None:
        if (done.cancelled() or done.exception() or done.result().status >= 500) and self._answers.get(key) is done:
            del self._answers[key]


def name_of(body: Mapping[str, Any]) -> str:
    """What stays the same when Slack sends a payload again: the event's id, the trigger and time of what a person did."""
    if event_id := body.get("event_id"):
        return f"event {event_id}"
    if trigger := body.get("trigger_id"):
        actions = body.get("actions")
        action = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
        return f"{body.get('type', 'command')} {trigger} {action.get('action_ts', '')}"
    return hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()
