"""What `tocsin doctor` says of a Slack chat: each thing looked at, and for each that is amiss the one thing to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from adapters.chat import DeliveryError, Failure, Finding
from adapters.chats.slack.client import Client
from adapters.chats.slack.config import SlackConfig
from adapters.chats.slack.errors import SlackFailure
from adapters.chats.slack.identity import Identity, read_identity
from adapters.chats.slack.manifest import SCOPES
from rules.access import Sensitivity
from rules.channel import Channel

_BOT_TOKEN = "Open the app on api.slack.com/apps, OAuth & Permissions, copy the Bot User OAuth Token (xoxb-…) into bot_token."
_APP_TOKEN = (
    "Open the app on api.slack.com/apps, Basic Information, App-Level Tokens, make one with the scope connections:write "
    "and copy it (xapp-…) into app_token."
)
_REINSTALL = "Install the app into the workspace again (OAuth & Permissions), and copy the new token into bot_token."
_SWAPPED = "You have put the {kind} token there: {remedy}"


async def diagnose(
    chat: str, config: SlackConfig, public_url: str, channels: Mapping[str, Channel], accounts: Mapping[str, str]
) -> list[Finding]:
    """`accounts`: person key -> Slack id. Makes connections of its own and ends them."""
    client = Client(config)
    try:
        found, me = await _bot_token(client, config, chat)
        found += await _way_in(config, chat, public_url)
        if me:
            found += [await _channel(client, me, chat, name, channel) for name, channel in channels.items()]
            found += [await _account(client, chat, person, account) for person, account in accounts.items()]
    finally:
        await client.close()
    return found


async def _bot_token(client: Client, config: SlackConfig, chat: str) -> tuple[list[Finding], Identity | None]:
    """The token and its scopes; who we are if it works."""
    what = f"{chat}: bot_token"
    written = config.bot_token.get_secret_value()
    if written.startswith("xapp-"):
        return [Finding(what, False, _SWAPPED.format(kind="app-level", remedy=_BOT_TOKEN))], None
    try:
        told, headers = await client.answer("auth.test")
    except DeliveryError as problem:
        return [Finding(what, False, _token_remedy(problem, config, _BOT_TOKEN))], None
    me = read_identity(told)
    found = [Finding(f"{what} (@{me.name} in {me.team_name})", True)]
    granted = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",")} - {""}
    if granted:
        missing = [scope for scope in SCOPES if scope not in granted]
        remedy = f"Add {', '.join(missing)} under OAuth & Permissions, Bot Token Scopes, and install the app again."
        found.append(Finding(f"{chat}: scopes", not missing, remedy if missing else ""))
    return found, me


async def _way_in(config: SlackConfig, chat: str, public_url: str) -> list[Finding]:
    """How what people do comes to us."""
    if config.app_token is None:
        what, ok = f"{chat}: public_url, which Slack calls", public_url.startswith("https://")
        remedy = f"Slack calls https addresses only, and public_url is {public_url}: set it, or use app_token (Socket Mode)."
        return [Finding(what, ok, "" if ok else remedy)]
    what, token = f"{chat}: app_token", config.app_token.get_secret_value()
    if token.startswith("xoxb-"):
        return [Finding(what, False, _SWAPPED.format(kind="bot", remedy=_APP_TOKEN))]
    client = Client(config, token)
    try:
        await client.call("apps.connections.open")
    except DeliveryError as problem:
        return [Finding(what, False, _socket_remedy(problem, config))]
    finally:
        await client.close()
    return [Finding(what, True)]


def _socket_remedy(problem: DeliveryError, config: SlackConfig) -> str:
    code = problem.code if isinstance(problem, SlackFailure) else ""
    if code == "missing_scope":
        return f"The token lacks the scope connections:write. {_APP_TOKEN}"
    if "socket" in code or code in ("forbidden", "not_allowed"):
        return "Switch Socket Mode on: api.slack.com/apps, the app, Socket Mode, Enable."
    return _token_remedy(problem, config, _APP_TOKEN)


def _token_remedy(problem: DeliveryError, config: SlackConfig, copy_it: str) -> str:
    code = problem.code if isinstance(problem, SlackFailure) else ""
    if code in ("account_inactive", "token_revoked", "token_expired"):
        return f"Slack says {code}. {_REINSTALL if copy_it is _BOT_TOKEN else copy_it}"
    if problem.kind == Failure.credentials:
        return f"Slack says {code}. {copy_it}"
    if problem.kind == Failure.rate_limited:
        return "Slack takes no more calls for now: run this again in a minute."
    return f"Slack does not answer at {config.api_url} ({problem.reason}): look at the network, the proxy and api_url."


async def _channel(client: Client, me: Identity, chat: str, name: str, channel: Channel) -> Finding:
    what = f"{chat}: channel {name} ({channel.id or 'no id'})"
    remedy = await _channel_remedy(client, me, name, channel)
    return Finding(what, not remedy, remedy)


async def _channel_remedy(client: Client, me: Identity, name: str, channel: Channel) -> str:
    """Empty when all is well."""
    if not re.fullmatch(r"[CG][A-Z0-9]+", channel.id):
        return f"Write the id into channels.{name}.id: in Slack, click the channel's name; About ends with it (C…)."
    try:
        told = await client.part("conversations.info", "channel", channel=channel.id)
    except SlackFailure as problem:
        if problem.code == "channel_not_found":
            return f"Slack shows no such channel: correct channels.{name}.id; if it is private, write /invite @{me.name} there."
        return f"{problem.reason}."
    except DeliveryError as problem:
        return f"Run this again: {problem.reason}."
    return _state_remedy(me, name, channel, told)


def _state_remedy(me: Identity, name: str, channel: Channel, told: Mapping[str, Any]) -> str:
    if told.get("is_archived") is True:
        return f"Unarchive the channel, or point channels.{name}.id elsewhere: nothing can be posted there."
    if told.get("is_member") is not True:
        return f"Write /invite @{me.name} in the channel: the bot is not in it."
    if not Sensitivity.model_validate({}).needs_proof(channel.clearance):
        return ""
    if told.get("is_private") is not True:
        return f"Make the channel private, or lower its clearance: {channel.clearance} alerts show in private channels only."
    if any(told.get(flag) is True for flag in ("is_shared", "is_ext_shared", "is_pending_ext_shared", "is_org_shared")):
        return f"End the sharing of the channel, or lower its clearance: outsiders must not read {channel.clearance} alerts."
    return ""


async def _account(client: Client, chat: str, person: str, account: str) -> Finding:
    what = f"{chat}: people.{person}.slack ({account})"
    copy_it = f"Correct people.{person}.slack: in Slack, open their profile, ⋮, Copy member ID (U…)."
    try:
        told = await client.part("users.info", "user", user=account)
    except DeliveryError as problem:
        code = problem.code if isinstance(problem, SlackFailure) else ""
        unknown = code in ("user_not_found", "user_not_visible")
        return Finding(what, False, copy_it if unknown else f"Run this again: {problem.reason}.")
    if told.get("deleted") is True:
        return Finding(what, False, f"Remove people.{person}.slack: the account is deactivated.")
    return Finding(what, told.get("is_bot") is not True, f"{copy_it} This is a bot." if told.get("is_bot") is True else "")
