"""The REST API of the stand-in Discord over HTTP: token, limits and scripted faults in front of every call."""

from __future__ import annotations

import asyncio
import math
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from tests.standins import discord_lookup as lookup
from tests.standins import discord_messages as messages
from tests.standins import discord_threads as threads
from tests.standins.discord_call import Call, Request
from tests.standins.discord_faults import Fault, Faults
from tests.standins.discord_rates import OLD, Bucket, Rates, Refusal
from tests.standins.discord_state import Body, DiscordError, World, born

Work = Callable[[World, Call], Any]


class Route(msgspec.Struct):
    """`token`: whether the bot's token is needed; interactions have their own."""

    method: str
    path: str
    work: Work
    token: bool = True


ROUTES: Mapping[str, Route] = {
    "me": Route("GET", "users/@me", lookup.me),
    "application": Route("GET", "oauth2/applications/@me", lookup.application),
    "application.me": Route("GET", "applications/@me", lookup.application),
    "guilds": Route("GET", "users/@me/guilds", lookup.guilds),
    "guild": Route("GET", "guilds/{guild}", lookup.guild),
    "guild.channels": Route("GET", "guilds/{guild}/channels", lookup.channels),
    "guild.threads": Route("GET", "guilds/{guild}/threads/active", lookup.active_threads),
    "guild.roles": Route("GET", "guilds/{guild}/roles", lookup.roles),
    "guild.members": Route("GET", "guilds/{guild}/members", lookup.members),
    "guild.member": Route("GET", "guilds/{guild}/members/{user}", lookup.member),
    "user": Route("GET", "users/{user}", lookup.user),
    "dm.create": Route("POST", "users/@me/channels", lookup.open_direct),
    "channels.get": Route("GET", "channels/{channel}", lookup.channel),
    "channels.edit": Route("PATCH", "channels/{channel}", threads.edit),
    "messages.create": Route("POST", "channels/{channel}/messages", messages.create),
    "messages.list": Route("GET", "channels/{channel}/messages", messages.history),
    "messages.get": Route("GET", "channels/{channel}/messages/{message}", messages.get),
    "messages.edit": Route("PATCH", "channels/{channel}/messages/{message}", messages.edit),
    "messages.delete": Route("DELETE", "channels/{channel}/messages/{message}", messages.delete),
    "threads.create": Route("POST", "channels/{channel}/messages/{message}/threads", threads.create),
}
MOST_BYTES = 25 * 1024 * 1024
RAY = "standin-FRA"


