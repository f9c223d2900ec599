"""What the stand-in Discord tells of itself: the bot, the guild, its channels, roles and members."""

from __future__ import annotations

from tests.standins import discord_shapes as shapes
from tests.standins.discord_call import Call
from tests.standins.discord_permissions import reach
from tests.standins.discord_state import Body, DiscordError, User, World

FLAGS = {"presences": 1 << 13, "members": 1 << 15, "message_content": 1 << 19}
"""Of the application, for intents of apps in few guilds."""


def me(world: World, call: Call) -> Body:
    one = world.users[world.bot]
    more = {"verified": True, "mfa_enabled": False, "locale": "en-US", "email": None, "flags": 0, "banner": None}
    return shapes.user(one) | more


def application(world: World, call: Call) -> Body:
    owner = shapes.user(world.users[world.owner])
    return {
        "id": world.app, "name": world.users[world.bot].name, "icon": None, "description": "", "bot_public": False,
        "bot_require_code_grant": False, "owner": owner, "team": None, "summary": "", "verify_key": "0" * 64,
        "flags": app_flags(world), "bot": shapes.user(world.users[world.bot]), "approximate_guild_count": int(world.installed),
        "interactions_endpoint_url": world.interactions_url or None, "redirect_uris": [], "type": None, "hook": True,
        "rpc_origins": [], "integration_types_config": {"0": {}},
    }  # fmt: skip


def app_flags(world: World) -> int:
    return sum(FLAGS[name] for name in world.enabled_intents)


def guilds(world: World, call: Call) -> list[Body]:
    body = shapes.guild(world)
    kept = {name: body[name] for name in ("id", "name", "icon", "features")}
    return [kept | {"owner": False, "permissions": "0"}] if world.installed else []


def guild(world: World, call: Call) -> Body:
    inside(world, call)
    return shapes.guild(world)


def channels(world: World, call: Call) -> list[Body]:
    """All of them, also those that the bot may not see; no threads."""
    inside(world, call)
    places = (one for one in world.channels.values() if one.kind != 1 and not one.is_thread)
    return [shapes.channel(world, one) for one in places]


def active_threads(world: World, call: Call) -> Body:
    inside(world, call)
    found = [shapes.channel(world, one) for one in world.channels.values() if one.is_thread and not one.archived]
    return {"threads": found, "members": []}


def roles(world: World, call: Call) -> list[Body]:
    inside(world, call)
    return [shapes.role(one) for one in world.roles.values()]


def members(world: World, call: Call) -> list[Body]:
    """By id, after `after`. Needs the intent to be enabled in the portal."""
    inside(world, call)
    limit, after = call.number("limit", 1, 1, 1000), call.snowflake("after")
    if "members" not in world.enabled_intents:
        raise DiscordError(403, 50001, "Missing Access")
    found = sorted((one for one in world.users.values() if one.member and int(one.id) > after), key=lambda one: int(one.id))
    return [shapes.member(world, one) for one in found[:limit]]


def member(world: World, call: Call) -> Body:
    inside(world, call)
    one = somebody(world, call.path["user"])
    if not one.member:
        raise DiscordError(404, 10007, "Unknown Member")
    return shapes.member(world, one)


def user(world: World, call: Call) -> Body:
    return shapes.user(somebody(world, call.path["user"]))


def channel(world: World, call: Call) -> Body:
    return shapes.channel(world, reach(world, call.path["channel"]))


def open_direct(world: World, call: Call) -> Body:
    recipient = world.users.get(str(call.body.get("recipient_id", "")))
    if recipient is None or recipient.id == world.bot:
        raise DiscordError(400, 50033, "Invalid Recipient(s)")
    return shapes.channel(world, world.direct(recipient.id))


def somebody(world: World, user_id: str) -> User:
    if user_id == "@me":
        user_id = world.bot
    if not user_id.isdigit():
        tree = {"user_id": {"_errors": [{"code": "NUMBER_TYPE_COERCE", "message": f'Value "{user_id}" is not snowflake.'}]}}
        raise DiscordError(400, 50035, "Invalid Form Body", tree)
    if user_id not in world.users:
        raise DiscordError(404, 10013, "Unknown User")
    return world.users[user_id]


def inside(world: World, call: Call) -> None:
    """Raises what a guild gets in which the bot is not."""
    if call.path["guild"] != world.guild or not world.installed:
        raise DiscordError(404, 10004, "Unknown Guild")
