"""conversations.*, users.*, usergroups.*, auth.test of the stand-in Slack."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from tests.standins.slack_call import Call
from tests.standins.slack_chat import as_seen
from tests.standins.slack_state import Body, Channel, Message, SlackError, Workspace

FLAGS = (
    "is_shared", "is_ext_shared", "is_org_shared", "is_pending_ext_shared", "is_frozen", "is_read_only", "is_thread_only",
    "is_general", "is_mpim",
)  # fmt: skip


def auth_test(work: Workspace, call: Call) -> Body:
    return {
        "url": f"https://{work.domain}.slack.com/", "team": "Stand-in", "team_id": work.team, "user": "tocsin",
        "user_id": work.bot_user, "bot_id": work.bot, "is_enterprise_install": False,
    }  # fmt: skip


def info(work: Workspace, call: Call) -> Body:
    channel = _readable(work, call, "read")
    return {"channel": as_channel(work, channel, call.flag("include_num_members"))}


def members(work: Workspace, call: Call) -> Body:
    channel = _readable(work, call, "read")
    page, following = _page(channel.members, channel.members, call, 100, 1000)
    return {"members": page, "response_metadata": {"next_cursor": following}}


def conversations(work: Workspace, call: Call) -> Body:
    kinds = call.text("types", "public_channel").split(",")
    for kind in kinds:
        call.need({"public_channel": "channels:read", "private_channel": "groups:read"}.get(kind, "im:read"))
    found = [
        as_channel(work, channel)
        for channel in work.channels.values()
        if _kind(channel) in kinds
        and not (channel.archived and call.flag("exclude_archived"))
        and (not channel.private or work.bot_user in channel.members)
    ]
    page, following = _page(found, [str(one["id"]) for one in found], call, 100, 999)
    return {"channels": page, "response_metadata": {"next_cursor": following}}


def history(work: Workspace, call: Call) -> Body:
    """Messages outside of threads, the newest first."""
    channel = _readable(work, call, "history", joined=True)
    found = [m for m in work.messages if m.channel == channel.id and not m.is_reply and _shows(work, m, call)]
    return _messages(work, call, found[::-1], 100)


def replies(work: Workspace, call: Call) -> Body:
    """The parent, then its replies, the oldest first."""
    channel = _readable(work, call, "history", joined=True)
    ts = call.text("ts")
    parent, thread = work.find(channel.id, ts), work.thread(channel.id, ts)
    if parent is None and not thread:
        raise SlackError("thread_not_found")
    shown = [parent] if parent else []
    return _messages(work, call, [*shown, *(m for m in thread if _shows(work, m, call))], 1000)


def join(work: Workspace, call: Call) -> Body:
    channel = work.reach(call.text("channel"))
    if channel.private:
        raise SlackError("method_not_supported_for_channel_type")
    if channel.archived:
        raise SlackError("is_archived")
    if work.bot_user in channel.members:
        return {"channel": as_channel(work, channel), "warning": "already_in_channel"}
    channel.members.append(work.bot_user)
    work.tell({
        "type": "member_joined_channel", "user": work.bot_user, "channel": channel.id, "channel_type": "C", "team": work.team,
    })  # fmt: skip
    return {"channel": as_channel(work, channel)}


def open_conversation(work: Workspace, call: Call) -> Body:
    users = [user for user in call.text("users", "").split(",") if user]
    if not users and "channel" in call.args:
        return {"channel": {"id": work.reach(call.text("channel")).id}}
    if len(users) != 1:
        raise SlackError("users_list_not_supplied" if not users else "method_not_supported_for_channel_type")
    user = work.users.get(users[0])
    if user is None:
        raise SlackError("user_not_found")
    if user.flags.get("deleted"):
        raise SlackError("user_disabled")
    return {"channel": {"id": work.direct(user.id).id}}


def user_info(work: Workspace, call: Call) -> Body:
    user = call.text("user")
    if user not in work.users:
        raise SlackError("user_not_found")
    return {"user": as_user(work, user)}


def users(work: Workspace, call: Call) -> Body:
    page, following = _page([as_user(work, user) for user in work.users], list(work.users), call, 1000, 1000)
    return {"members": page, "cache_ts": int(work.clock.now()), "response_metadata": {"next_cursor": following}}


def usergroups(work: Workspace, call: Call) -> Body:
    _paid(work)
    return {
        "usergroups": [
            {"id": key, "team_id": work.team, "name": handle, "handle": handle, "date_delete": 0, "user_count": len(people)}
            | ({"users": people} if call.flag("include_users") else {})
            for key, (handle, people) in work.usergroups.items()
        ]
    }


def usergroup_users(work: Workspace, call: Call) -> Body:
    _paid(work)
    group = call.text("usergroup")
    if group not in work.usergroups:
        raise SlackError("no_such_subteam")
    return {"users": work.usergroups[group][1]}


def as_channel(work: Workspace, channel: Channel, count: bool = False) -> Body:
    """The conversation object. A flag that the test set to None is left out."""
    body: Body = {"id": channel.id, "created": 1_600_000_000, "is_archived": channel.archived, "context_team_id": work.team}
    if channel.user:
        return {**body, "is_im": True, "user": channel.user, "is_private": True, **channel.flags}
    body |= dict.fromkeys(FLAGS, False)
    body |= {
        "name": channel.name, "name_normalized": channel.name, "is_channel": not channel.private, "is_group": channel.private,
        "is_im": False, "is_private": channel.private, "is_member": work.bot_user in channel.members, "creator": "U0ADMIN",
        "shared_team_ids": [work.team], "topic": {"value": ""}, "purpose": {"value": ""},
    }  # fmt: skip
    if count:
        body["num_members"] = len(channel.members)
    return {name: value for name, value in {**body, **channel.flags}.items() if value is not None}


def as_user(work: Workspace, user_id: str) -> Body:
    user = work.users[user_id]
    body: Body = {
        "id": user.id, "team_id": work.team, "name": user.name, "deleted": False, "real_name": user.name, "tz": "Europe/Berlin",
        "is_admin": False, "is_owner": False, "is_restricted": False, "is_ultra_restricted": False, "is_bot": False,
        "is_app_user": False, "profile": {"real_name": user.name, "display_name": user.name, "team": work.team},
    }  # fmt: skip
    return {name: value for name, value in {**body, **user.flags}.items() if value is not None}


def _kind(channel: Channel) -> str:
    return "im" if channel.user else "private_channel" if channel.private else "public_channel"


def _readable(work: Workspace, call: Call, right: str, joined: bool = False) -> Channel:
    """The channel, if the token's scopes reach it. `joined`: only from within."""
    channel = work.reach(call.text("channel"))
    call.need(f"{ {'im': 'im', 'private_channel': 'groups', 'public_channel': 'channels'}[_kind(channel)] }:{right}")
    if joined and work.bot_user not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _shows(work: Workspace, message: Message, call: Call) -> bool:
    if message.deleted or work.clock.now() - float(message.ts) < work.history_lag:
        return False
    oldest, latest, inclusive = _moment(call, "oldest"), _moment(call, "latest"), call.flag("inclusive")
    ts = _micros(message.ts)
    if inclusive and ts in (oldest, latest):
        return True
    return (oldest is None or ts > oldest) and (latest is None or ts < latest)


