"""The budgets that calls to Discord spend: learnt from what it says in each answer, since it publishes none but the global one.

Discord counts calls in a bucket: so many in a window that begins with the first. A lane with a burst of a fifth of them and the
rest as its pace never spends more within any window. Edits of messages older than an hour have a limit of their own, of which
Discord says nothing but "no" (code 30046); their pace is halved at each no, and grows again with each yes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from adapters.chat import Lane
from adapters.chats.discord import route as routes
from adapters.chats.discord.errors import OLD_EDITS
from adapters.chats.discord.ref import moment_of
from adapters.chats.discord.route import Route

GLOBAL = Lane("global", 40.0, 10)
"""Discord documents 50 calls a second for a bot."""
ASSUMED = 1.0
"""Calls a second of what has not been called yet: one at a time."""
OLD = 3600.0 - 60.0
"""The age in seconds from which on an edit is one of an old message, less what clocks may differ."""
FASTEST_OLD, SLOWEST_OLD = 1.0, 1.0 / 60.0


class Budget(msgspec.Struct, frozen=True):
    """`limit` calls in `window` seconds."""

    bucket: str
    limit: int
    window: float

    def lane(self, name: str) -> Lane:
        if self.limit == 1:
            return Lane(name, 0.95 / self.window, 1)
        burst = max(1, self.limit // 5)
        return Lane(name, (self.limit - burst) / self.window, burst)


class Lanes:
    """What is known of one bot's budgets."""

    def __init__(self) -> None:
        self._budgets: dict[str, Budget] = {}  # by the route's name: they are the same in all channels
        self._old_pace: dict[str, float] = {}  # by channel

    def of(self, op: str, channel: str, message: str, now: float, has_thread: bool = False) -> Sequence[Lane]:
        """The lanes of one call. `op`: a method of Chat. `message`: the id of the card that it is about, or empty."""
        calls = list(_calls(op, channel, message, has_thread))
        lanes = [self._lane(call) for call in calls]
        if op == "update" and message and is_old(message, now):
            lanes.append(Lane(old_edits(channel), self._old_pace.get(channel, FASTEST_OLD), 1))
        return [*lanes, GLOBAL] if calls else []

    def name(self, route: Route) -> str:
        known = self._budgets.get(route.name)
        return f"{known.bucket if known else route.name}:{route.major}"

    def learn(self, route: Route, headers: Mapping[str, str]) -> None:
        """`headers`: of any answer, in any case. Answers that say nothing, or nonsense, teach nothing."""
        told = {name.lower(): value for name, value in headers.items() if name.lower().startswith("x-ratelimit-")}
        try:
            bucket, limit = told["x-ratelimit-bucket"], int(told["x-ratelimit-limit"])
            remaining, left = int(told["x-ratelimit-remaining"]), float(told["x-ratelimit-reset-after"])
        except (KeyError, ValueError):
            return
        if not (limit >= 1 and 0.0 < left < 86400.0):
            return
        known = self._budgets.get(route.name)
        same = known is not None and (known.bucket, known.limit) == (bucket, limit)
        whole = remaining >= limit - 1  # a window that has just begun: what is left of it is all of it
        window = left if whole or known is None or not same else max(known.window, left)
        self._budgets[route.name] = Budget(bucket, limit, window)

    def refused(self, route: Route, code: int, everything: bool) -> str:
        """The name of the lane that a 429 tells of. `everything`: Discord said that it is the global limit."""
        if everything:
            return GLOBAL.name
        if code != OLD_EDITS:
            return self.name(route)
        self._old_pace[route.major] = max(SLOWEST_OLD, self._old_pace.get(route.major, FASTEST_OLD) / 2)
        return old_edits(route.major)

    def edited(self, channel: str, message: str, now: float) -> None:
        """Discord took an edit."""
        if channel in self._old_pace and is_old(message, now):
            self._old_pace[channel] = min(FASTEST_OLD, self._old_pace[channel] * 1.05)

    def _lane(self, route: Route) -> Lane:
        known = self._budgets.get(route.name)
        return known.lane(self.name(route)) if known else Lane(self.name(route), ASSUMED, 1)


def is_old(message: str, now: float) -> bool:
    return now - moment_of(message) > OLD


def old_edits(channel: str) -> str:
    return f"old-edit:{channel}"


def _calls(op: str, channel: str, message: str, has_thread: bool) -> Iterator[Route]:
    """What a method of Chat calls, where it does so once for each."""
    if op == "post":
        yield routes.post_message(channel)
    elif op == "update":
        yield routes.edit_message(channel, message)
    elif op == "reply_in_thread":
        yield routes.post_message(message)
        if not has_thread:
            yield routes.make_thread(channel, message)
    elif op == "direct_message":
        yield routes.OPEN_DIRECT
    elif op == "find":
        yield routes.list_messages(message or channel)
    elif op == "clear_thread":
        yield routes.list_messages(message)
        yield routes.delete_message(message, message)
    elif op == "inspect":
        yield routes.get_channel(channel)
