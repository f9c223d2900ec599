"""The proxy that the environment asks for."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass


def proxy_of(url: str) -> str | None:
    """The proxy for an address, or None; never for this machine itself, nor for what NO_PROXY names. wss goes as https does."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host == "localhost" or host == "::1" or host.startswith("127.") or proxy_bypass(host):
        return None
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return getproxies_environment().get(scheme) or None
