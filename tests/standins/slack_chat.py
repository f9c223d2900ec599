"""chat.* of the stand-in Slack."""

from __future__ import annotations

from typing import Any

from tests.standins import slack_limits as limits
from tests.standins.slack_call import Call
from tests.standins.slack_state import Body, Channel, Message, SlackError, Unfurl, Version, Workspace

ASKED = ("unfurl_links", "unfurl_media", "parse", "link_names", "mrkdwn", "reply_broadcast", "client_msg_id")


def post_message(work: Workspace, call: Call) -> Body:
    channel = _may_post(work, call)
    said = _said(work, call)
    thread = _parent(work, channel, call.text("thread_ts", ""))
    warnings = []
    if len(said.text) > limits.TEXT_KEPT:
        said.text = said.text[: limits.TEXT_KEPT]
        warnings.append("message_truncated")
    message = Message(channel.id, work.new_ts(), work.bot_user, [said], thread, _metadata(work, call) or {})
    message.asked = {name: call.args[name] for name in ASKED if name in call.args}
    work.keep(message)
    more: Body = {"warning": ",".join(warnings), "response_metadata": {"warnings": warnings}} if warnings else {}
    return {"channel": channel.id, "ts": message.ts, "message": as_seen(work, message), **more}


def update(work: Workspace, call: Call) -> Body:
    """`text` without `blocks` deletes the blocks; whatever else is left out stays."""
    channel = work.reach(call.text("channel"))
    if channel.archived:
        raise SlackError("is_inactive")
    message = _own(work, channel, call.text("ts"), "cant_update_message")
    if work.edit_window is not None and work.clock.now() - float(message.ts) > work.edit_window:
        raise SlackError("edit_window_closed")
    said = _said(work, call)
    if len(said.text.encode("utf-8", "surrogatepass")) > limits.UPDATE_TEXT_BYTES:
        raise SlackError("msg_too_long")
    if "attachments" not in call.args:
        said.attachments = message.attachments
    if "text" not in call.args:
        said.text = message.text
        said.blocks = said.blocks if "blocks" in call.args else message.blocks
    said.parse = call.text("parse", "client")
    metadata = _metadata(work, call)
    message.metadata = message.metadata if metadata is None else metadata
    message.versions.append(said)
    work.changed()
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": as_seen(work, message)}


def delete(work: Workspace, call: Call) -> Body:
    channel = work.reach(call.text("channel"))
    message = _own(work, channel, call.text("ts"), "cant_delete_message")
    message.deleted = True
    work.changed()
    return {"channel": channel.id, "ts": message.ts}


def post_ephemeral(work: Workspace, call: Call) -> Body:
    channel = _may_post(work, call)
    user = call.text("user")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    said = _said(work, call)
    if len(said.text) > limits.TEXT_KEPT:
        raise SlackError("msg_too_long")
    message = Message(channel.id, work.new_ts(), work.bot_user, [said], call.text("thread_ts", ""), only_for=user)
    work.ephemerals.append(message)
    work.changed()
    return {"message_ts": message.ts}


def get_permalink(work: Workspace, call: Call) -> Body:
    channel = work.reach(call.text("channel"))
    message = work.find(channel.id, call.text("message_ts"))
    if message is None:
        raise SlackError("message_not_found")
    link = f"https://{work.domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    link += f"?thread_ts={message.thread_ts}&cid={channel.id}" if message.is_reply else ""
    return {"channel": channel.id, "permalink": link}


def unfurl(work: Workspace, call: Call) -> Body:
    unfurls = call.args.get("unfurls")
    asks = any(name.startswith("user_auth_") for name in call.args)
    if unfurls is None and not asks:
        raise SlackError("missing_unfurls")
    if not isinstance(unfurls or {}, dict):
        raise SlackError("invalid_unfurls_format")
    message = work.find(call.text("channel"), call.text("ts"))
    if message is None:
        raise SlackError("cannot_find_message")
    for url, attachment in (unfurls or {}).items():
        if url not in message.text:
            raise SlackError("cannot_unfurl_url")
        try:
            limits.check_message([], [attachment])
        except SlackError as problem:
            raise SlackError("cannot_parse_attachment", **problem.more) from None
        work.unfurls.append(Unfurl(message.channel, message.ts, url, attachment))
    work.changed()
    return {}


