"""Messages of the stand-in Discord: post, edit, read, delete."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from tests.standins import discord_shapes as shapes
from tests.standins.discord_call import Call
from tests.standins.discord_forms import check_message
from tests.standins.discord_permissions import BITS, allowed, may, reach
from tests.standins.discord_pings import called, mentioned
from tests.standins.discord_state import Body, Channel, DiscordError, Message, Version, World, born

SUPPRESS = 1 << 2 | 1 << 12


def create(world: World, call: Call) -> Body:
    channel = reach(world, call.path["channel"])
    _may_send(world, channel, call.body)
    check_message(call.body)
    reference = call.body.get("message_reference") or {"fail_if_not_exists": False}
    if world.find(channel.id, str(reference.get("message_id"))) is None and reference.get("fail_if_not_exists", True):
        raise DiscordError(400, 50035, "Invalid Form Body", {"message_reference": {"_errors": [
            {"code": "REPLIES_UNKNOWN_MESSAGE", "message": "Unknown message"}]}})  # fmt: skip
    nonce = str(call.body.get("nonce") or "")
    message = Message(world.new_id(), channel.id, world.bot, [], nonce, asked=call.body)
    if nonce and call.body.get("enforce_nonce") and (before := _same(world, message)):
        return shapes.message(world, before, with_nonce=True)
    message.flags = int(call.body.get("flags") or 0) & SUPPRESS
    message.versions = [version(world, channel, _without_embeds(world, channel, call.body), call.name)]
    refuse_empty(message.last)
    if channel.archived:
        channel.archived = False
        world.tell("THREAD_UPDATE", shapes.channel(world, channel))
    world.keep(message)
    body = shapes.message(world, message, with_nonce=True)
    world.tell("MESSAGE_CREATE", body | {"guild_id": world.guild})
    return body


def edit(world: World, call: Call) -> Body:
    channel = reach(world, call.path["channel"])
    message = find(world, call)
    if message.author != world.bot:
        raise DiscordError(403, 50005, "Cannot edit a message authored by another user")
    if channel.archived:
        raise _archived()
    body = _without_embeds(world, channel, call.body)
    if body is not call.body and not body.get("content") and not body.get("components"):
        raise DiscordError(400, 50006, "Cannot send an empty message")
    change(world, message, body, call.name)
    body = shapes.message(world, message)
    world.tell("MESSAGE_UPDATE", body | {"guild_id": world.guild})
    return body


def get(world: World, call: Call) -> Body:
    reach(world, call.path["channel"], "READ_MESSAGE_HISTORY")
    return _readable(world, find(world, call))


def delete(world: World, call: Call) -> None:
    channel = reach(world, call.path["channel"])
    message = find(world, call)
    if message.author != world.bot and not may(world, world.users[world.bot], channel, "MANAGE_MESSAGES"):
        raise DiscordError(403, 50013, "Missing Permissions")
    if message.kind == 21:
        raise DiscordError(403, 50021, "Cannot execute action on a system message")
    if channel.archived:
        raise _archived()
    message.deleted = True
    world.tell("MESSAGE_DELETE", {"id": message.id, "channel_id": channel.id, "guild_id": world.guild})


def history(world: World, call: Call) -> list[Body]:
    """Newest first. Without READ_MESSAGE_HISTORY there is nothing, and no error."""
    channel = reach(world, call.path["channel"])
    limit = call.number("limit", 50, 1, 100)
    if not may(world, world.users[world.bot], channel, "READ_MESSAGE_HISTORY"):
        return []
    said = sorted(world.said_in(channel.id), key=lambda one: int(one.id))
    before, after, around = (call.snowflake(name) for name in ("before", "after", "around"))
    if around:
        older, newer = [m for m in said if int(m.id) <= around], [m for m in said if int(m.id) > around]
        said = older[-(limit // 2 + 1) :] + newer[: limit // 2]
    elif before:
        said = [m for m in said if int(m.id) < before][-limit:]
    elif after:
        said = [m for m in said if int(m.id) > after][:limit]
    return [_readable(world, one) for one in said[-limit:][::-1]]


def find(world: World, call: Call) -> Message:
    message = world.find(call.path["channel"], call.path["message"])
    if message is None:
        raise DiscordError(404, 10008, "Unknown Message")
    return message


def change(world: World, message: Message, body: Body, by: str, webhook: bool = False) -> None:
    """Adds a version: what `body` leaves out stays, but who is called is parsed anew."""
    check_message(body)
    last = message.last
    kept = {"content": last.content, "embeds": last.embeds, "components": last.components}
    new = version(world, world.channels[message.channel], kept | body, by, webhook)
    refuse_empty(new)
    new.calls = [] if message.only_for else new.calls
    message.versions.append(new)
    message.loading = False
    if "flags" in body:
        message.flags = message.flags & ~SUPPRESS | int(body["flags"] or 0) & SUPPRESS
    world.changed()


def version(world: World, channel: Channel, body: Body, by: str, webhook: bool = False) -> Version:
    content, allowed_mentions = (body.get("content") or "").strip(), body.get("allowed_mentions")
    mentions = mentioned(world, content, allowed_mentions, webhook)
    components = [_numbered(row, 1 + 10 * place) for place, row in enumerate(body.get("components") or [])]
    return Version(
        world.clock.now(), by, content, [_embed(one) for one in body.get("embeds") or []], components, allowed_mentions,
        called(world, channel, mentions), mentions,
    )  # fmt: skip


def refuse_empty(said: Version) -> None:
    if not said.content and not said.components and not any(one.keys() - {"type", "color", "url"} for one in said.embeds):
        raise DiscordError(400, 50006, "Cannot send an empty message")


def _may_send(world: World, channel: Channel, body: Body) -> None:
    if channel.kind == 1 and (world.users[channel.user].closed or not (world.users[channel.user].member and world.installed)):
        raise DiscordError(403, 50007, "Cannot send messages to this user")
    if channel.kind in (4, 15):
        raise DiscordError(400, 50008, "Cannot send messages in a non-text channel")
    can = allowed(world, world.users[world.bot], channel)
    if not can & BITS["SEND_MESSAGES_IN_THREADS" if channel.is_thread else "SEND_MESSAGES"]:
        raise DiscordError(403, 50013, "Missing Permissions")
    if body.get("embeds") and not body.get("content") and not can & BITS["EMBED_LINKS"]:
        raise DiscordError(403, 50013, "Missing Permissions")
    if channel.locked and not can & BITS["MANAGE_THREADS"]:
        raise DiscordError(400, 160005, "Thread is locked")


def _without_embeds(world: World, channel: Channel, body: Body) -> Body:
    """What is left of a request without EMBED_LINKS: its embeds are dropped, and nothing says so. Observed by others."""
    if not body.get("embeds") or may(world, world.users[world.bot], channel, "EMBED_LINKS"):
        return body
    return {name: value for name, value in body.items() if name != "embeds"}


def _archived() -> DiscordError:
    return DiscordError(400, 50083, "Thread is archived")


def _same(world: World, message: Message) -> Message | None:
    """The message that this nonce made before, while that is remembered; also if it was deleted since."""
    since = world.clock.now() - world.nonce_window
    recent = (one for one in reversed(world.messages.values()) if born(one.id) >= since)
    return next((one for one in recent if one.nonce_key == message.nonce_key and one.asked.get("enforce_nonce")), None)


def _readable(world: World, message: Message) -> Body:
    """Without the intent message_content a bot reads only its own, its direct messages, and what mentions it."""
    body = shapes.message(world, message)
    mine = message.author == world.bot or world.channels[message.channel].kind == 1 or f"<@{world.bot}>" in message.last.mentions
    if not mine and "message_content" not in world.enabled_intents:
        body |= {"content": "", "embeds": [], "components": [], "attachments": []}
    return body


def _embed(one: Body) -> Body:
    """As Discord keeps it: a type, texts without white space around, times in its own spelling."""
    kept: Body = {"type": "rich"}
    for name, value in one.items():
        if value is None or value == "" or value == [] or name == "type":
            continue
        kept[name] = _tidy(value)
    if "timestamp" in kept:
        at = datetime.fromisoformat(kept["timestamp"])
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        kept["timestamp"] = at.astimezone(UTC).isoformat(timespec="microseconds" if at.microsecond else "seconds")
    if "fields" in kept:
        kept["fields"] = [{"inline": False, **field} for field in kept["fields"]]
    return kept


def _tidy(value: Any) -> Any:
    if isinstance(value, str):
        return re.sub(r"^\s+|\s+$", "", value)
    if isinstance(value, dict):
        return {name: _tidy(part) for name, part in value.items() if part is not None}
    return [_tidy(part) for part in value] if isinstance(value, list) else value


def _numbered(row: Body, number: int) -> Body:
    """Every component gets an id."""
    inside = [{"id": number + place, **one} for place, one in enumerate(row.get("components") or [], 1)]
    return {"id": number, **row, "components": inside}
