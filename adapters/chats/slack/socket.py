"""Socket Mode: connections that Tocsin opens to Slack, supervised here instead of by the SDK.

slack_sdk's own client never gives up a ticket that was refused once, asks for 500 tickets a second when every new connection is
closed at once, and closes the old connection before it has the new one. So each connection is opened once here, with a fresh
ticket, read to its end, and replaced; a pause that grows while that leads nowhere is shared by all connections of a chat.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import aiohttp
import structlog

from adapters.chat import DeliveryError
from adapters.chats.slack.client import Client
from adapters.proxy import proxy_of
from adapters.work import Work

log = structlog.get_logger()

CONNECTIONS = 2
"""So that one is there while the other is replaced. Slack allows 10 for an app, over all replicas."""
REPLACED = frozenset({"warning", "refresh_requested"})
BIGGEST = 16 * 1024 * 1024


class Waits(NamedTuple):
    """How long it waits for what, in seconds. With these it is back within 10 s of the end of any outage."""

    opening: float = 5.0  # for a ticket, for a handshake, and for the hello that follows
    heartbeat: float = 5.0  # between pings; half of that until the answer is missed
    longest_pause: float = 6.0  # between two tries
    settled: float = 5.0  # until a connection counts as one that works; 1 s, where Slack itself asks for another
    linger: float = 3.0  # while a connection that is being replaced is still read and answered on: what Slack gives for an answer


WAITS = Waits()

Envelope = Mapping[str, Any]
Answer = Callable[[Envelope], Awaitable[Mapping[str, Any] | None]]
"""What to send back for an envelope; None: nothing, so that Slack sends it again."""


class Pace:
    """When the next ticket may be asked for: at once, then later and later while connections do not last."""

    def __init__(self, longest: float = WAITS.longest_pause) -> None:
        self._longest, self._failures = longest, 0
        self._next = 0.0
        self._turn = asyncio.Lock()

    async def turn(self) -> None:
        """Returns when it is the caller's turn."""
        loop = asyncio.get_running_loop()
        async with self._turn:
            while True:
                left = self._next - loop.time()
                if left <= 0:
                    break
                await asyncio.sleep(left)
            self._next = loop.time() + 0.1

    def worked(self) -> None:
        self._failures = 0

    def failed(self, wait: float | None = None) -> float:
        """The pause until the next try, in seconds. `wait`: what Slack asks for."""
        self._failures += 1
        grown = 0.25 * 2.0 ** min(self._failures, 10)
        pause = max(min(self._longest, grown) * random.uniform(0.7, 1.0), wait or 0.0)
        self._next = max(self._next, asyncio.get_running_loop().time() + pause)
        return pause


class Refused(Exception):
    """A connection that did not come about. The text holds no ticket."""


