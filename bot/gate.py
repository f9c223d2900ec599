"""The front door of webhooks: how much and how fast each source may send, and which source a bare API call belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web

from adapters.source import Rejected, Request, Source
from bot.config import Config

BODY_SECONDS = 30.0
"""How long a sender may take over its body."""


class Bucket(msgspec.Struct):
    """Tokens left of a rate limit, and when they were counted."""

    tokens: float
    at: float


class Gate:
    def __init__(self, config: Callable[[], Config], clock: Callable[[], float]) -> None:
        self._config, self._clock = config, clock
        self._buckets: dict[str, Bucket] = {}

    def admit(self, name: str, length: int | None) -> None:
        """Raises Rejected(413) for a body that says it is too large, Rejected(429) beyond the source's rate."""
        config = self._config().sources[name]
        if length is not None and length > config.max_body:
            raise Rejected(413, f"the body has {length} bytes; `max_body` of source {name} is {config.max_body}")
        if config.rate is not None and not self._take(name, config.rate):
            raise Rejected(429, f"more than {config.rate:g} requests a second; `rate` of source {name} allows no more")

    def _take(self, name: str, rate: float) -> bool:
        now, burst = self._clock(), max(1.0, rate)
        bucket = self._buckets.setdefault(name, Bucket(burst, now))
        bucket.tokens = min(burst, bucket.tokens + max(0.0, now - bucket.at) * rate)
        bucket.at = now
        if bucket.tokens < 1.0:
            return False
        bucket.tokens -= 1.0
        return True

    async def read(self, name: str, request: web.Request) -> bytes:
        """The body. Raises Rejected(413) once it grows too large, Rejected(408) when the sender dawdles."""
        if request.content.is_eof():  # most bodies come with their head: no need for a timer
            body = await request.read()
        else:
            body = await _in_time(request)
        limit = self._config().sources[name].max_body
        if len(body) > limit:
            raise Rejected(413, f"the body has {len(body)} bytes; `max_body` of source {name} is {limit}")
        return body

    def identify(self, head: Request, sources: Mapping[str, Source]) -> tuple[str, Source]:
        """The source whose credential this is, among those that speak the Alertmanager API. Raises Rejected(401).

        A source whose proof needs the body (hmac) cannot be found this way; it has its own address under /webhooks/.
        """
        refusals = []
        for name, config in self._config().sources.items():
            if config.type != "alertmanager":
                continue
            try:
                sources[name].verify(head, self._clock())
            except Rejected as problem:
                refusals.append(f"{name}: {problem.reason}")
            else:
                return name, sources[name]
        raise Rejected(401, "; ".join(refusals) or "no source of type alertmanager is configured")


async def _in_time(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise Rejected(408, f"the body did not arrive within {BODY_SECONDS:.0f} s") from None
