"""The link that puts the bot into a server, with the rights that the adapter uses and no other."""

from __future__ import annotations

from urllib.parse import urlencode

from adapters.chats.discord.permissions import NEEDED_BITS

SCOPES = ("bot", "applications.commands")


def invite_link(application: str, guild: str = "") -> str:
    """`application`: its id. `guild`: the server that the link is for; empty: whoever opens it chooses."""
    asked = {"client_id": application, "scope": " ".join(SCOPES), "permissions": str(NEEDED_BITS)}
    if guild:
        asked |= {"guild_id": guild, "disable_guild_select": "true"}
    return f"https://discord.com/oauth2/authorize?{urlencode(asked)}"
