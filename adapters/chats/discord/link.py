"""One try at Discord's gateway, from the login to the end of the session, by a discord.py client of its own.

Facts of discord.py 2.7 that this file answers: a client that was closed cannot be started again; it resumes a session without any
pause, as often as the gateway drops it; it waits for ever for a session that does not come; it calls a link alive until nothing
came for a minute; its `close` says 4000 where it means goodbye, so that the bot looks online for minutes, does not end `start`
while that pauses, and leaves threads behind if it comes while a link is being opened.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import discord
import msgspec
import structlog
from discord.gateway import KeepAliveHandler

from adapters.chats.discord.pace import Waits

log = structlog.get_logger()

Frame = str | bytes


class Heard(msgspec.Struct, frozen=True):
    """Who is told what. `session`: a new session, by the id of the app; `identified`: one is being asked for."""

    identified: Callable[[], None]
    session: Callable[[str], None]
    frame: Callable[[Frame], None]
    interaction: Callable[[discord.Interaction[Any]], None]


class Link:
    """`opened` is set while there is a session over an open connection; `lived`: how long the last one was open, in seconds."""

    def __init__(self, heard: Heard, members: bool, proxy: str | None, waits: Waits) -> None:
        """`members`: whether to ask for the intent that tells who comes and goes, which Discord may refuse."""
        self._waits, self._heard = waits, heard
        self.opened = asyncio.Event()
        self.lived = 0.0
        self._loop = asyncio.get_running_loop()
        self._since = self._last_frame = self._loop.time()
        self._logged_in = self._asked = False
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._handshake: aiohttp.ClientResponse | None = None
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._answered)
        self._client = _Client(self, heard, members, proxy, trace)

    async def run(self, token: str) -> str:
        """Opens the link and keeps it until it ends; why it ended. Raises what discord.py does, TimeoutError for a slow login."""
        living = asyncio.create_task(self._live(token), name="discord-link")
        watching = asyncio.create_task(self._watch(), name="discord-watch")
        ends: set[asyncio.Future[Any]] = {living, watching, self._ended}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if living.done():
                await living
                return "the gateway closed the session"
            return self._ended.result() if self._ended.done() else watching.result()
        finally:
            if self.opened.is_set():
                self._down()
            await self._leave(living, watching)

    @property
    def bypassed(self) -> bool:
        """Whether the app has an address to which Discord sends what people do, instead of here."""
        return bool(self._client.application and self._client.application.interactions_endpoint_url)

    async def _live(self, token: str) -> None:
        async with asyncio.timeout(self._waits.opening):
            await self._client.login(token)
        self._logged_in, self._since = True, self._loop.time()
        await self._client.connect(reconnect=False)

    async def _answered(self, session: object, context: object, told: aiohttp.TraceRequestEndParams) -> None:
        """Of each answer over HTTP; keeps that which became the link."""
        if told.response.status == 101:
            self._handshake = told.response

    def up(self) -> None:
        self._since = self._last_frame = self._loop.time()
        self._asked = False
        self.opened.set()

    def dropped(self) -> None:
        """The gateway dropped the connection, and discord.py resumes. Once, and if there was something to resume: else the next
        try begins afresh, when it is due."""
        was_open = self.opened.is_set()
        if was_open:
            self._down()
        resumes = was_open and self.lived >= self._waits.settled
        if not (resumes or self._client.is_closed() or self._ended.done()):  # a closed client has a reason of its own to tell
            self._ended.set_result("the gateway dropped the connection")

    def frame(self, frame: Frame) -> None:
        self._last_frame, self._asked = self._loop.time(), False
        self._heard.frame(frame)

    def _down(self) -> None:
        now = self._loop.time()
        self.lived, self._since = now - self._since, now
        self.opened.clear()

    async def _watch(self) -> str:
        """Ends with the reason when the link is dead though nobody said so."""
        while True:
            await asyncio.sleep(min(self._waits.opening, self._waits.heartbeat) / 8)
            now = self._loop.time()
            if not self.opened.is_set():
                if now - self._since > self._waits.opening and self._logged_in:
                    return "the gateway opened no session"
            elif self._asked and now - self._last_frame > 2 * self._waits.heartbeat:
                return "the gateway says nothing more"
            elif not self._asked and now - self._last_frame > self._waits.heartbeat:
                self._asked = True
                await self._ask()

    async def _ask(self) -> None:
        """A heartbeat out of turn: Discord answers each."""
        ws = self._client.ws
        over = (OSError, RuntimeError, aiohttp.ClientError, discord.ConnectionClosed)
        with suppress(TimeoutError, *over):  # who reads the link tells of its end
            async with asyncio.timeout(self._waits.closing):
                await ws.send_heartbeat({"op": ws.HEARTBEAT, "d": ws.sequence})

    async def _leave(self, *tasks: asyncio.Task[Any]) -> None:
        """Ends the session with the code that Discord understands as goodbye, and everything of discord.py with it."""
        for task in tasks:  # first: who still reads would close with another code
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        client, self._client.link = self._client, None
        try:
            async with asyncio.timeout(self._waits.closing):
                if client.ws is not None and client.ws.open:
                    await client.ws.close(code=1000)
                await client.close()
        except TimeoutError:
            log.info("discord_goodbye_unheard")
            await client.http.close()
        if self._handshake:  # discord.py forgets it if it ends before there is a session
            self._handshake.close()
        await self._end_threads()

    async def _end_threads(self) -> None:
        """discord.py's heartbeats: a thread each, which it forgets if a link ends while it is being opened."""
        state = self._client._connection  # nothing public names the client of such a thread
        mine = [one for one in threading.enumerate() if isinstance(one, KeepAliveHandler) and one.ws._connection is state]
        end = self._loop.time() + self._waits.closing
        for thread in mine:
            thread.stop()
            while thread.is_alive() and self._loop.time() < end:  # noqa: ASYNC110  # a thread tells no loop that it ended
                await asyncio.sleep(0.005)


class _Client(discord.Client):
    """discord.py, without its caches, and with its events told to a Link."""

    def __init__(self, link: Link, heard: Heard, members: bool, proxy: str | None, trace: aiohttp.TraceConfig) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True, members=members), member_cache_flags=discord.MemberCacheFlags.none(),
            max_messages=None, chunk_guilds_at_startup=False, guild_ready_timeout=0.0, enable_debug_events=True,
            allowed_mentions=discord.AllowedMentions.none(), max_ratelimit_timeout=30.0, proxy=proxy,
            http_trace=trace,
        )  # fmt: skip
        self.link: Link | None = link
        self._heard = heard

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        self._heard.identified()

    async def on_connect(self) -> None:
        if self.link:
            self.link.up()
            self._heard.session(str(self.application_id or ""))

    async def on_resumed(self) -> None:
        if self.link:
            self.link.up()

    async def on_disconnect(self) -> None:
        if self.link:
            self.link.dropped()

    async def on_socket_raw_receive(self, frame: Frame) -> None:
        if self.link:
            self.link.frame(frame)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        self._heard.interaction(interaction)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        log.exception("discord_event_failed", about=event_method)
