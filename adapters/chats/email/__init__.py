"""E-mail over SMTP: for whoever has no chat, and for when the chat is down. A letter is sent once, and never edited."""

from adapters.chats.email.chat import Email

__all__ = ["Email"]
