"""The console: channels and cards in the browser, for trying Tocsin and for whoever has no chat."""

from adapters.chats.console.console import Console

__all__ = ["Console"]
