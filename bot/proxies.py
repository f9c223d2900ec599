"""Behind a proxy: who really asks, and whether over https. Told by headers, which only a trusted proxy is believed."""

from __future__ import annotations

from aiohttp import web

from adapters.auth import Network, is_in

Networks = tuple[Network, ...]


def is_proxy(networks: Networks, address: str) -> bool:
    try:
        return is_in(networks, address)
    except ValueError:
        return False


def seen_through(networks: Networks, request: web.Request) -> web.Request:
    """The request as the first trusted proxy saw it: `remote` and `scheme`. As it is, if it came from no trusted proxy.

    X-Forwarded-For is read from the right: each trusted proxy wrote down who spoke to it, so the first address that is no proxy
    of ours is the last that nobody could make up. What is no address is nobody, and matches no `auth.ip`.
    """
    if not networks or not is_proxy(networks, request.remote or ""):
        return request
    told = [part.strip() for line in request.headers.getall("X-Forwarded-For", []) for part in line.split(",")]
    remote = request.remote or ""
    for address in map(_bare, reversed(told)):
        remote = address
        if not is_proxy(networks, address):
            break
    schemes = request.headers.getall("X-Forwarded-Proto", [])
    scheme = schemes[-1].rpartition(",")[2].strip().lower() if schemes else ""
    return request.clone(remote=remote, scheme=scheme if scheme in ("http", "https") else request.scheme)


def _bare(address: str) -> str:
    """Without the port and brackets that some proxies write: 192.0.2.7:4711, [2001:db8::7]:4711."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, _ = address.rpartition(":")
    return host if colon and ":" not in host else address
