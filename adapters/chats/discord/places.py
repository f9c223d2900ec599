"""Where discord.py finds Discord: per task, though it keeps both addresses in its classes, for the whole process."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

_api = ContextVar("discord_api", default=Route.BASE)
_gateway = ContextVar("discord_gateway", default=DiscordWebSocket.DEFAULT_GATEWAY)


def use(api_url: str, gateway_url: str) -> None:
    """From now on discord.py uses these, in this task and those that it starts."""
    _api.set(api_url.rstrip("/"))
    _gateway.set(yarl.URL(gateway_url))


class _Here:
    """A class attribute that is what the running task was told."""

    def __init__(self, told: ContextVar[Any]) -> None:
        self._told = told

    def __get__(self, instance: object, owner: type) -> Any:
        return self._told.get()


_base: Any = _Here(_api)
_default_gateway: Any = _Here(_gateway)
Route.BASE = _base
DiscordWebSocket.DEFAULT_GATEWAY = _default_gateway
