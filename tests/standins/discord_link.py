"""One connection to the stand-in Discord's gateway, and the session that it carries."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

import msgspec
from aiohttp import web

from tests.standins.discord_rest import reset
from tests.standins.discord_state import Body

PRIVILEGED = {"members": 1 << 1, "presences": 1 << 8, "message_content": 1 << 15}
_INTENTS = {
    "GUILD_MEMBER": 1 << 1, "MESSAGE": 1 << 9 | 1 << 12, "INTERACTION": 0, "GUILD": 1 << 0, "CHANNEL": 1 << 0, "THREAD": 1 << 0,
}  # fmt: skip


class Link:
    """A socket. What is sent goes through a queue, so that events may come from code that waits for nothing.

    `stale`: half-open, it neither hears nor says anything. `sends`: the times of the client's frames.
    """

    def __init__(self, request: web.Request, socket: web.WebSocketResponse, compress: bool) -> None:
        self.request, self.socket = request, socket
        self.stale, self.acks = False, True
        self.session: Session | None = None
        self.sends: list[float] = []
        self.closed_with = 0
        """The code that this side closed with; 0: it did not."""
        self._zlib = zlib.compressobj() if compress else None
        self._queue: asyncio.Queue[Body] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write())

    def tell(self, op: int, d: Any = None, **more: Any) -> None:
        self._queue.put_nowait({"op": op, "d": d, "s": None, "t": None, **more})

    async def close(self, code: int) -> None:
        """Closes with a close frame. The socket's own close() would race the one of its handler, and another code win."""
        self.closed_with = self.closed_with or code
        writer = self.socket._writer
        if writer is not None and not self.socket.closed:
            await self._queue_empty()
            try:
                await writer.close(code, b"")
            except ConnectionError:
                self.drop()

    def drop(self) -> None:
        """The transport breaks without a close frame."""
        self._writer.cancel()
        reset(self.request)

    def end(self) -> None:
        self._writer.cancel()

    @property
    def alive(self) -> bool:
        return self.request.transport is not None and not self.request.transport.is_closing()

    async def _queue_empty(self) -> None:
        while not self._queue.empty() and not self.stale and self.alive and not self._writer.done():  # noqa: ASYNC110  # the same
            await asyncio.sleep(0)

    async def _write(self) -> None:
        while True:
            message = await self._queue.get()
            while self.stale:  # noqa: ASYNC110  # a test sets it, nothing tells of that
                await asyncio.sleep(0.02)
            raw = msgspec.json.encode(message)
            try:
                if self._zlib is None:
                    await self.socket.send_str(raw.decode())
                else:
                    await self.socket.send_bytes(self._zlib.compress(raw) + self._zlib.flush(zlib.Z_SYNC_FLUSH))
            except ConnectionError:
                return


class Session:
    """`events`: all that was dispatched, numbered from 1. `left`: clock seconds when its link broke; `dead`: cannot resume."""

    def __init__(self, session_id: str, intents: int) -> None:
        self.id, self.intents = session_id, intents
        self.events: list[tuple[str, Body]] = []
        self.link: Link | None = None
        self.left, self.dead = 0.0, False
        self.resumed = 0

    @property
    def live(self) -> bool:
        return self.link is not None and not self.dead

    def dispatch(self, event: str, body: Any) -> None:
        """Sends it, or keeps it for a resume; what the intents leave out never comes."""
        if self.dead or not wants(self.intents, event):
            return
        self.events.append((event, body))
        if self.link:
            self.link.tell(0, body, s=len(self.events), t=event)

    def replay(self, link: Link, seq: int) -> None:
        self.link = link
        for number, (event, body) in enumerate(self.events[seq:], seq + 1):
            link.tell(0, body, s=number, t=event)
        self.resumed += 1
        self.dispatch("RESUMED", {"_trace": ["standin"]})


def wants(intents: int, event: str) -> bool:
    if event in ("READY", "RESUMED") or event.startswith("GUILD_MEMBERS_CHUNK"):
        return True
    needed = next((bits for name, bits in _INTENTS.items() if event.startswith(name)), 0)
    return not needed or bool(intents & needed)
