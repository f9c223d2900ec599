"""Threads of the stand-in Discord: one per message, whose id it takes."""

from __future__ import annotations

from tests.standins import discord_messages as messages
from tests.standins import discord_shapes as shapes
from tests.standins.discord_call import Call
from tests.standins.discord_forms import Form
from tests.standins.discord_permissions import may, reach
from tests.standins.discord_state import Body, Channel, DiscordError, Message, Version, World

MINUTES = (60, 1440, 4320, 10080)


def create(world: World, call: Call) -> Body:
    channel = reach(world, call.path["channel"], "CREATE_PUBLIC_THREADS")
    message = messages.find(world, call)
    if channel.is_thread or channel.kind not in (0, 5):
        raise DiscordError(400, 50024, "Cannot execute action on this channel type")
    form = Form()
    name = form.text("name", call.body.get("name"), 1, 100)
    minutes = call.body.get("auto_archive_duration") or 4320
    form.choice("auto_archive_duration", minutes, MINUTES)
    form.check()
    if message.thread:
        raise DiscordError(400, 160004, "A thread has already been created for this message")
    kind = 11 if channel.kind == 0 else 10
    thread = Channel(message.id, name, kind, channel.id, owner=world.bot, archive_minutes=minutes, born=world.clock.now())
    world.channels[thread.id] = thread
    message.thread = thread.id
    starter = Message(world.new_id(), thread.id, message.author, [Version(world.clock.now(), call.name)], kind=21)
    starter.reference = message.id
    world.keep(starter)
    body = shapes.channel(world, thread)
    world.tell("THREAD_CREATE", body | {"newly_created": True})
    return body


def edit(world: World, call: Call) -> Body:
    """Archive, lock, rename: its maker or who has MANAGE_THREADS; to lock, only the latter. Of other channels nothing."""
    channel = reach(world, call.path["channel"])
    manages = may(world, world.users[world.bot], channel, "MANAGE_THREADS")
    mine = channel.is_thread and channel.owner == world.bot
    if not (manages and channel.is_thread) and (not mine or channel.locked or "locked" in call.body):
        raise DiscordError(403, 50013, "Missing Permissions")
    form = Form()
    if "name" in call.body:
        form.text("name", call.body["name"], 1, 100)
    form.check()
    if channel.archived and call.body.get("archived", True):
        raise DiscordError(400, 50083, "Thread is archived")
    channel.name = call.body.get("name") or channel.name
    channel.archived = bool(call.body.get("archived", channel.archived))
    channel.locked = bool(call.body.get("locked", channel.locked))
    body = shapes.channel(world, channel)
    world.tell("THREAD_UPDATE", body)
    return body
