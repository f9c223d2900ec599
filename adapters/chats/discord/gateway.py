"""The way in: one session with Discord's gateway, opened again by a new discord.py client whenever it ends.

Before each try Discord is asked over REST whether one may connect, which says in words why not, how long to wait, and how many
sessions are left for the day.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import aiohttp
import discord
import msgspec
import structlog

from adapters.chat import DeliveryError, Failure
from adapters.chats.discord.config import DiscordConfig
from adapters.chats.discord.link import Heard, Link
from adapters.chats.discord.pace import WAITS, Pace, Waits
from adapters.chats.discord.places import use
from adapters.chats.discord.rest import Rest
from adapters.chats.discord.route import Route
from adapters.proxy import proxy_of

log = structlog.get_logger()

LEAST_TO_WAIT_OUT = 300.0
"""Seconds after which Discord is asked again, where it allows no more sessions today."""
MAY_I = Route("GET", "gateway/bot", "gateway/bot")
PORTAL = "Discord's Developer Portal, the app"
BAD_TOKEN, NO_INTENT = 4004, 4014
FINAL: Mapping[int, str] = {
    BAD_TOKEN: f"Discord refuses the token: make a new one in {PORTAL}, Bot, Reset Token, and put it into the config",
    4010: "Discord's gateway calls our sharding wrong (4010)",
    4011: "this bot is in so many servers that Discord asks for sharding (4011), which Tocsin does not do: give it its own app",
    4012: "Discord's gateway no longer takes this version of its API (4012): a newer Tocsin is needed",
    4013: "Discord's gateway does not know our intents (4013): a newer Tocsin is needed",
    NO_INTENT: f"Discord refuses our intents (4014): look at {PORTAL}, Bot, Privileged Gateway Intents",
}
"""Where another try leads nowhere."""
BYPASSED = f"Discord sends clicks and commands elsewhere: empty Interactions Endpoint URL in {PORTAL}, General Information"


class Refused(Exception):
    """No session. `wait`: seconds until another try makes sense, if it is known."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Gateway:
    """The supervised gateway of one chat. `members`: whether Discord tells who comes and goes."""

    def __init__(self, name: str, config: DiscordConfig, rest: Rest, heard: Heard, waits: Waits = WAITS) -> None:
        self._name, self._config, self._rest, self._heard, self._waits = name, config, rest, heard, waits
        self._pace = Pace(waits)
        self._link: Link | None = None
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._reason = ""
        self.members = True

    @property
    def connected(self) -> bool:
        return self._link is not None and self._link.opened.is_set()

    @property
    def trouble(self) -> str:
        """Why nothing comes in now, or empty."""
        if self._link is None or not self._link.opened.is_set():
            return self._reason
        return BYPASSED if self._link.bypassed else ""

    async def start(self) -> None:
        """Returns with the first session or when there was none on the first try, and goes on trying."""
        logging.getLogger("discord").setLevel(logging.ERROR)  # below it repeats what we log; at DEBUG with all that people say
        self._tried.clear()
        self._task = asyncio.create_task(self._run(), name="discord-gateway")
        await self._tried.wait()

    async def stop(self) -> None:
        """Says goodbye; nothing of discord.py is left."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._tried.set()

    async def _run(self) -> None:
        use(self._config.api_url, self._config.gateway_url)
        while True:
            await self._pace.turn()
            await self._once()
            self._tried.set()

    async def _once(self) -> None:
        """One try; what it taught goes to the pace and the log."""
        wait = None
        try:
            end = await self._live()
        except Refused as problem:
            end, wait = str(problem), problem.wait
        except DeliveryError as problem:
            end = problem.reason
            wait = self._waits.refused if problem.kind == Failure.credentials else problem.retry_after
        except Exception as problem:  # noqa: BLE001  # whatever discord.py raises, `_told` says it and the way on is another client
            end, wait = self._told(problem)
        link, self._link = self._link, None
        if link and link.lived >= self._waits.settled:
            self._pace.worked()
        self._reason = end
        log.warning("discord_gateway_lost", chat=self._name, reason=end, again_in=round(self._pace.failed(wait), 1))

    async def _live(self) -> str:
        """A session from the question whether there may be one to its end; why it ended."""
        await self._ask()
        self._link = Link(self._hears(), self.members, proxy_of(self._config.gateway_url), self._waits)
        return await self._link.run(self._config.token.get_secret_value())

    async def _ask(self) -> None:
        """Raises Refused, DeliveryError if there is to be no session now."""
        try:
            async with asyncio.timeout(self._waits.opening):
                told = await self._rest.call(MAY_I)
        except TimeoutError:
            raise Refused(f"Discord gives no answer within {self._waits.opening:g} s") from None
        limit = told.get("session_start_limit") if isinstance(told, dict) else None
        if not limit:
            return
        left, reset_after = int(limit.get("remaining", 1)), float(limit.get("reset_after", 0)) / 1000
        self._pace.budget(int(limit.get("total", 1000)), left, reset_after)
        if left <= 0:
            raise Refused("Discord allows no more sessions today", min(reset_after, LEAST_TO_WAIT_OUT))

    def _hears(self) -> Heard:
        """The link's news, told to us first."""

        def identified() -> None:
            self._pace.identified()
            self._heard.identified()

        def session(app: str) -> None:
            log.info("discord_gateway_open", chat=self._name, members=self.members)
            self._reason = ""
            self._tried.set()
            self._heard.session(app)

        return msgspec.structs.replace(self._heard, identified=identified, session=session)

    def _told(self, problem: Exception) -> tuple[str, float | None]:
        """Why a link ended, in words, and how long to wait if it is known. `members` is over if Discord does not allow it."""
        if isinstance(problem, discord.LoginFailure):
            return FINAL[BAD_TOKEN], self._waits.refused
        if isinstance(problem, discord.ConnectionClosed):
            if problem.code == NO_INTENT and self.members:
                self.members = False
                return "Discord does not allow the Server Members Intent: without it then", None
            final = FINAL.get(problem.code)
            return final or f"the gateway closed the session ({problem.code})", self._waits.refused if final else None
        if isinstance(problem, discord.RateLimited):
            return "Discord limits our calls", problem.retry_after
        if isinstance(problem, discord.HTTPException):
            return f"Discord answers the login with HTTP {problem.status}", None
        if isinstance(problem, TimeoutError):
            return f"no login within {self._waits.opening:g} s", None
        if isinstance(problem, (aiohttp.ClientError, OSError)):
            return f"no connection: {type(problem).__name__}", None
        if not isinstance(problem, AttributeError):  # discord.py's word for a gateway that closes before it says hello
            log.error("discord_gateway_fault", chat=self._name, exc_info=problem)
        return f"the gateway closed at once: {type(problem).__name__}", None
