"""Where discord.py finds Discord. It keeps that for the whole process, so only one place may be in use at a time."""

from __future__ import annotations

from collections import Counter

import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

_in_use: Counter[tuple[str, str]] = Counter()


class Elsewhere(Exception):
    """Another chat of this process uses another address of Discord."""


def claim(api_url: str, gateway_url: str) -> None:
    """From now on discord.py uses these. Raises Elsewhere while another chat uses others; `release` when done."""
    other = next((place for place in _in_use if place != (api_url, gateway_url)), None)
    if other:
        raise Elsewhere(
            f"another Discord chat of this Tocsin uses {other[0]} with {other[1]}, and all must use the same: give this chat the "
            "same api_url and gateway_url, or run it in a Tocsin of its own"
        )
    _in_use[api_url, gateway_url] += 1
    Route.BASE = api_url.rstrip("/")
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)


def release(api_url: str, gateway_url: str) -> None:
    _in_use[api_url, gateway_url] -= 1
    if _in_use[api_url, gateway_url] <= 0:
        del _in_use[api_url, gateway_url]