class Rest:
    """`token`: the bot's; "" once it was reset. `requests`: every call, in the order of arrival."""

    def __init__(self, world: World, rates: Rates, faults: Faults, token: str, routes: Mapping[str, Route]) -> None:
        self.world, self.rates, self.faults, self.token = world, rates, faults, token
        self.table = {**ROUTES, **routes}
        self.requests: list[Request] = []

    def routes(self) -> list[web.RouteDef]:
        found = [web.route(one.method, f"/api/v10/{one.path}", self._door(name, one)) for name, one in self.table.items()]
        return [*found, web.route("*", "/api/{rest:.*}", self._door("unknown", Route("", "", _unknown)))]

    def _door(self, name: str, route: Route) -> Callable[[web.Request], Any]:
        async def serve(request: web.Request) -> web.StreamResponse:
            call = f"{request.method} {request.path.removeprefix('/api/v10/')}"
            seen = Request(self.world.clock.now(), name, call, dict(request.headers), dict(request.query))
            self.requests.append(seen)
            raw = await request.read()
            fault = self.faults.hit(seen)

            def work() -> web.Response:
                return self._answer(route, seen, dict(request.match_info), raw)

            return await self._spoilt(fault, work, seen, request) if fault else work()

        return serve

    def _answer(self, route: Route, seen: Request, path: dict[str, str], raw: bytes) -> web.Response:
        if self.rates.banned:
            seen.status = 429
            return web.Response(status=429, text="error code: 1015", content_type="text/plain", headers={"Retry-After": "3600"})
        bucket: Refusal | Bucket | None = None
        try:
            if route.token and seen.headers.get("Authorization", "") != f"Bot {self.token}":
                raise DiscordError(401, 0, "401: Unauthorized")
            call = _read(seen, path, raw)
            bucket = self._take(seen, call)
            if isinstance(bucket, Refusal):
                return self._limited(seen, bucket.wait / self.world.clock.speed, bucket.scope, bucket.code, bucket.bucket)
            body = route.work(self.world, call)
        except DiscordError as refusal:
            bucket = bucket if isinstance(bucket, Bucket) else None
            return self._told(seen, refusal.body(), refusal.status, {**refusal.headers, **self.rates.headers(bucket)})
        return self._told(seen, body, 204 if body is None else 200, self.rates.headers(bucket))

    def _take(self, seen: Request, call: Call) -> Refusal | Bucket | None:
        major = call.path.get("channel") or call.path.get("guild") or call.path.get("token") or ""
        old = seen.name == "messages.edit" and call.path["message"].isdigit() and self.age(call.path["message"]) > OLD
        return self.rates.take(seen.name, major, old)

    def age(self, message: str) -> float:
        return self.world.clock.now() - born(message)

    def _told(self, seen: Request, body: Any, status: int, headers: Body) -> web.Response:
        """JSON without a charset: discord.py compares the type exactly. `Via` is what it knows a real answer by."""
        seen.status, seen.error = status, int(body.get("code", 0)) if status >= 400 else 0
        self.rates.count_invalid(status, str(headers.get("X-RateLimit-Scope", "")))
        headers = {"Via": "1.1 google", "CF-RAY": RAY, **headers}
        if status == 204:
            return web.Response(status=204, headers=headers)
        headers["Content-Type"] = "application/json"
        return web.Response(status=status, body=msgspec.json.encode(body), headers=headers)

    def _limited(self, seen: Request, wait: float | None, scope: str, code: int, bucket: Bucket | None = None) -> web.Response:
        message = "The resource is being rate limited." if scope == "shared" else "You are being rate limited."
        body: Body = {"message": message, "global": scope == "global", **({"code": code} if code else {})}
        headers = {**self.rates.headers(bucket), "X-RateLimit-Scope": scope}
        headers |= {"X-RateLimit-Global": "true"} if scope == "global" else {}
        if wait is not None:
            body["retry_after"] = round(wait, 3)
            headers["Retry-After"] = str(max(1, math.ceil(wait)))
        return self._told(seen, body, 429, headers)

    async def _spoilt(
        self, fault: Fault, work: Callable[[], web.Response], seen: Request, request: web.Request
    ) -> web.StreamResponse:
        """The answer that the fault leaves."""
        if fault.kind == "slow":
            answer = work()
            await asyncio.sleep(fault.seconds)
            return answer
        done = work() if fault.keep else None
        seen.status, seen.error = 0, fault.code
        if fault.kind == "limit":
            return self._limited(seen, fault.retry_after, fault.scope, fault.code)
        if fault.kind == "error":
            return self._told(seen, {"code": fault.code, **fault.more}, fault.status, {})
        if fault.kind == "answer":
            seen.status = fault.status
            headers = {"Via": "1.1 google", "Content-Type": fault.content_type}
            return web.Response(status=fault.status, body=fault.body.encode(), headers=headers)
        if fault.kind == "cut" and done is not None and isinstance(done.body, bytes):
            return await _cut(request, done.body)
        if fault.kind == "hang":
            await asyncio.Event().wait()
        reset(request)
        return web.Response(status=499)


def _read(seen: Request, path: dict[str, str], raw: bytes) -> Call:
    if len(raw) > MOST_BYTES:
        raise DiscordError(413, 40005, "Request entity too large")
    if raw and not seen.headers.get("Content-Type", "").startswith("application/json"):
        text = "Expected \"Content-Type\" header to be one of {'application/json'}."
        raise DiscordError(400, 50035, "Invalid Form Body", {"_errors": [{"code": "CONTENT_TYPE_INVALID", "message": text}]})
    try:
        body = msgspec.json.decode(raw) if raw else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise DiscordError(400, 50109, "The request body contains invalid JSON.") from None
    items = [one for one in body if isinstance(one, dict)] if isinstance(body, list) else []
    seen.body = body if isinstance(body, dict) else {"items": items}
    return Call(seen.name, path, seen.query, body if isinstance(body, dict) else {}, items)


def _unknown(world: World, call: Call) -> Body:
    raise DiscordError(404, 0, "404: Not Found")


async def _cut(request: web.Request, body: bytes) -> web.StreamResponse:
    """Half of the body, then the end of the connection."""
    answer = web.StreamResponse(headers={"Content-Type": "application/json", "Via": "1.1 google"})
    answer.content_length = len(body)
    await answer.prepare(request)
    await answer.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return answer


def reset(request: web.Request) -> None:
    """Ends the connection as a crash does: with RST, without a word."""
    if request.transport is not None:
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