def _moment(call: Call, name: str) -> int | None:
    written = call.text(name, "")
    try:
        return _micros(written) if written else None
    except ValueError:
        raise SlackError(f"invalid_ts_{name}") from None


def _micros(ts: str) -> int:
    seconds, _, rest = ts.partition(".")
    return int(seconds) * 1_000_000 + int((rest + "000000")[:6])


def _messages(work: Workspace, call: Call, found: Sequence[Message], usual: int) -> Body:
    page, following = _page(found, [m.ts for m in found], call, usual, 1000)
    body: Body = {"messages": [as_seen(work, m, call.flag("include_all_metadata")) for m in page], "has_more": bool(following)}
    return {**body, "response_metadata": {"next_cursor": following}} if following else body


def _page(found: Sequence[Any], keys: Sequence[str], call: Call, usual: int, most: int) -> tuple[list[Any], str]:
    """The page that the cursor asks for, and the cursor of the next one; empty at the end. A cursor names the last one told."""
    limit, cursor = call.number("limit", usual, most), call.text("cursor", "")
    try:
        start = keys.index(base64.b64decode(cursor).decode().removeprefix("next:")) + 1 if cursor else 0
    except ValueError:
        raise SlackError("invalid_cursor") from None
    end = start + limit
    following = base64.b64encode(f"next:{keys[end - 1]}".encode()).decode() if end < len(found) else ""
    return list(found[start:end]), following


def _paid(work: Workspace) -> None:
    if work.free_plan:
        raise SlackError("plan_upgrade_required")
