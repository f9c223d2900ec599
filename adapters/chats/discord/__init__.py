"""Discord: cards, buttons, slash commands, threads."""

from adapters.chats.discord.chat import Discord

__all__ = ["Discord"]
