"""Reading the body of a request: not more than is meant to come, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from adapters.source import Rejected

BODY_SECONDS = 30.0
"""How long a sender may take over its body, however it dribbles."""


async def read_body(request: web.Request, most: int, limit: str = "", held: Callable[[int], None] = lambda size: None) -> bytes:
    """The body, unpacked, of at most so many bytes. Raises Rejected: 413 as soon as it is larger, 408 when the sender dawdles.

    `limit`: what set the limit, for the answer. `held` is told of each part's bytes; what it raises ends the reading.
    """
    if (request.content_length or 0) > most:
        raise too_large(request.content_length or 0, most, limit)
    if request.content.is_eof():  # most bodies come with their head: no need for a timer
        body = await request.read()
        if len(body) > most:
            raise too_large(len(body), most, limit)
        return body
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _in_parts(request, most, limit, held)
    except TimeoutError:
        raise Rejected(408, f"the body did not arrive within {BODY_SECONDS:.0f} s") from None


async def _in_parts(request: web.Request, most: int, limit: str, held: Callable[[int], None]) -> bytes:
    parts, size = [], 0
    async for part in request.content.iter_any():
        size += len(part)
        if size > most:
            raise too_large(size, most, limit)
        held(len(part))
        parts.append(part)
    return b"".join(parts)


def too_large(size: int, most: int, limit: str) -> Rejected:
    return Rejected(413, f"the body has {size} bytes; {limit or 'the limit'} is {most}")
