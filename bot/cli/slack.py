"""`tocsin slack-manifest`: what Slack makes the app from."""

from __future__ import annotations

import re
from pathlib import Path

from adapters.chats.slack.config import SlackConfig
from adapters.chats.slack.manifest import manifest
from bot.cli.screen import complain, misused, say_json
from bot.config import Config, ConfigErrors, load

CHAT = "work"
URL = "http://127.0.0.1:8080"


class NotYet(dict[str, str]):
    """Stands for the environment: the tokens come only after the app, so that any will do here."""

    def get(self, name: str, default: object = None) -> str:
        return "not-yet"


def print_manifest(path: Path, chat: str | None, http: str | None) -> None:
    """Prints the manifest as JSON. What the options leave open comes from the config, if there is one. Raises typer.Exit."""
    config = _config(path)
    name = chat or _slack_of(config) or CHAT
    found = config.chats.get(name) if config else None
    if config and chat and not isinstance(found, SlackConfig):
        raise misused(f"{chat} is no Slack chat of {path}: {', '.join(config.chats) or 'it has no chats'}")
    if http and not re.fullmatch(r"https://[^\s/]+(/\S*)?", http):
        raise misused("Slack calls https addresses only, such as --http https://tocsin.example.com")
    if http or not isinstance(found, SlackConfig):
        way_in = {"signing_secret": "not-yet"} if http else {"app_token": "not-yet"}
        found = SlackConfig.model_validate({"type": "slack", "bot_token": "not-yet", **way_in})
    public_url = http or (config.public_url if config else URL)
    say_json(manifest(name, found, public_url))
    way = "Socket Mode" if found.socket_mode else f"HTTP at {public_url}"
    complain(f"For the chat {name}, over {way}. On api.slack.com/apps: Create New App, From a manifest, JSON.")


def _config(path: Path) -> Config | None:
    try:
        return load(path, NotYet()) if path.exists() else None
    except ConfigErrors:
        complain(("! ", "yellow"), f"{path} has mistakes (see: tocsin check), so it counts for nothing here.")
        return None


def _slack_of(config: Config | None) -> str | None:
    chats = config.chats.items() if config else ()
    return next((name for name, chat in chats if isinstance(chat, SlackConfig)), None)
