"""Slack's requests over HTTP: proven to come from Slack, fresh, and not seen before, by code of our own ahead of slack_bolt.

slack_bolt answers a header it cannot read with 500, logs the body of what it refuses, and has no memory of what it took before.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from adapters.chats.slack.once import Once

log = structlog.get_logger()

WINDOW = 300.0
"""Seconds that a request may be old, or ahead. Slack's own rule."""
MOST_BYTES = 1024 * 1024
PATHS = ("events", "commands", "actions")

Dispatch = Callable[[AsyncBoltRequest], Awaitable[BoltResponse]]


class Forged(Exception):
    """A request that does not prove to be Slack's, now. The reason is for the log; whoever sent it learns nothing."""


class Seal:
    """Checks signatures. `secret`: the app's signing secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def check(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """The signature, if it is right. `now`: seconds since the epoch. Raises Forged."""
        at, given = headers.get("X-Slack-Request-Timestamp", ""), headers.get("X-Slack-Signature", "")
        if not (at.isascii() and at.isdecimal() and len(at) <= 12):
            raise Forged("no readable timestamp")
        if abs(now - int(at)) > WINDOW:
            raise Forged("too old, or the clock of this machine is wrong")
        wanted = "v0=" + hmac.new(self._secret, b"v0:" + at.encode() + b":" + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace")):
            raise Forged("wrong signature: is signing_secret that of this app?")
        return given


class Http:
    """POST /slack/{name}/events, commands and actions, which all do the same: Slack wants an address for each."""

    def __init__(self, name: str, secret: str, now: Callable[[], float], dispatch: Dispatch) -> None:
        self._name, self._seal, self._now, self._dispatch = name, Seal(secret), now, dispatch
        self._seen = Once()
        self.closed = False

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        return [web.post(f"/slack/{self._name}/{path}", self._handle) for path in PATHS]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self.closed:
            return web.Response(status=503, text="stopping", headers={"Retry-After": "5"})
        body = await _read(request)
        if body is None:
            return web.Response(status=413, text="too large")
        try:
            signature = self._seal.check(request.headers, body, self._now())
        except Forged as problem:
            log.warning("slack_request_refused", chat=self._name, reason=str(problem), remote=request.remote)
            return web.Response(status=401, text="unauthorized")
        try:
            asked = AsyncBoltRequest(body=body.decode(), headers={"content-type": request.headers.get("Content-Type", "")})
        except (ValueError, RecursionError, AttributeError, TypeError, KeyError):  # what slack_bolt cannot take apart
            return web.Response(status=400, text="unreadable")
        return await to_aiohttp_response(await self._seen.answer(signature, partial(self._dispatch, asked)))


async def _read(request: web.Request) -> bytes | None:
    """The raw body; None if it is larger than anything that Slack sends."""
    if (request.content_length or 0) > MOST_BYTES:
        return None
    parts, size = [], 0
    async for part in request.content.iter_chunked(65536):
        size += len(part)
        if size > MOST_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)
