"""The gateway of the stand-in Discord: sessions that are opened, kept by heartbeats, resumed, and broken by tests."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from tests.standins import discord_shapes as shapes
from tests.standins.discord_call import Call
from tests.standins.discord_link import PRIVILEGED, Link, Session
from tests.standins.discord_lookup import app_flags
from tests.standins.discord_rest import Rest
from tests.standins.discord_state import Body, World

MOST_BYTES, MOST_SENDS = 4096, 120


class Gateway:
    """`sessions`: all there ever were; `links`: open ones; `closes`: codes that clients closed with, 0 for none.

    `handshakes`: the status of each, 101 if it was let in. `identifies`, `resumes`: clock seconds of each.
    """

    def __init__(self, world: World, rest: Rest) -> None:
        self.world, self.rest = world, rest
        self.url = ""
        self.links: list[Link] = []
        self.sessions: list[Session] = []
        self.handshakes: list[int] = []
        self.identifies: list[float] = []
        self.resumes: list[float] = []
        self.heartbeats = 0
        self.closes: list[int] = []
        # How it behaves; tests change it.
        self.compress = True
        """Whether frames are compressed for who asks for zlib-stream; else they are plain text."""
        self.heartbeat_interval = 41.25
        """Real seconds. Without a heartbeat for twice as long a link is closed."""
        self.session_life = 180.0
        """Clock seconds that a broken session can be resumed: "a few minutes", a guess."""
        self.daily, self.max_concurrency = 1000, 1
        self.concurrency_window = 5.0
        """Clock seconds; only while `rates` are on."""
        # What goes wrong; `recover` ends it all.
        self._refuse, self._refusals = 0, list[int]()
        self._close_new, self._silent, self._invalid = 0, False, list[bool]()

    def calls(self, world: World, call: Call) -> Body:
        return {"url": self.url}

    def bot_calls(self, world: World, call: Call) -> Body:
        left = max(0, self.daily - len(self._today()))
        limit = {"total": self.daily, "remaining": left, "reset_after": 14_400_000, "max_concurrency": self.max_concurrency}
        return {"url": self.url, "shards": 1, "session_start_limit": limit}

    @property
    def live(self) -> list[Session]:
        return [session for session in self.sessions if session.live]

    @property
    def online(self) -> bool:
        """Whether people see the bot as online: also for a while after it went without closing its session (1000 or 1001)."""
        since = self.world.clock.now() - self.session_life
        return any(not one.dead and (one.link or one.left > since) for one in self.sessions)

    def emit(self, event: str, body: Body) -> None:
        """To every session, if the bot is in the guild."""
        for session in self.sessions:
            session.dispatch(event, body)

    # Outages

    def refuse(self, status: int = 503, times: int = 0) -> None:
        """The next handshakes get this status; with `times` 0 all, until `recover`."""
        self._refusals = [status] * times
        self._refuse = 0 if times else status

    def close_new(self, code: int = 4000) -> None:
        """Every new link is accepted and closed at once with this code."""
        self._close_new = code

    def mute(self) -> None:
        """Every new link is accepted and hears nothing, not even hello."""
        self._silent = True

    def invalidate_next(self, resumable: bool = False, times: int = 1) -> None:
        """The next identifies and resumes are answered with op 9."""
        self._invalid = [resumable] * times

    def recover(self) -> None:
        """Ends every outage that was scripted; links that are frozen stay so."""
        self._refuse, self._refusals, self._close_new, self._silent, self._invalid = 0, [], 0, False, []

    async def close(self, code: int = 4000) -> None:
        """Closes all links with this code."""
        for link in list(self.links):
            await link.close(code)

    def drop(self, forget: bool = False) -> None:
        """All links break without a close frame; with `forget` their sessions cannot be resumed."""
        for link in list(self.links):
            if forget and link.session:
                link.session.dead = True
            link.drop()

    def freeze(self) -> None:
        """Half-open: the present links neither hear nor say anything from now on. New ones work."""
        for link in self.links:
            link.stale = True

    def thaw(self) -> None:
        for link in self.links:
            link.stale = False

    def withhold_acks(self) -> None:
        """The present links get events, but no acknowledgement of heartbeats."""
        for link in self.links:
            link.acks = False

    def ask(self) -> None:
        """Op 1: clients should send a heartbeat at once."""
        for link in self.links:
            link.tell(1)

    def reconnect(self) -> None:
        """Op 7: clients should reconnect and resume."""
        for link in self.links:
            link.tell(7)

    def invalidate(self, resumable: bool = False) -> None:
        """Op 9 to everybody."""
        for link in self.links:
            if link.session and not resumable:
                link.session.dead = True
            link.tell(9, resumable)

    # Serving

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/gateway{rest:.*}", self._serve, allow_head=False)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        status = self._refusals.pop(0) if self._refusals else self._refuse
        self.handshakes.append(status or 101)
        if status:
            return web.Response(status=status, text="no", headers={"Retry-After": "1"} if status == 429 else {})
        socket = web.WebSocketResponse(autoping=True, autoclose=False)
        await socket.prepare(request)
        link = Link(request, socket, self.compress and request.query.get("compress") == "zlib-stream")
        self.links.append(link)
        self.world.changed()
        try:
            await self._greet(link, request)
            await self._listen(link)
        finally:
            self._gone(link)
        return socket

    async def _greet(self, link: Link, request: web.Request) -> None:
        if self._silent:
            link.stale = True
        elif self._close_new:
            await link.close(self._close_new)
        elif request.query.get("v", "10") != "10":
            await link.close(4012)
        else:
            link.tell(10, {"heartbeat_interval": int(self.heartbeat_interval * 1000), "_trace": ["standin"]})

    async def _listen(self, link: Link) -> None:
        while link.alive and not link.socket.closed:
            try:
                message = await link.socket.receive(timeout=self.heartbeat_interval * 2)
            except TimeoutError:
                await link.close(4000)
                return
            while link.stale and link.alive:  # noqa: ASYNC110  # no event tells of a transport that closes
                await asyncio.sleep(0.02)
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                if message.type is WSMsgType.CLOSE:
                    self.closes.append(int(message.data or 0))
                    if message.data in (1000, 1001) and not link.closed_with and link.session:
                        link.session.dead = True
                return
            code = self._read(link, message.data)
            if code:
                await link.close(code)

    def _gone(self, link: Link) -> None:
        if link.socket.close_code in (None, 1006) and not link.closed_with:
            self.closes.append(0)
        self.links.remove(link)
        link.end()
        if link.session and link.session.link is link:
            link.session.link, link.session.left = None, self.world.clock.now()
        self.world.changed()

    def _read(self, link: Link, raw: str | bytes) -> int:
        """Does what a frame asks. Returns the code to close with, or 0."""
        now = self.world.clock.now()
        link.sends = [at for at in link.sends if at > now - 60.0] + [now]
        if len(link.sends) > MOST_SENDS:
            return 4008
        if len(raw if isinstance(raw, bytes) else raw.encode()) > MOST_BYTES:
            return 4002
        try:
            frame = msgspec.json.decode(raw, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return 4002
        op, d = frame.get("op"), frame.get("d")
        if op == 1:
            self.heartbeats += 1
            if link.acks:
                link.tell(11)
            return 0
        if op == 2:
            return 4005 if link.session else self._identify(link, d or {})
        if op == 6:
            return 4005 if link.session else self._resume(link, d or {})
        if link.session is None:
            return 4003
        if op == 8:
            return self._members(link.session, d or {})
        return 0 if op in (3, 4, 31) else 4001

    def _identify(self, link: Link, d: Body) -> int:
        now = self.world.clock.now()
        recent = [at for at in self.identifies if at > now - self.concurrency_window]
        self.identifies.append(now)
        if len(self._today()) > self.daily:
            self.rest.token = ""
        if d.get("token", "").removeprefix("Bot ") != self.rest.token or not self.rest.token:
            return 4004
        intents = d.get("intents")
        if not isinstance(intents, int) or intents >> 26:
            return 4013
        if any(intents & bit and name not in self.world.enabled_intents for name, bit in PRIVILEGED.items()):
            return 4014
        if self._invalid or (self.rest.rates.on and len(recent) >= self.max_concurrency):
            link.tell(9, self._invalid.pop(0) if self._invalid else False)
            return 0
        self._start(link, intents)
        return 0

    def _start(self, link: Link, intents: int) -> None:
        world, session = self.world, Session(f"{len(self.sessions) + 1:032x}", intents)
        self.sessions.append(session)
        session.link, link.session = link, session
        guilds = [{"id": world.guild, "unavailable": True}] if world.installed else []
        session.dispatch("READY", {
            "v": 10, "user": shapes.user(world.users[world.bot]), "guilds": guilds, "session_id": session.id,
            "resume_gateway_url": f"{self.url.rstrip('/')}-resume/", "session_type": "normal", "private_channels": [],
            "application": {"id": world.app, "flags": app_flags(world)}, "_trace": ["standin"],
        })  # fmt: skip
        if world.installed and intents & 1:
            session.dispatch("GUILD_CREATE", shapes.guild_created(world))
        world.changed()

    def _resume(self, link: Link, d: Body) -> int:
        now = self.world.clock.now()
        self.resumes.append(now)
        if d.get("token", "").removeprefix("Bot ") != self.rest.token:
            return 4004
        session = next((one for one in self.sessions if one.id == d.get("session_id")), None)
        lost = session is None or session.dead or (not session.link and session.left < now - self.session_life)
        if self._invalid or lost or session is None:
            link.tell(9, self._invalid.pop(0) if self._invalid else False)
            return 0
        seq = d.get("seq")
        if not isinstance(seq, int) or not 0 <= seq <= len(session.events):
            return 4007
        link.session = session
        session.replay(link, seq)
        self.world.changed()
        return 0

    def _members(self, session: Session, d: Body) -> int:
        """Op 8. The whole list needs the intent; in one chunk, since nobody has that many people."""
        world, ids = self.world, d.get("user_ids") or []
        wanted = [one for one in world.users.values() if one.member and (not ids or one.id in ids)]
        if not ids and not session.intents & PRIVILEGED["members"]:
            wanted = []
        body = {"guild_id": world.guild, "members": [shapes.member(world, one) for one in wanted], "chunk_index": 0,
                "chunk_count": 1, "not_found": [], "nonce": d.get("nonce")}  # fmt: skip
        session.dispatch("GUILD_MEMBERS_CHUNK", body)
        return 0

    def _today(self) -> list[float]:
        since = self.world.clock.now() - 86_400.0
        return [at for at in self.identifies if at > since]
