"""One of Discord's REST calls: what it is for the rate limits, and where it goes."""

from __future__ import annotations

import msgspec


class Route(msgspec.Struct, frozen=True):
    """`template`: the path with names for its ids. `major`: the id of the channel or guild, by which Discord parts its limits.

    `fleeting`: what answers there may be another thing in a moment, such as a thread that does not exist yet.
    """

    method: str
    template: str
    path: str
    major: str = ""
    fleeting: bool = False

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def creates(self) -> bool:
        """Whether it shows twice when done twice. All other calls may simply be repeated."""
        return self.name == "POST channels/{channel}/messages"


def route(method: str, template: str, fleeting: bool = False, **ids: str) -> Route:
    """`ids`: what stands for each name in the template."""
    return Route(method, template, template.format(**ids), ids.get("channel") or ids.get("guild") or "", fleeting)


def post_message(channel: str, fleeting: bool = False) -> Route:
    return route("POST", "channels/{channel}/messages", fleeting, channel=channel)


def edit_message(channel: str, message: str) -> Route:
    return route("PATCH", "channels/{channel}/messages/{message}", channel=channel, message=message)


def delete_message(channel: str, message: str) -> Route:
    return route("DELETE", "channels/{channel}/messages/{message}", True, channel=channel, message=message)


def list_messages(channel: str, fleeting: bool = False) -> Route:
    return route("GET", "channels/{channel}/messages", fleeting, channel=channel)


def make_thread(channel: str, message: str) -> Route:
    return route("POST", "channels/{channel}/messages/{message}/threads", channel=channel, message=message)


def edit_channel(channel: str) -> Route:
    return route("PATCH", "channels/{channel}", True, channel=channel)


def get_channel(channel: str) -> Route:
    return route("GET", "channels/{channel}", channel=channel)


def get_guild(guild: str) -> Route:
    return route("GET", "guilds/{guild}", guild=guild)


def list_members(guild: str) -> Route:
    return route("GET", "guilds/{guild}/members", guild=guild)


def get_member(guild: str, user: str) -> Route:
    return route("GET", "guilds/{guild}/members/{user}", True, guild=guild, user=user)


def list_commands(app: str, guild: str) -> Route:
    return route("GET", "applications/{app}/guilds/{guild}/commands", app=app, guild=guild)


OPEN_DIRECT = Route("POST", "users/@me/channels", "users/@me/channels")
WHO_AM_I = Route("GET", "users/@me", "users/@me")
WHICH_APP = Route("GET", "applications/@me", "applications/@me")
