"""Who we are in this workspace, as auth.test says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Identity(msgspec.Struct, frozen=True):
    """`url`: the address of the workspace; `enterprise`: empty unless the workspace is in one."""

    user: str = ""
    bot: str = ""
    team: str = ""
    enterprise: str = ""
    name: str = ""
    team_name: str = ""
    url: str = ""

    def wrote(self, message: Mapping[str, Any]) -> bool:
        """Whether a message is ours: anybody may copy its metadata."""
        return bool(self.user and message.get("user") == self.user) or bool(self.bot and message.get("bot_id") == self.bot)

    def is_home(self, user: Mapping[str, Any]) -> bool:
        """Whether a user object is one of ours: not of another organisation that shares a channel."""
        teams = {self.team, self.enterprise} - {""}
        theirs = {user.get("team_id"), (user.get("enterprise_user") or {}).get("enterprise_id")} - {None, ""}
        return user.get("is_stranger") is not True and bool(teams & theirs)


def read_identity(told: Mapping[str, Any]) -> Identity:
    """The body of a successful auth.test."""
    names = {
        "user": "user_id", "bot": "bot_id", "team": "team_id", "enterprise": "enterprise_id", "name": "user", "team_name": "team",
        "url": "url",
    }  # fmt: skip
    return Identity(**{ours: str(told.get(theirs) or "") for ours, theirs in names.items()})
