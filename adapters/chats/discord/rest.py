"""Calls to Discord's REST API: one try, bounded in time, every failure told as what it means, every answer's limits learnt.

discord.py sleeps inside a call when Discord asks for patience, sends POSTs again, keeps the limits to itself and has no limit in
time: here the outbox waits, not the adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from adapters.chat import DeliveryError, Failure
from adapters.chats.discord.config import DiscordConfig
from adapters.chats.discord.denials import Denials
from adapters.chats.discord.errors import DiscordFailure, doubt, refusal
from adapters.chats.discord.lanes import Lanes
from adapters.chats.discord.ref import ID
from adapters.chats.discord.route import Route
from adapters.proxy import proxy_of

TIMEOUT = aiohttp.ClientTimeout(total=10.0, connect=5.0, sock_connect=5.0)
"""Less than the engine waits for a call, so that it is the adapter that says what a silence means."""
USER_AGENT = f"DiscordBot (tocsin, {version('tocsin')})"
"""In the form that Discord asks for."""


class Rest:
    """One bot's way to the API. `clock`: seconds since the epoch."""

    def __init__(self, config: DiscordConfig, clock: Callable[[], float]) -> None:
        self._base, self._host = config.api_url, urlsplit(config.api_url).hostname or ""
        self._proxy = proxy_of(config.api_url)
        self._headers = {"Authorization": f"Bot {config.token.get_secret_value()}", "User-Agent": USER_AGENT}
        self._session: aiohttp.ClientSession | None = None
        self._closed = False
        self.lanes = Lanes()
        self.denials = Denials(clock)

    def open(self) -> None:
        """Makes ready for calls. Needs a running loop."""
        self._closed = False

    async def close(self) -> None:
        """Ends the connections; calls under way fail, later ones as well."""
        self._closed = True
        session, self._session = self._session, None
        if session:
            await session.close()

    async def call(self, route: Route, body: object = None, query: Mapping[str, str] | None = None) -> Any:
        """The JSON of a successful answer, None if it has none. Raises DeliveryError, DiscordFailure where Discord answered."""
        if self._closed:
            raise DeliveryError(Failure.transient, "the chat is stopped")
        self.denials.check(route)
        try:
            status, headers, raw = await self._send(route, body, query)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError) as problem:
            reason = f"cannot reach {self._host} for {route.name}: {type(problem).__name__}"
            raise DeliveryError(Failure.transient, reason) from None  # its text may hold the proxy's password
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise DeliveryError(doubt(route), f"no answer to {route.name}: {type(problem).__name__}") from None
        self.lanes.learn(route, headers)
        if not 200 <= status < 300:
            raise self._refused(route, status, headers, _decoded(raw))
        told = _decoded(raw) if raw else None
        if raw and told is None:
            raise DeliveryError(doubt(route), f"{route.name} got an unreadable answer")
        return told

    async def one(self, route: Route, body: object = None, named: str = "") -> Mapping[str, Any]:
        """The thing that a successful answer tells of: it has an `id`, or what it calls `named` has. Raises as `call` does."""
        told = await self.call(route, body)
        if not _is_thing(told, named):
            raise DeliveryError(doubt(route), f"{route.name} got an unreadable answer")
        return dict(told)

    async def many(self, route: Route, query: Mapping[str, str], named: str = "") -> list[Mapping[str, Any]]:
        """The things that a successful answer lists, each as in `one`. Raises as `call` does."""
        told = await self.call(route, query=query)
        if not isinstance(told, list) or not all(_is_thing(one, named) for one in told):
            raise DeliveryError(doubt(route), f"{route.name} got an unreadable answer")
        return told

    async def _send(self, route: Route, body: object, query: Mapping[str, str] | None) -> tuple[int, Mapping[str, str], bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT, headers=self._headers, cookie_jar=aiohttp.DummyCookieJar())
        data = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"} if data else {}
        asked = self._session.request(
            route.method, self._base + route.path, data=data, params=query, headers=headers, proxy=self._proxy,
            allow_redirects=False,
        )  # fmt: skip
        async with asked as answer:
            return answer.status, answer.headers, await answer.read()

    def _refused(self, route: Route, status: int, headers: Mapping[str, str], body: Any) -> DiscordFailure:
        told = body if isinstance(body, dict) else {}
        lane = ""
        if status == 429:  # one that is not JSON is from Discord's gatekeeper, and for the whole address
            lane = self.lanes.refused(route, told.get("code", 0), bool(told.get("global")) or not told)
        problem = refusal(route, status, headers, body, lane)
        self.denials.note(route, problem, shared=headers.get("X-RateLimit-Scope") == "shared")
        return problem


def _is_thing(told: object, named: str) -> bool:
    thing = told.get(named) if named and isinstance(told, dict) else told
    return isinstance(thing, dict) and isinstance(thing.get("id"), str) and bool(ID.fullmatch(thing["id"]))


def _decoded(raw: bytes) -> Any:
    """What the JSON says; None for what is none."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # a proxy's page, half an answer
        return None
