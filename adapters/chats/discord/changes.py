"""What the gateway tells of channels, roles and people, as far as it changes who can read what."""

from __future__ import annotations

import msgspec

OF_GUILD = frozenset({"GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE"})
"""Also how an outage at Discord begins and ends; what happened in it, nobody tells."""
EVERYWHERE = OF_GUILD | {"GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE", "GUILD_ROLE_DELETE"}
OF_CHANNELS = frozenset({"CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE", "THREAD_UPDATE", "THREAD_DELETE"})
OF_PEOPLE = frozenset({"GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE"})


class _User(msgspec.Struct):
    id: str = ""


class _Event(msgspec.Struct):
    id: str = ""
    guild_id: str = ""
    user: _User | None = None
    roles: object = None


class _Kind(msgspec.Struct):
    t: str | None = None


class _Frame(msgspec.Struct):
    d: _Event


class Change(msgspec.Struct, frozen=True):
    """`channel`: the id of what changed, empty where it may be all. `user`: who came, left or changed, or empty.

    `roles`: those that the user has now, if it is about somebody who was there before.
    """

    about: str
    channel: str = ""
    user: str = ""
    roles: tuple[str, ...] | None = None


def change_in(frame: str | bytes, guild: str) -> Change | None:
    """The change that a frame tells of in our guild; None for everything else, and for what cannot be read."""
    try:
        kind = msgspec.json.decode(frame, type=_Kind).t or ""
        if kind not in EVERYWHERE | OF_CHANNELS | OF_PEOPLE:
            return None
        event = msgspec.json.decode(frame, type=_Frame).d
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if guild not in (event.guild_id, event.id if kind in OF_GUILD else ""):
        return None
    user = event.user.id if event.user and kind in OF_PEOPLE else ""
    roles = tuple(map(str, event.roles)) if kind == "GUILD_MEMBER_UPDATE" and isinstance(event.roles, list) else None
    return Change(kind, event.id if kind in OF_CHANNELS else "", user, roles)
