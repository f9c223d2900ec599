"""Connections: how many there may be, and how long one may take over what others do in milliseconds.

aiohttp hangs up on a connection that is silent between two requests; this is about the rest: a head that dribbles, an answer that
nobody reads, one address that opens hundreds.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, Iterable
from ssl import SSLContext
from typing import cast

import structlog
from aiohttp import web

log = structlog.get_logger()

HEAD_SECONDS = 10.0
"""From the connection to the end of its first head."""

ANSWER_SECONDS = 30.0
"""How long an answer may lie unread before the connection is given up."""

HANDSHAKE_SECONDS = 10.0
MOST_CONNECTIONS = 4096
SHARE = 4
"""One address may have this part of all; a trusted proxy, who brings the connections of many, all."""

FILES_LEFT = 200
"""Open files that are kept for the database and for calls to chats."""


class Door:
    """Makes the protocol of each new connection. `server` is aiohttp's; `is_proxy` knows the addresses of trusted proxies."""

    def __init__(self, server: web.Server, is_proxy: Callable[[str], bool], most: int = MOST_CONNECTIONS) -> None:
        self._server, self._is_proxy, self.most = server, is_proxy, most
        self._guests: dict[str, set[Guest]] = {}
        self._count = 0

    def __call__(self) -> Guest:
        return Guest(self, self._server())

    def enter(self, guest: Guest) -> None:
        """Beyond a limit, the connection goes that was silent longest: nobody can keep others out by doing nothing."""
        mine = self._guests.setdefault(guest.address, set())
        mine.add(guest)
        self._count += 1
        if len(mine) * SHARE > self.most and not self._is_proxy(guest.address):
            self._send_away(mine)
        if self._count > self.most:
            self._send_away(one for guests in self._guests.values() for one in guests)

    def _send_away(self, guests: Iterable[Guest]) -> None:
        quietest = min(guests, key=lambda guest: guest.heard_at)
        log.warning("connection_dropped", remote=quietest.address, connections=self._count)
        self.leave(quietest)
        quietest.abort()

    def leave(self, guest: Guest) -> None:
        mine = self._guests.get(guest.address, set())
        if guest not in mine:
            return
        mine.remove(guest)
        self._count -= 1
        if not mine:
            del self._guests[guest.address]


class Guest(asyncio.Protocol):
    """One connection, seen from outside: passes everything on to aiohttp and keeps the time."""

    def __init__(self, door: Door, inner: asyncio.Protocol) -> None:
        self._door, self._inner = door, inner
        self._loop = asyncio.get_running_loop()
        self._head: bytes | None = b""  # the last bytes of the first head; None: it is complete
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self.address, self.heard_at = "", 0.0

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by class
        self.heard_at = self._loop.time()
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        self._timer = self._loop.call_later(HEAD_SECONDS, self.abort)
        self._inner.connection_made(transport)
        self._door.enter(self)

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        if self._head is not None:
            seen = self._head + data
            self._head = None if b"\n\r\n" in seen or b"\n\n" in seen else seen[-3:]
            if self._head is None and self._timer:
                self._timer.cancel()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._unread = self._loop.call_later(ANSWER_SECONDS, self.abort)
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._unread:
            self._unread.cancel()
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._timer, self._unread):
            if timer:
                timer.cancel()
        self._door.leave(self)
        self._inner.connection_lost(exc)


class Site(web.BaseSite):
    """Where connections come in. `tls` None: plain HTTP."""

    def __init__(
        self, runner: web.AppRunner, host: str, port: int, tls: SSLContext | None, is_proxy: Callable[[str], bool]
    ) -> None:
        super().__init__(runner, ssl_context=tls)
        self._host, self._port, self._is_proxy = host, port, is_proxy

    @property
    def name(self) -> str:
        return f"{'https' if self._ssl_context else 'http'}://{self._host}:{self._port}"

    async def start(self) -> None:
        """Raises OSError when it cannot listen."""
        await super().start()
        server = self._runner.server
        assert server is not None  # there is one after setup()
        self._server = await asyncio.get_running_loop().create_server(
            Door(server, self._is_proxy, most_connections()), self._host, self._port, ssl=self._ssl_context, backlog=1024,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if self._ssl_context else None,
        )  # fmt: skip


def most_connections() -> int:
    """As many as there may be open files, after having asked for more of those."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + FILES_LEFT
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, max(64, soft - FILES_LEFT))