class Socket:
    """One place for a connection. `opened` is set while it has one."""

    def __init__(self, tickets: Client, pace: Pace, answer: Answer, work: Work, waits: Waits) -> None:
        self._tickets, self._pace, self._answer, self._work, self._waits = tickets, pace, answer, work, waits
        self.opened = asyncio.Event()
        self.trouble = ""

    async def run(self) -> None:
        """Keeps connected until cancelled; raises nothing."""
        async with aiohttp.ClientSession() as session:
            while True:
                await self._pace.turn()
                await self._once(session)

    async def _once(self, session: aiohttp.ClientSession) -> None:
        loop = asyncio.get_running_loop()
        began, wait, end = loop.time(), None, ""
        try:
            end = await self._live(session)
        except DeliveryError as problem:
            end, wait = problem.reason, problem.retry_after
        except Refused as problem:
            end = str(problem)
        except Exception as problem:  # whatever it was, the way on is another connection; the log has it
            log.exception("slack_socket_fault")
            end = type(problem).__name__
        finally:
            self.opened.clear()
        lived = loop.time() - began
        if lived >= (1.0 if end in REPLACED else self._waits.settled):
            self._pace.worked()
            log.info("slack_socket_replaced", reason=end, lived=round(lived))
        else:
            self.trouble = end
            log.warning("slack_socket_failed", reason=end, again_in=round(self._pace.failed(wait), 1))

    async def _live(self, session: aiohttp.ClientSession) -> str:
        """One connection from its ticket to its end; why it ended. Raises Refused, DeliveryError."""
        ws = await self._open(session)
        try:
            end = await self._read(ws)
        except BaseException:
            await self._work.finish(self._waits.linger)  # what arrived is answered before the connection goes
            await ws.close()
            raise
        if end in REPLACED:
            self._work.start("the last of a connection", self._leave(ws))
        else:
            await ws.close()
        return end

    async def _open(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        try:
            async with asyncio.timeout(self._waits.opening):
                answer = await self._tickets.call("apps.connections.open")
        except TimeoutError:
            raise Refused(f"no ticket within {self._waits.opening:.0f} s") from None
        url = answer.get("url")
        if not isinstance(url, str):
            raise Refused("apps.connections.open gave no address")
        proxy = proxy_of(url)
        try:
            async with asyncio.timeout(self._waits.opening):
                return await session.ws_connect(url, heartbeat=self._waits.heartbeat, proxy=proxy, max_msg_size=BIGGEST)
        except aiohttp.WSServerHandshakeError as problem:
            raise Refused(f"the ticket was refused with HTTP {problem.status}") from None
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as problem:
            raise Refused(f"no connection: {type(problem).__name__}") from None

    async def _read(self, ws: aiohttp.ClientWebSocketResponse) -> str:
        """Reads until Slack or the network ends it; the reason."""
        while True:
            hello = None if self.opened.is_set() else self._waits.opening
            try:
                message = await ws.receive(timeout=hello)
            except TimeoutError:
                return "no hello"
            if message.type != aiohttp.WSMsgType.TEXT:
                if message.type == aiohttp.WSMsgType.BINARY:
                    continue
                return f"closed ({ws.close_code})"
            envelope = _envelope(message.data)
            if envelope.get("type") == "disconnect":
                return str(envelope.get("reason"))
            if envelope.get("type") == "hello":
                self.opened.set()
                self.trouble = ""
            elif "envelope_id" in envelope:
                self._work.start(f"envelope {envelope.get('type')}", self._reply(ws, envelope))

    async def _reply(self, ws: aiohttp.ClientWebSocketResponse, envelope: Envelope) -> None:
        answer = await self._answer(envelope)
        if answer is None:
            return
        try:
            await ws.send_str(json.dumps({"envelope_id": envelope["envelope_id"], **answer}))
        except (ConnectionError, RuntimeError) as problem:  # Slack sends it again, and gets the same answer without a second run
            log.info("slack_answer_not_sent", reason=type(problem).__name__)

    async def _leave(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """Lets what is under way on a connection end while the next one takes over."""
        try:
            async with asyncio.timeout(self._waits.linger):
                while not (await self._read(ws)).startswith("closed"):
                    pass
        except TimeoutError:
            pass  # that long it was read
        finally:
            await ws.close()


def _envelope(text: str) -> Envelope:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        log.warning("slack_envelope_unreadable", size=len(text))
        return {}
    return found


class Sockets:
    """All connections of a chat."""

    def __init__(self, tickets: Client, answer: Answer, waits: Waits = WAITS) -> None:
        self._tickets, self._answer, self._waits = tickets, answer, waits
        self._sockets: list[Socket] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def count(self) -> int:
        """How many connections there are now."""
        return sum(socket.opened.is_set() for socket in self._sockets)

    @property
    def trouble(self) -> str:
        """Why there is no connection, or empty."""
        return "" if self.count else next((socket.trouble for socket in self._sockets if socket.trouble), "")

    async def start(self) -> None:
        """Starts to connect; returns with the first connection, or after the time that one should take to open."""
        self._tickets.open()
        pace = Pace(self._waits.longest_pause)
        self._sockets = [Socket(self._tickets, pace, self._answer, Work(), self._waits) for _ in range(CONNECTIONS)]
        self._tasks = [asyncio.create_task(socket.run(), name="slack-socket") for socket in self._sockets]
        opened = [asyncio.create_task(socket.opened.wait()) for socket in self._sockets]
        try:
            await asyncio.wait(opened, timeout=self._waits.opening, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in opened:
                waiting.cancel()

    async def stop(self) -> None:
        """Takes nothing more; what arrived is answered first."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._tickets.close()
