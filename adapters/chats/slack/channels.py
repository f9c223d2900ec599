"""Who can read a channel, as Slack says now. What it does not say is unknown, which counts as the worst."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from adapters.chat import DeliveryError, Failure
from adapters.chats.slack.client import Client
from adapters.chats.slack.errors import SlackFailure
from adapters.chats.slack.identity import Identity
from rules.channel import ChannelFacts

MOST_MEMBERS = 1000
PAGE = 200
AT_ONCE = 8
KNOWN_SECONDS = 3600.0
"""How long what a user is (person or bot, ours or not) is taken for granted; who is in the channel is asked each time."""
SHARED = ("is_ext_shared", "is_pending_ext_shared", "is_org_shared", "is_shared")
NOT_PEOPLE = frozenset({"USLACKBOT"})


class Channels:
    """Looks at channels. `clock`: seconds since the epoch."""

    def __init__(self, client: Client, clock: Callable[[], float]) -> None:
        self._client, self._clock = client, clock
        self._users: dict[str, tuple[float, str]] = {}
        self._seen: dict[str, frozenset[str]] = {}  # channel -> who was in it when last looked at

    async def facts(self, channel: str, me: Identity) -> ChannelFacts:
        """Guests count among the members: people of ours only by name. Raises DeliveryError."""
        told = await self._client.part("conversations.info", "channel", channel=channel, include_num_members=True)
        facts = ChannelFacts(
            private=_flag(told, "is_private"), shared_outside=_shared(told, me), archived=_flag(told, "is_archived")
        )
        if facts.archived or int(told.get("num_members") or 0) > MOST_MEMBERS:
            return facts
        found = await self._members(channel)
        if found is None:
            return facts
        self._seen[channel] = found
        kinds = await self._kinds(sorted(found - NOT_PEOPLE), me)
        people = frozenset(user for user, kind in kinds.items() if kind != "bot")
        outside = True if "stranger" in kinds.values() else facts.shared_outside
        return ChannelFacts(private=facts.private, shared_outside=outside, archived=facts.archived, members=people)

    def forget(self, channel: str, user: str = "") -> None:
        """Something changed there: looks anew at the user whom that names, or else at all who were in the channel."""
        for changed in (user,) if user else self._seen.pop(channel, ()):
            self._users.pop(changed, None)

    async def _members(self, channel: str) -> frozenset[str] | None:
        """The ids of all who are in it; None if there are too many to look at."""
        found: set[str] = set()
        asked: dict[str, Any] = {"channel": channel, "limit": PAGE}
        while len(found) <= MOST_MEMBERS:
            page = await self._client.call("conversations.members", **asked)
            members = page.get("members")
            if not isinstance(members, list):
                raise DeliveryError(Failure.transient, "conversations.members named no members")
            found.update(map(str, members))
            asked["cursor"] = (page.get("response_metadata") or {}).get("next_cursor")
            if not asked["cursor"]:
                break
        return frozenset(found) if len(found) <= MOST_MEMBERS else None

    async def _kinds(self, users: list[str], me: Identity) -> Mapping[str, str]:
        now = self._clock()
        known = {user: self._users[user] for user in users if user in self._users}
        kinds = {user: kind for user, (at, kind) in known.items() if 0.0 <= now - at <= KNOWN_SECONDS}
        unknown = [user for user in users if user not in kinds]
        for start in range(0, len(unknown), AT_ONCE):
            some = unknown[start : start + AT_ONCE]
            told = dict(zip(some, await asyncio.gather(*(self._kind(user, me) for user in some)), strict=True))
            self._users.update({user: (now, kind) for user, kind in told.items()})
            kinds.update(told)
        return kinds

    async def _kind(self, user: str, me: Identity) -> str:
        """`bot`, `stranger` (of another organisation, or nobody who may be looked up) or `person`, guests among them."""
        if user == me.user:
            return "bot"
        try:
            told = await self._client.part("users.info", "user", user=user)
        except SlackFailure as problem:
            if problem.code in ("user_not_found", "user_not_visible"):
                return "stranger"
            raise
        if told.get("is_bot") is True or told.get("deleted") is True:
            return "bot" if me.is_home(told) else "stranger"
        return "person" if me.is_home(told) else "stranger"


def _flag(told: Mapping[str, Any], name: str) -> bool | None:
    value = told.get(name)
    return value if isinstance(value, bool) else None


def _shared(told: Mapping[str, Any], me: Identity) -> bool | None:
    """Whether anybody outside of this workspace may read it: one yes is enough, a missing answer is none."""
    flags = [_flag(told, name) for name in SHARED]
    teams = {
        str(team)
        for name in ("shared_team_ids", "connected_team_ids", "pending_shared", "pending_connected_team_ids")
        for team in told.get(name) or ()
    }
    if any(flags) or teams - {me.team, me.enterprise}:
        return True
    return None if None in flags else False
