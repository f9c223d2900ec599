"""The manifest from which Slack makes the app: from the verbs, and with no right that the adapter does not use."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from adapters.chats.slack.config import SlackConfig
from rules.grammar import VERBS, Verb

SCOPES: Mapping[str, str] = {
    "chat:write": "post and edit cards, reply in their threads, answer people privately",
    "commands": "/tocsin and its short forms",
    "channels:read": "tell whether a public channel is archived or shared",
    "groups:read": "tell who is in a private channel, before anything confidential is shown there",
    "users:read": "tell guests and bots from members",
    "usergroups:read": "tell who is in the user groups that the config names",
    "channels:history": "find out whether a post arrived whose answer was lost, in public channels",
    "groups:history": "the same in private channels",
    "im:write": "write to a person directly",
    "links:read": "hear of links to incidents of Tocsin",
    "links:write": "show them as cards",
}
"""Each scope of the bot, and what for."""

EVENTS = (
    "app_home_opened", "app_uninstalled", "channel_archive", "channel_deleted", "channel_id_changed", "channel_left",
    "channel_rename", "channel_shared", "channel_unarchive", "channel_unshared", "group_archive", "group_deleted", "group_left",
    "group_rename", "group_unarchive", "link_shared", "member_joined_channel", "member_left_channel",
    "subteam_members_changed", "subteam_updated", "tokens_revoked",
)  # fmt: skip

NO_SHORT_FORM = frozenset({"help"})
"""Too general a name to claim for a whole workspace, where the last app to ask for it gets it: `/tocsin help` does."""
MOST_COMMANDS, MOST_HINT, MOST_NAME = 50, 1024, 35


def manifest(name: str, config: SlackConfig, public_url: str) -> dict[str, Any]:
    """`name`: of the chat in the config; it is part of the addresses over HTTP. `public_url`: where Slack reaches Tocsin."""
    url = "" if config.socket_mode else f"{public_url.rstrip('/')}/slack/{name}"
    commands = [_slash("tocsin", "Everything: type /tocsin help", "[ack 42 | incidents | help …]", url)]
    commands += [_slash(verb.name, verb.summary, _hint(verb), url) for verb in _short_forms()]
    events: dict[str, Any] = {"bot_events": list(EVENTS)}
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": "Tocsin", "description": "Alerts as cards: acknowledge, silence and discuss them here.",
            "background_color": "#1d1c2b",
        },
        "features": {
            "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True, "messages_tab_read_only_enabled": True},
            "bot_user": {"display_name": "tocsin", "always_online": True},
            "slash_commands": commands[:MOST_COMMANDS],
            **({"unfurl_domains": [domain]} if (domain := _domain(public_url)) else {}),
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**({"request_url": f"{url}/events"} if url else {}), **events},
            "interactivity": {"is_enabled": True, **({"request_url": f"{url}/actions"} if url else {})},
            "org_deploy_enabled": False,
            "socket_mode_enabled": config.socket_mode,
            "token_rotation_enabled": False,
        },
    }  # fmt: skip


def _short_forms() -> Iterator[Verb]:
    return (verb for verb in VERBS.values() if verb.name not in NO_SHORT_FORM)


def _slash(name: str, what: str, hint: str, url: str) -> dict[str, Any]:
    made: dict[str, Any] = {"command": f"/{name}", "description": what, "should_escape": True}
    if hint:
        made["usage_hint"] = hint[:MOST_HINT]
    return {**made, "url": f"{url}/commands"} if url else made


def _hint(verb: Verb) -> str:
    return verb.usage.partition(" ")[2]


def _domain(public_url: str) -> str:
    """The host, if Slack takes it as a domain whose links it tells of."""
    host = urlsplit(public_url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host if "." in host else ""
    return ""
