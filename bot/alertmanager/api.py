"""Alertmanager's API v2 for people's tools, at the root: alerts and silences as the bearer of a token may see and make them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from adapters.reading import read_body
from adapters.source import Rejected
from bot.alertmanager.alerts import Found, Walk
from bot.alertmanager.asked import Asked, asked_of, matchers_of
from bot.alertmanager.listing import grouped, listed, send
from bot.alertmanager.posted import Coded
from bot.alertmanager.silences import Silences
from bot.alertmanager.status import status
from bot.attempts import Attempts
from bot.commands import Commands
from bot.disclosure import Eyes, eyes_of
from bot.intake import Intake
from bot.policy import Policy
from bot.store.engine import Store
from bot.tokens import Tokens
from bot.witness import Origin
from rules.access import Caller

API = Origin("alertmanager-api")
ROOT = "/api/v2"
MOST_SILENCE = 64 * 1024
"""Bytes of a posted silence."""

Answer = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]


class Alertmanager:
    """Posting alerts is not here: that is for sources, see bot/web.py. `started`: when, in seconds since the epoch."""

    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        commands: Commands,
        intake: Intake,
        attempts: Attempts,
        clock: Callable[[], float],
        started: float,
    ) -> None:
        self._store, self._policy, self._commands, self._intake, self._clock = store, policy, commands, intake, clock
        self._tokens = Tokens(policy, commands, attempts)
        self._started = started

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        get = partial(web.get, allow_head=False)
        return [
            get(f"{ROOT}/alerts", self._for(self._alerts)),
            get(f"{ROOT}/alerts/groups", self._for(self._groups)),
            get(f"{ROOT}/silences", self._for(self._silences)),
            web.post(f"{ROOT}/silences", self._for(self._impose)),
            get(f"{ROOT}/silence/{{silenceID}}", self._for(self._silence)),
            web.delete(f"{ROOT}/silence/{{silenceID}}", self._for(self._lift)),
            get(f"{ROOT}/status", self._for(self._status)),
            get(f"{ROOT}/receivers", self._for(self._receivers)),
        ]

    def _for(self, answer: Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Answers whoever proves to be somebody; refusals as Alertmanager words them: a JSON text, or a code and a message."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await answer(request, await self._tokens.caller(request))
            except Coded as problem:
                return _json({"code": problem.code, "message": problem.reason}, problem.status)
            except Rejected as problem:
                if problem.status == 429:
                    raise
                return _refusal(problem)

        return handle

    async def _alerts(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        asked, eyes = asked_of(request.query), eyes_of(caller, self._policy())
        return await send(request, await listed(self._walk(caller, eyes, asked)))

    async def _groups(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        asked, eyes = asked_of(request.query), eyes_of(caller, self._policy())
        return await send(request, await grouped(self._walk(caller, eyes, asked), asked, eyes))

    async def _walk(self, caller: Caller, eyes: Eyes, asked: Asked) -> AsyncIterator[list[Found]]:
        """Page by page; the audit log knows what is secret before anybody is shown it."""
        walk = Walk(self._store, eyes, asked, self._intake.expiry, self._clock())
        async for page in walk.pages():
            await self._commands.witness.shown_to(caller.key, await walk.disclosed(page), API)
            yield page

    async def _silences(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return _json(await self._of(caller).listed(matchers_of(request.query.getall("filter", []))))

    async def _silence(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return _json(await self._of(caller).one(request.match_info["silenceID"]))

    async def _impose(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """JSON only, which no form of another site's page can send."""
        if request.content_type != "application/json" or "Content-Type" not in request.headers:
            what = f'unsupported media type "{request.content_type}", only [application/json] are allowed'
            raise Coded(415, 415, what)
        body = await read_body(request, MOST_SILENCE)
        return _json({"silenceID": await self._of(caller).impose(body, API)})

    async def _lift(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        await self._of(caller).lift(request.match_info["silenceID"], API)
        return web.Response()

    async def _status(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return _json(status(eyes_of(caller, self._policy()), self._started))

    async def _receivers(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return _json([{"name": name} for name in self._policy().channels])

    def _of(self, caller: Caller) -> Silences:
        return Silences(self._commands.imposing, caller, eyes_of(caller, self._policy()), self._clock())


def _json(value: Any, code: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value) + b"\n", status=code, content_type="application/json")


def _refusal(problem: Rejected) -> web.Response:
    """One without a text is empty. Nobody is asked for a password: a browser would keep it, and send it where others want."""
    headers = {"WWW-Authenticate": 'Bearer realm="tocsin"'} if problem.status == 401 else {}
    if not problem.reason:
        return web.Response(status=problem.status)
    body = msgspec.json.encode(problem.reason) + b"\n"
    return web.Response(body=body, status=problem.status, content_type="application/json", headers=headers)
