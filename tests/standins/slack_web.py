"""The Web API of the stand-in Slack over HTTP: tokens, scopes, tiers and scripted faults in front of every method."""

from __future__ import annotations

import asyncio
import math
import socket
import struct
from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web

from tests.standins import slack_chat as chat
from tests.standins import slack_lookup as lookup
from tests.standins import slack_views as views
from tests.standins.slack_call import Call, Request, Token, read
from tests.standins.slack_faults import Fault, Faults
from tests.standins.slack_rates import Rates
from tests.standins.slack_state import Body, SlackError, Workspace

Work = Callable[[Workspace, Call], Body]


class Method(msgspec.Struct):
    """`tier` 0: special. `scopes`: one of them is needed. `takes_json`: whether JSON bodies are read."""

    work: Work
    tier: int
    scopes: tuple[str, ...] = ()
    takes_json: bool = False
    token: str = "bot"


_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
_WRITE = ("chat:write",)

METHODS: Mapping[str, Method] = {
    "auth.test": Method(lookup.auth_test, 0),
    "chat.postMessage": Method(chat.post_message, 0, _WRITE, True),
    "chat.update": Method(chat.update, 3, _WRITE, True),
    "chat.delete": Method(chat.delete, 3, _WRITE, True),
    "chat.postEphemeral": Method(chat.post_ephemeral, 4, _WRITE, True),
    "chat.getPermalink": Method(chat.get_permalink, 0),
    "chat.unfurl": Method(chat.unfurl, 3, ("links:write",), True),
    "conversations.info": Method(lookup.info, 3, _READ),
    "conversations.members": Method(lookup.members, 4, _READ),
    "conversations.list": Method(lookup.conversations, 2, _READ),
    "conversations.history": Method(lookup.history, 3, _HISTORY),
    "conversations.replies": Method(lookup.replies, 3, _HISTORY),
    "conversations.join": Method(lookup.join, 3, ("channels:join",), True),
    "conversations.open": Method(lookup.open_conversation, 3, ("im:write", "mpim:write", "groups:write"), True),
    "users.info": Method(lookup.user_info, 4, ("users:read",)),
    "users.list": Method(lookup.users, 2, ("users:read",)),
    "usergroups.list": Method(lookup.usergroups, 2, ("usergroups:read",)),
    "usergroups.users.list": Method(lookup.usergroup_users, 2, ("usergroups:read",)),
    "views.open": Method(views.open_view, 4, (), True),
    "views.update": Method(views.update_view, 4, (), True),
    "views.push": Method(views.push_view, 4, (), True),
    "views.publish": Method(views.publish_view, 4, (), True),
}
SCOPES = frozenset({
    "chat:write", "commands", "channels:read", "groups:read", "im:read", "users:read", "usergroups:read", "channels:history",
    "groups:history", "im:history", "channels:join", "im:write", "links:read", "links:write",
})  # fmt: skip
"""What the bot token has unless a test says otherwise: not chat:write.public."""


class WebApi:
    """`tokens`: which there are. `requests`: every call, in the order of arrival."""

    def __init__(self, workspace: Workspace, rates: Rates, faults: Faults, methods: Mapping[str, Method]) -> None:
        self.workspace, self.rates, self.faults = workspace, rates, faults
        self.methods = dict(methods)
        self.tokens: dict[str, Token] = {}
        self.requests: list[Request] = []

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/{method}", self._serve),
            web.get("/api/{method}", self._serve, allow_head=False),
            web.post("/response/{key}", self._respond),
        ]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        seen = Request(self.workspace.clock.now(), name, dict(request.headers))
        self.requests.append(seen)
        method, token = self.methods.get(name), ""
        problem: SlackError | None = None
        try:
            seen.args, token = await read(request, method.takes_json if method else True)
        except SlackError as unreadable:
            problem = unreadable
        call = Call(name, seen.args, self.tokens.get(token, Token("", set())), str(request.url.origin()))
        fault = self.faults.hit(name, str(seen.args.get("channel", "")))

        def work() -> web.Response:
            return self._answer(method, call, token, seen, problem)

        return await _spoilt(fault, work, seen, request) if fault else work()

    def _answer(self, method: Method | None, call: Call, token: str, seen: Request, problem: SlackError | None) -> web.Response:
        try:
            if problem:
                raise problem
            if method is None:
                raise SlackError("unknown_method", req_method=call.method)
            _check_token(method, call, token)
            wait = self.rates.take(call.method, method.tier, str(call.args.get("channel", "")))
            if wait:
                return _limited(seen, max(1, math.ceil(wait)))
            body = {"ok": True, **method.work(self.workspace, call)}
        except SlackError as refusal:
            body = {"ok": False, "error": refusal.code, **refusal.more}
        scopes = {"x-oauth-scopes": ",".join(sorted(call.token.scopes)), "x-slack-req-id": self.workspace.new_id("q")}
        return _told(seen, body, 200, scopes)

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        """A response_url needs no token: whoever knows it may use it."""
        seen = Request(self.workspace.clock.now(), "response_url", dict(request.headers))
        self.requests.append(seen)
        try:
            seen.args, _ = await read(request, True)
        except SlackError as problem:
            return _told(seen, {"ok": False, "error": problem.code}, 400, {})

        def work() -> web.Response:
            try:
                views.respond(self.workspace, request.match_info["key"], seen.args)
            except SlackError as problem:
                status = 404 if problem.code in ("used_url", "expired_url") else 400
                return _told(seen, {"ok": False, "error": problem.code, **problem.more}, status, {})
            seen.status = 200
            return web.Response(text="ok")

        fault = self.faults.hit("response_url", "")
        return await _spoilt(fault, work, seen, request) if fault else work()


def _check_token(method: Method, call: Call, token: str) -> None:
    if not token:
        raise SlackError("not_authed")
    if not call.token.kind:
        raise SlackError("invalid_auth")
    if call.token.dead:
        raise SlackError(call.token.dead)
    if call.token.kind != method.token and call.method != "auth.test":
        raise SlackError("not_allowed_token_type")
    call.need(*method.scopes)


async def _spoilt(fault: Fault, work: Callable[[], web.Response], seen: Request, request: web.Request) -> web.StreamResponse:
    """The answer that the fault leaves."""
    if fault.kind == "slow":
        answer = work()
        await asyncio.sleep(fault.seconds)
        return answer
    if fault.keep:
        work()
    seen.status, seen.error = 0, fault.code or fault.kind
    if fault.kind == "limit":
        return _limited(seen, fault.retry_after)
    if fault.kind == "error":
        return _told(seen, {"ok": False, "error": fault.code, **fault.more}, 200, {})
    if fault.kind == "answer":
        seen.status = fault.status
        return web.Response(status=fault.status, text=fault.body, content_type=fault.content_type)
    if fault.kind == "hang":
        await asyncio.Event().wait()
    reset(request)
    return web.Response(status=499)


def reset(request: web.Request) -> None:
    """Ends the connection as a crash does: with RST, without a word."""
    if request.transport is not None:
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


def _limited(seen: Request, retry_after: int | None) -> web.Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return _told(seen, {"ok": False, "error": "ratelimited"}, 429, headers)


def _told(seen: Request, body: Body, status: int, headers: dict[str, str]) -> web.Response:
    seen.status, seen.error = status, str(body.get("error", ""))
    content = {"Content-Type": "application/json; charset=utf-8"}
    return web.Response(status=status, body=msgspec.json.encode(body), headers={**content, **headers})
