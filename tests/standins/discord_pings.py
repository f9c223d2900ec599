"""Whom a message of the stand-in Discord calls: its content, its allowed_mentions, and what the bot may."""

from __future__ import annotations

import re

from tests.standins.discord_permissions import may
from tests.standins.discord_state import Body, Channel, World

_MENTION = re.compile(r"@everyone|@here|<@!?\d{1,20}>|<@&\d{1,20}>")
DEFAULT: Body = {"parse": ["users", "roles", "everyone"]}
BY_WEBHOOK: Body = {"parse": ["users"]}
"""Answers to interactions and follow-ups, where they do not say."""


def mentioned(world: World, content: str, allowed: Body | None, webhook: bool = False) -> list[str]:
    """@everyone, @here, <@user>, <@&role> of a content that allowed_mentions let through.

    Also inside of code and behind a backslash: Discord does not document that it spares those, so the stricter.
    """
    rules = allowed if allowed is not None else BY_WEBHOOK if webhook else DEFAULT
    parse = rules.get("parse") or []
    users, roles = [str(one) for one in rules.get("users") or ()], [str(one) for one in rules.get("roles") or ()]
    found = []
    for name in dict.fromkeys(one.replace("<@!", "<@") for one in _MENTION.findall(content)):
        if name in ("@everyone", "@here"):
            lets = "everyone" in parse
        elif name.startswith("<@&"):
            lets = name[3:-1] in world.roles and ("roles" in parse or name[3:-1] in roles)
        else:
            lets = name[2:-1] in world.users and ("users" in parse or name[2:-1] in users)
        found += [name] if lets else []
    return found


def called(world: World, channel: Channel, mentions: list[str]) -> list[str]:
    """Those of them that really call: roles that are mentionable, and all with MENTION_EVERYONE; people who see the channel."""
    bot = world.users[world.bot]
    everybody = may(world, bot, channel, "MENTION_EVERYONE")
    found = []
    for name in mentions:
        if name in ("@everyone", "@here"):
            calls = everybody
        elif name.startswith("<@&"):
            calls = everybody or world.roles[name[3:-1]].mentionable
        else:
            calls = may(world, world.users[name[2:-1]], channel, "VIEW_CHANNEL")
        found += [name] if calls else []
    return found
