"""The short way to an answer: aiohttp makes one out of headers, anew for each request, though most get the same."""

from __future__ import annotations

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import HttpVersion11


class Brief(web.StreamResponse):
    """An empty 200 that many requests share: it keeps nothing of any of them. Only for those that `takes` is true of."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Sends it. Raises ConnectionError when nobody is there any more, as aiohttp's own answers do."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the connection is gone")
        transport.write(b"HTTP/1.1 200 OK\r\nServer: Tocsin\r\nContent-Length: 0\r\nDate: %b\r\n\r\n" % _date())
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """All is sent."""

    @property
    def prepared(self) -> bool:
        return True  # nothing can be added to it

    @property
    def keep_alive(self) -> bool | None:
        return True


def takes(request: web.BaseRequest) -> bool:
    """Whether its connection is one that stays open without a word, as HTTP/1.1 has it."""
    return request.version == HttpVersion11 and request.keep_alive


def _date() -> bytes:
    return rfc822_formatted_time().encode()
