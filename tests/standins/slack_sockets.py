"""Socket Mode of the stand-in Slack: tickets, links, envelopes and their acknowledgements, and every way a link ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import WSMessage, WSMsgType, web

from tests.standins.slack_call import Call
from tests.standins.slack_courier import Answer, Delivery
from tests.standins.slack_state import Body, Workspace
from tests.standins.slack_web import Method, reset

MOST_LINKS = 10


class Link:
    """One connection. `stale`: it answers nothing any more. `draining`: it gets no new payloads, for it will be closed."""

    def __init__(self, number: int, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.number, self.socket, self.request = number, socket, request
        self.stale = self.draining = False
        self.sent = 0

    async def tell(self, message: Body) -> None:
        if not self.stale and not self.socket.closed:
            await self.socket.send_str(msgspec.json.encode(message).decode())

    async def close(self, code: int = 1000) -> None:
        # The public close() would wait for the reader's receive(), which answers with a code of its own.
        writer = self.socket._writer
        if writer is not None and not self.socket.closed:
            with suppress(ConnectionError):  # the other side was faster
                await writer.close(code, b"")

    def drop(self) -> None:
        reset(self.request)

    @property
    def alive(self) -> bool:
        return self.request.transport is not None and not self.request.transport.is_closing()


class Sockets:
    """The links of the app. Attributes and methods are for tests to break things with."""

    def __init__(self, workspace: Workspace, seed: int = 0) -> None:
        self.workspace = workspace
        self.links: list[Link] = []
        self.opened = 0
        """How many handshakes succeeded."""
        self.handshakes: list[int] = []
        """What each was answered: 101, or an HTTP status."""
        self.ack_within = 3.0
        self.any_link_acks = True
        """Whether an acknowledgement over another link counts. Not known of the real one."""
        self.used_tickets_work = False
        self.storming = False
        """From now on every new link is closed at once."""
        self.late_acks: list[str] = []
        self._refusals: list[int] = []
        self._refuse_all = 0
        self._tickets: dict[str, bool] = {}
        self._waiting: dict[str, tuple[Link, asyncio.Future[Any]]] = {}
        self._dice = random.Random(seed)

    def methods(self) -> dict[str, Method]:
        return {"apps.connections.open": Method(self._open, 3, ("connections:write",), True, "app")}

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/link", self._link, allow_head=False)]

    async def send(self, delivery: Delivery) -> Answer:
        """To any one of the links."""
        ready = [link for link in self.links if not link.draining]
        if not ready:
            return Answer("no_connection")
        link = self._dice.choice(ready)
        link.sent += 1
        envelope = self.workspace.new_id("env-")
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[envelope] = (link, waiting)
        try:
            await link.tell(_envelope(envelope, delivery))
            return Answer(body=await asyncio.wait_for(waiting, self.ack_within))
        except (TimeoutError, ConnectionError):
            return Answer("timeout")
        finally:
            del self._waiting[envelope]

    def refuse(self, status: int = 503, times: int = 0) -> None:
        """The next handshakes get this status; with `times` 0 all, until `accept`."""
        self._refusals = [status] * times
        self._refuse_all = 0 if times else status

    def accept(self) -> None:
        """Ends refusals and storms."""
        self._refusals, self._refuse_all, self.storming = [], 0, False

    async def disconnect(
        self, reason: str = "refresh_requested", close_after: float | None = 10.0, link: Link | None = None
    ) -> None:
        """Says so, on all links or one; closes them `close_after` seconds of the stand-in's clock later (None: never)."""
        for one in [link] if link else list(self.links):
            one.draining = reason != "warning"
            await one.tell({"type": "disconnect", "reason": reason, "debug_info": {"host": "standin"}})
            if close_after is not None:
                pause = close_after / self.workspace.clock.speed
                self._later(pause, one)

    def _later(self, pause: float, link: Link) -> None:
        asyncio.get_running_loop().call_later(pause, lambda: asyncio.ensure_future(link.close()))

    async def close(self, code: int = 1000) -> None:
        for link in list(self.links):
            await link.close(code)

    def drop(self) -> None:
        """All links break without a close frame."""
        for link in list(self.links):
            link.drop()

    def freeze(self, links: Iterable[Link] | None = None) -> None:
        """Half-open: from now on these links, or all, answer nothing, not even pings, and deliver nothing."""
        for link in self.links if links is None else links:
            link.stale = True

    def thaw(self) -> None:
        """They answer again, also what came meanwhile."""
        for link in self.links:
            link.stale = False

    def _open(self, work: Workspace, call: Call) -> Body:
        ticket = self.workspace.new_id("ticket")
        self._tickets[ticket] = False
        return {"url": f"{call.url.replace('http', 'ws', 1)}/link?ticket={ticket}&app_id={work.app}"}

    async def _link(self, request: web.Request) -> web.StreamResponse:
        status = self._refusal(request.query.get("ticket", ""))
        self.handshakes.append(status or 101)
        if status:
            return web.Response(status=status, text="no")
        socket = web.WebSocketResponse(autoping=False, autoclose=False)
        await socket.prepare(request)
        self.opened += 1
        link = Link(self.opened, socket, request)
        if self.storming:
            await socket.close()
        elif len(self.links) >= MOST_LINKS:
            await link.tell({"type": "disconnect", "reason": "too_many_websockets", "debug_info": {"host": "standin"}})
            await socket.close()
        else:
            await self._serve(link)
        return socket

    async def _serve(self, link: Link) -> None:
        self.links.append(link)
        try:
            await link.tell(_hello(self.workspace.app, len(self.links)))
            self.workspace.changed()
            while link.alive and not link.socket.closed:
                message = await link.socket.receive()
                while link.stale and link.alive:  # noqa: ASYNC110  # no event tells of a transport that closes
                    await asyncio.sleep(0.02)
                await self._read(link, message)
        finally:
            self.links.remove(link)
            self.workspace.changed()

    async def _read(self, link: Link, message: WSMessage) -> None:
        if message.type == WSMsgType.PING:
            await link.socket.pong(message.data)
        elif message.type == WSMsgType.TEXT:
            ack = msgspec.json.decode(message.data)
            self._acked(link, str(ack.get("envelope_id")), ack.get("payload"))
        else:
            await link.socket.close()

    def _acked(self, link: Link, envelope: str, payload: Any) -> None:
        sender, waiting = self._waiting.get(envelope, (link, None))
        if waiting is None or waiting.done():
            self.late_acks.append(envelope)
        elif sender is link or self.any_link_acks:
            waiting.set_result(payload)

    def _refusal(self, ticket: str) -> int:
        """The status that a handshake gets instead of a link, or 0."""
        used = self._tickets.get(ticket, True)
        self._tickets[ticket] = True
        if self._refusals:
            return self._refusals.pop(0)
        return self._refuse_all or (403 if used and not self.used_tickets_work else 0)


def _hello(app: str, count: int) -> Body:
    debug = {"host": "standin", "build_number": 1, "approximate_connection_time": 18060}
    return {"type": "hello", "num_connections": count, "connection_info": {"app_id": app}, "debug_info": debug}


def _envelope(envelope: str, delivery: Delivery) -> Body:
    body: Body = {
        "envelope_id": envelope, "type": delivery.kind, "payload": delivery.payload,
        "accepts_response_payload": delivery.kind != "events_api",
    }  # fmt: skip
    if delivery.kind == "events_api":
        reason = delivery.attempts[-1].problem if delivery.attempts else ""
        body |= {"retry_attempt": len(delivery.attempts), "retry_reason": "timeout" if reason else ""}
    return body
