"""Who may do what in a channel of the stand-in Discord: base, overwrites, owner and administrators."""

from __future__ import annotations

from tests.standins.discord_state import Channel, DiscordError, User, World

BITS = {
    "CREATE_INSTANT_INVITE": 1 << 0, "KICK_MEMBERS": 1 << 1, "BAN_MEMBERS": 1 << 2, "ADMINISTRATOR": 1 << 3,
    "MANAGE_CHANNELS": 1 << 4, "MANAGE_GUILD": 1 << 5, "ADD_REACTIONS": 1 << 6, "VIEW_CHANNEL": 1 << 10,
    "SEND_MESSAGES": 1 << 11, "MANAGE_MESSAGES": 1 << 13, "EMBED_LINKS": 1 << 14, "ATTACH_FILES": 1 << 15,
    "READ_MESSAGE_HISTORY": 1 << 16, "MENTION_EVERYONE": 1 << 17, "USE_EXTERNAL_EMOJIS": 1 << 18, "MANAGE_ROLES": 1 << 28,
    "USE_APPLICATION_COMMANDS": 1 << 31, "MANAGE_THREADS": 1 << 34, "CREATE_PUBLIC_THREADS": 1 << 35,
    "CREATE_PRIVATE_THREADS": 1 << 36, "SEND_MESSAGES_IN_THREADS": 1 << 38, "PIN_MESSAGES": 1 << 51,
}  # fmt: skip
ALL = (1 << 52) - 1
EVERYONE = ("VIEW_CHANNEL", "SEND_MESSAGES", "READ_MESSAGE_HISTORY", "USE_APPLICATION_COMMANDS", "ADD_REACTIONS")
"""What the role @everyone may do unless a test says otherwise; less than a new guild gives."""
BOT = (
    "VIEW_CHANNEL", "SEND_MESSAGES", "EMBED_LINKS", "READ_MESSAGE_HISTORY", "CREATE_PUBLIC_THREADS", "SEND_MESSAGES_IN_THREADS",
)  # fmt: skip
"""What the bot's own role may do unless a test says otherwise: not MENTION_EVERYONE."""
DIRECT = ("VIEW_CHANNEL", "SEND_MESSAGES", "EMBED_LINKS", "READ_MESSAGE_HISTORY", "USE_APPLICATION_COMMANDS")


def bits(*names: str) -> int:
    """The number of these permissions. Raises KeyError for a name that is none."""
    return sum(BITS[name] for name in set(names))


def allowed(world: World, user: User, channel: Channel | None = None) -> int:
    """What somebody may do in a channel, or in the guild if None; a thread is its parent."""
    if channel and channel.kind == 1:
        return bits(*DIRECT) if user.id in (channel.user, world.bot) else 0
    if not user.member:
        return 0
    roles = [role for role in [world.guild, *user.roles] if role in world.roles]
    base = 0
    for role in roles:
        base |= world.roles[role].permissions
    if user.id == world.owner or base & BITS["ADMINISTRATOR"]:
        return ALL
    if channel is None:
        return base
    place = world.channels.get(channel.parent, channel) if channel.is_thread else channel
    return _implied(_overwritten(base, world, place, user, roles), channel.is_thread)


def _overwritten(base: int, world: World, place: Channel, user: User, roles: list[str]) -> int:
    everyone = place.overwrites.get(world.guild)
    if everyone:
        base = base & ~everyone.deny | everyone.allow
    deny = allow = 0
    for role in roles[1:]:
        if (one := place.overwrites.get(role)) is not None:
            deny, allow = deny | one.deny, allow | one.allow
    base = base & ~deny | allow
    own = place.overwrites.get(user.id)
    return base & ~own.deny | own.allow if own else base


def _implied(value: int, thread: bool) -> int:
    """Who cannot see can do nothing; who cannot speak can neither embed, attach nor mention everyone."""
    if not value & BITS["VIEW_CHANNEL"]:
        return 0
    speaks = value & BITS["SEND_MESSAGES_IN_THREADS" if thread else "SEND_MESSAGES"]
    return value if speaks else value & ~bits("MENTION_EVERYONE", "EMBED_LINKS", "ATTACH_FILES")


def reach(world: World, channel_id: str, *needed: str) -> Channel:
    """The channel, if the bot may see it and do all that. Raises 10003, 50001, 50013."""
    channel = world.channels.get(channel_id)
    if channel is None:
        raise DiscordError(404, 10003, "Unknown Channel")
    if channel.kind != 1 and not world.installed:
        raise DiscordError(403, 50001, "Missing Access")
    can = allowed(world, world.users[world.bot], channel)
    if not can & BITS["VIEW_CHANNEL"]:
        raise DiscordError(403, 50001, "Missing Access")
    if any(not can & BITS[name] for name in needed):
        raise DiscordError(403, 50013, "Missing Permissions")
    return channel


def may(world: World, user: User, channel: Channel | None, *needed: str) -> bool:
    can = allowed(world, user, channel)
    return all(can & BITS[name] for name in needed)