def as_seen(work: Workspace, message: Message, all_metadata: bool = True) -> Body:
    """The message object. Readers that do not ask for all metadata see its type only."""
    said = message.last
    body: Body = {"type": "message", "user": message.user, "ts": message.ts, "text": said.text, "team": work.team}
    if message.user == work.bot_user:
        body |= {"bot_id": work.bot, "app_id": work.app}
    if said.blocks:
        body["blocks"] = said.blocks
    if said.attachments:
        usual = {"fallback": "[no preview available]"}
        body["attachments"] = [{"id": number, **usual, **one} for number, one in enumerate(said.attachments, 1)]
    if len(message.versions) > 1:
        body["edited"] = {"user": message.user, "ts": f"{said.at:.6f}"}
    if message.metadata:
        body["metadata"] = message.metadata if all_metadata else {"event_type": message.metadata["event_type"]}
    if message.only_for:
        body["is_ephemeral"] = True
    replies = work.thread(message.channel, message.ts)
    if message.is_reply or replies:
        body["thread_ts"] = message.thread_ts or message.ts
    if replies:
        body |= {"reply_count": len(replies), "latest_reply": replies[-1].ts}
    return body


def said_with(work: Workspace, by: str, args: Body) -> Version:
    """What a message says, measured; blocks without an id get one. Raises SlackError for what it may not hold."""
    text, markdown = str(args.get("text", "")), args.get("markdown_text")
    blocks, attachments = _listed(args, "blocks"), _listed(args, "attachments")
    if markdown is not None:
        if text or blocks:
            raise SlackError("markdown_text_conflict")
        blocks = [{"type": "markdown", "text": markdown}]
    limits.check_message(blocks, attachments)
    if not text and not blocks and not attachments:
        raise SlackError("no_text")
    link_names, parse = str(args.get("link_names", "")).lower() in ("1", "true"), str(args.get("parse", ""))
    parts = [*blocks, *(block for one in attachments for block in one.get("blocks") or ())]
    for block in parts:
        block.setdefault("block_id", work.new_id("b"))
        for element in [*(block.get("elements") or ()), block.get("accessory") or {}, block.get("element") or {}]:
            if element.get("type") not in (None, "plain_text", "mrkdwn", "image") and block["type"] != "rich_text":
                element.setdefault("action_id", work.new_id("a"))
    return Version(work.clock.now(), by, text, blocks, attachments, link_names, parse)


def _said(work: Workspace, call: Call) -> Version:
    if call.method == "chat.update" and "text" not in call.args and ("blocks" in call.args or "attachments" in call.args):
        return said_with(work, call.method, {"text": " ", **call.args})
    return said_with(work, call.method, call.args)


def _listed(args: Body, name: str) -> list[Any]:
    value = args.get(name) or []
    if not isinstance(value, list):
        raise SlackError("invalid_blocks_format" if name == "blocks" else "invalid_attachments")
    return value


def _metadata(work: Workspace, call: Call) -> Body | None:
    metadata: Body | None = call.args.get("metadata")
    if metadata is not None:
        limits.check_metadata(metadata, work.metadata_bytes)
    return metadata


def _may_post(work: Workspace, call: Call) -> Channel:
    channel = work.reach(call.text("channel"))
    if channel.archived:
        raise SlackError("is_archived")
    if work.bot_user not in channel.members and (channel.private or "chat:write.public" not in call.token.scopes):
        raise SlackError("not_in_channel")
    if channel.refuses:
        raise SlackError(channel.refuses)
    return channel


def _parent(work: Workspace, channel: Channel, ts: str) -> str:
    """The thread that a reply to `ts` is in: that of the root, even if `ts` is a reply itself."""
    if not ts:
        return ""
    parent = work.find(channel.id, ts)
    if parent is None and work.orphans:
        raise SlackError(work.orphans)
    return parent.thread_ts or ts if parent else ts


def _own(work: Workspace, channel: Channel, ts: str, refusal: str) -> Message:
    message = work.find(channel.id, ts)
    if message is None:
        raise SlackError("message_not_found")
    if message.user != work.bot_user:
        raise SlackError(refusal)
    return message
