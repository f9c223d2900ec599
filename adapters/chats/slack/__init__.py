"""Slack: cards, buttons, slash commands, threads; over Socket Mode or HTTP."""

from adapters.chats.slack.slack import Slack

__all__ = ["Slack"]
