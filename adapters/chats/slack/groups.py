"""Who is in a user group, as Slack says now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from adapters.chat import DeliveryError, Failure
from adapters.chats.slack.client import Client
from adapters.chats.slack.errors import SlackFailure
from adapters.chats.slack.identity import Identity

AT_ONCE = 4
KNOWN_SECONDS = 6 * 3600.0
"""How long a name is taken for granted: users.info answers some 100 calls a minute, and a group may have more members."""


class Groups:
    """`clock`: seconds since the epoch."""

    def __init__(self, client: Client, clock: Callable[[], float]) -> None:
        self._client, self._clock = client, clock
        self._names: dict[str, tuple[float, str]] = {}

    async def members(self, group: str, me: Identity) -> Mapping[str, str]:
        """account -> name of the people in it; nobody if there is no such group. Raises DeliveryError.

        What was learned before a call failed is kept, so that the next try gets further.
        """
        try:
            told = (await self._client.call("usergroups.users.list", usergroup=group)).get("users")
        except SlackFailure as problem:
            if problem.code == "no_such_subteam":  # disabled, gone, or of another workspace
                return {}
            raise
        if not isinstance(told, list):
            raise DeliveryError(Failure.transient, "usergroups.users.list named no users")
        users = [str(user) for user in told]
        now = self._clock()
        unknown = [user for user in users if not 0.0 <= now - self._names.get(user, (-KNOWN_SECONDS, ""))[0] < KNOWN_SECONDS]
        for start in range(0, len(unknown), AT_ONCE):
            await asyncio.gather(*(self._learn(user, me) for user in unknown[start : start + AT_ONCE]))
        return {user: name for user in users if (name := self._names[user][1])}

    async def _learn(self, user: str, me: Identity) -> None:
        """The name of somebody; empty if they are no person of ours."""
        told = await self._client.part("users.info", "user", user=user)
        ours = me.is_home(told) and told.get("is_bot") is not True and told.get("deleted") is not True
        self._names[user] = (self._clock(), called(told, user) if ours else "")

    def forget(self, user: str) -> None:
        """Something about this user changed."""
        self._names.pop(user, None)


def called(told: Mapping[str, Any], user: str) -> str:
    """What people call somebody, by their user object; their id if that says nothing."""
    profile = told.get("profile") or {}
    return str(profile.get("display_name") or profile.get("real_name") or told.get("real_name") or told.get("name") or user)
