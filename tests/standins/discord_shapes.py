"""The objects of the stand-in Discord as its API and gateway show them."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.standins.discord_permissions import allowed
from tests.standins.discord_state import Body, Channel, Message, Role, User, World, born


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")


def user(one: User) -> Body:
    return {
        "id": one.id, "username": one.name, "global_name": None if one.bot else one.name, "discriminator": "0",
        "avatar": None, "bot": one.bot, "system": False, "public_flags": 0,
    }  # fmt: skip


def member(world: World, one: User, with_user: bool = True) -> Body:
    body = {
        "roles": list(one.roles), "nick": one.nick, "avatar": None, "banner": None, "joined_at": stamp(born(world.guild)),
        "premium_since": None, "deaf": False, "mute": False, "pending": False, "flags": 0, "communication_disabled_until": None,
    }  # fmt: skip
    return body | ({"user": user(one)} if with_user else {})


def role(one: Role) -> Body:
    return {
        "id": one.id, "name": one.name, "permissions": str(one.permissions), "mentionable": one.mentionable, "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None}, "managed": one.managed,
        "hoist": False, "position": one.position, "icon": None, "unicode_emoji": None, "flags": 0,
        **({"tags": {"bot_id": World.bot}} if one.managed else {}),
    }  # fmt: skip


def channel(world: World, one: Channel) -> Body:
    if one.kind == 1:
        return {"id": one.id, "type": 1, "recipients": [user(world.users[one.user])], "last_message_id": None, "flags": 0}
    body: Body = {"id": one.id, "type": one.kind, "guild_id": world.guild, "name": one.name, "parent_id": one.parent or None}
    if one.is_thread:
        count = len(world.said_in(one.id))
        return body | {
            "owner_id": one.owner, "message_count": count, "total_message_sent": count, "member_count": 1,
            "rate_limit_per_user": 0, "last_message_id": None, "flags": 0, "thread_metadata": {
                "archived": one.archived, "locked": one.locked, "auto_archive_duration": one.archive_minutes,
                "archive_timestamp": stamp(one.born), "create_timestamp": stamp(one.born),
            },
        }  # fmt: skip
    overwrites = [{"id": o.id, "type": o.kind, "allow": str(o.allow), "deny": str(o.deny)} for o in one.overwrites.values()]
    return body | {
        "position": 0, "permission_overwrites": overwrites, "nsfw": False, "topic": one.topic, "rate_limit_per_user": 0,
        "last_message_id": None, "flags": 0,
    }  # fmt: skip


def guild(world: World) -> Body:
    """As GET guilds/{id} shows it; channels and members are asked for apart."""
    return {
        "id": world.guild, "name": world.guild_name, "owner_id": world.owner, "icon": None, "splash": None, "banner": None,
        "discovery_splash": None, "description": None, "features": [], "emojis": [], "stickers": [], "region": "deprecated",
        "roles": [role(one) for one in world.roles.values()], "afk_channel_id": None, "afk_timeout": 300,
        "system_channel_id": None, "system_channel_flags": 0, "rules_channel_id": None, "public_updates_channel_id": None,
        "safety_alerts_channel_id": None, "vanity_url_code": None, "verification_level": 0, "premium_tier": 0,
        "default_message_notifications": 1, "explicit_content_filter": 0, "mfa_level": 0, "nsfw_level": 0, "nsfw": False,
        "premium_subscription_count": 0, "premium_progress_bar_enabled": False, "preferred_locale": "en-US",
        "max_members": 500_000, "max_presences": None, "max_video_channel_users": 25, "application_id": None,
    }  # fmt: skip


def guild_created(world: World) -> Body:
    """As the event GUILD_CREATE shows it: channels, threads, and of the members only the bot."""
    places = [one for one in world.channels.values() if one.kind != 1]
    return guild(world) | {
        "joined_at": stamp(born(world.guild)), "large": False, "unavailable": False, "voice_states": [], "presences": [],
        "member_count": sum(one.member for one in world.users.values()), "stage_instances": [], "soundboard_sounds": [],
        "guild_scheduled_events": [], "members": [member(world, world.users[world.bot])],
        "channels": [channel(world, one) for one in places if not one.is_thread],
        "threads": [channel(world, one) for one in places if one.is_thread and not one.archived],
    }  # fmt: skip


def message(world: World, one: Message, with_nonce: bool = False) -> Body:
    """`with_nonce`: only the answer to its post and the event have it; history never has."""
    said, place = one.last, world.channels[one.channel]
    people = [world.users[name[2:-1]] for name in said.mentions if name[:3] != "<@&" and name[2:-1] in world.users]
    body: Body = {
        "id": one.id, "channel_id": one.channel, "author": user(world.users[one.author]), "content": said.content,
        "timestamp": stamp(born(one.id)), "edited_timestamp": stamp(said.at) if len(one.versions) > 1 else None, "tts": False,
        "mention_everyone": any(name in ("@everyone", "@here") for name in said.calls),
        "mentions": [user(somebody) for somebody in people],
        "mention_roles": [name[3:-1] for name in said.mentions if name.startswith("<@&")], "attachments": [],
        "embeds": said.embeds, "components": said.components, "pinned": False, "type": one.kind, "flags": flags(one),
    }  # fmt: skip
    if with_nonce and one.nonce:
        body["nonce"] = one.nonce
    if one.thread and one.thread in world.channels:
        body["thread"] = channel(world, world.channels[one.thread])
    if one.reference:
        body["message_reference"] = {"type": 0, "message_id": one.reference, "channel_id": place.parent, "guild_id": world.guild}
    if one.interaction:
        body |= {"application_id": world.app, "webhook_id": world.app}
    return body


def flags(one: Message) -> int:
    return one.flags | (1 << 5 if one.thread else 0) | (1 << 6 if one.only_for else 0) | (1 << 7 if one.loading else 0)


def invoked_by(world: World, one: User, place: Channel) -> Body:
    """The member of an interaction, with what they may do in the channel."""
    return member(world, one) | {"permissions": str(allowed(world, one, place)), "unusual_dm_activity_until": None}
