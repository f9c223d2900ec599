"""The manifest: everything the adapter needs, and no more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from adapters.chats.slack.config import SlackConfig
from adapters.chats.slack.manifest import EVENTS, NO_SHORT_FORM, SCOPES, manifest
from rules.command import VERBS
from tests.standins.slack_web import METHODS

URL = "https://tocsin.example.com"
ADAPTER = Path(__file__).parents[2] / "adapters/chats/slack"
RESERVED = frozenset({
    "me", "status", "away", "archive", "call", "collapse", "dnd", "expand", "feed", "feedback", "invite", "join", "kick",
    "leave", "dm", "mute", "open", "people", "pro", "prefs", "remind", "remove", "rename", "search", "shortcuts", "shrug",
    "star", "topic", "who", "msg", "active",
})  # fmt: skip
SOCKET = SlackConfig.model_validate({"type": "slack", "bot_token": "b", "app_token": "a"})
HTTP = SlackConfig.model_validate({"type": "slack", "bot_token": "b", "signing_secret": "s"})


def made(config: SlackConfig, url: str = URL) -> dict[str, Any]:
    return manifest("work", config, url)


def test_over_socket_mode_it_names_no_address() -> None:
    found = made(SOCKET)
    assert found["settings"]["socket_mode_enabled"] is True and "url" not in str(found).replace("unfurl", "")


def test_over_http_every_address_is_ours() -> None:
    found = made(HTTP, URL + "/")
    assert found["settings"]["socket_mode_enabled"] is False
    assert found["settings"]["event_subscriptions"]["request_url"] == f"{URL}/slack/work/events"
    assert found["settings"]["interactivity"]["request_url"] == f"{URL}/slack/work/actions"
    assert {command["url"] for command in found["features"]["slash_commands"]} == {f"{URL}/slack/work/commands"}


def test_every_verb_has_its_command() -> None:
    commands = {command["command"]: command for command in made(SOCKET)["features"]["slash_commands"]}
    assert set(commands) == {"/tocsin", *(f"/{verb}" for verb in VERBS if verb not in NO_SHORT_FORM)}
    assert all(command["should_escape"] for command in commands.values()), "people and channels arrive as their ids"
    assert commands["/ack"]["usage_hint"] == "NUMBER… [for DURATION] [NOTE]"
    assert not {name[1:] for name in commands} & RESERVED and len(commands) <= 50
    for command in commands.values():
        assert re.fullmatch(r"/[a-z0-9_-]{1,31}", command["command"]) and 0 < len(command["description"]) <= 2000
        assert 0 < len(command.get("usage_hint", "x")) <= 1024


def called() -> set[str]:
    """The methods of the Web API that the adapter names."""
    text = "\n".join(
        path.read_text() for path in ADAPTER.glob("*.py") if path.name not in ("errors.py", "client.py", "manifest.py")
    )
    return set(re.findall(r'"((?:auth|chat|conversations|users|usergroups|views)\.[A-Za-z.]+)"', text))


def test_no_scope_is_missing_and_none_is_spare() -> None:
    needed = {scope for name in called() for scope in METHODS[name].scopes}
    for name in called():
        assert not METHODS[name].scopes or set(METHODS[name].scopes) & set(SCOPES), name
    by_events = {"commands", "links:read"}
    assert set(SCOPES) <= needed | by_events
    assert set(SCOPES) == set(made(HTTP)["oauth_config"]["scopes"]["bot"])


def test_every_event_is_subscribed_once() -> None:
    found = made(SOCKET)["settings"]["event_subscriptions"]["bot_events"]
    assert tuple(found) == EVENTS == tuple(sorted(set(EVENTS)))


@pytest.mark.parametrize(
    ("url", "domains"),
    [
        (URL, ["tocsin.example.com"]),
        ("http://127.0.0.1:8080", None),
        ("http://localhost:8080", None),
        ("http://[::1]:8080", None),
        ("https://tocsin.example.com:8443/x", ["tocsin.example.com"]),
    ],
)
def test_links_of_our_own_domain_only(url: str, domains: list[str] | None) -> None:
    assert made(SOCKET, url)["features"].get("unfurl_domains") == domains


def test_the_docs_explain_every_scope() -> None:
    text = (ADAPTER.parents[2] / "docs/slack.md").read_text()
    assert dict(re.findall(r"^\| `([a-z:]+)` \| (.+) \|$", text, re.MULTILINE)) == dict(SCOPES)


def test_it_holds_no_secret() -> None:
    config = SlackConfig.model_validate({"type": "slack", "bot_token": "xoxb-hush", "signing_secret": "hush"})
    assert "hush" not in str(made(config))
