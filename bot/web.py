"""HTTP in: webhooks, the API, the chats' own pages, metrics and health."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import ceil
from time import monotonic, perf_counter
from typing import Protocol

import structlog
from aiohttp import hdrs, web
from aiohttp.web_protocol import RequestPayloadError
from msgspec.structs import replace
from prometheus_client import Counter

from adapters.source import Greeting, Rejected, Request, Response, Source, Stamp, Vendor
from bot import brief, metrics
from bot.api import Api
from bot.brief import Brief
from bot.bucket import Bucket
from bot.drain import Drain
from bot.gate import Gate
from bot.intake import Intake
from bot.serving import Handler, headed
from bot.store.writer import StoreUnavailable

log = structlog.get_logger()

BIGGEST_BODY = 64 * 1024 * 1024
"""Bytes; each source says its own, smaller limit."""

MOST_UNDER_WAY = 3000
"""Requests at once, open pages of the console among them; more are told to come again."""

METHODS = ("POST", "PUT", "GET")
WEBHOOKS, API = "/webhooks/", "/api/v2/alerts"

LINES, LINES_PER_SECOND = 100.0, 1.0
"""Refused requests that are logged: strangers cannot fill the disk. All are counted in the metrics."""


class Health(Protocol):
    async def ready(self) -> tuple[bool, Mapping[str, object]]:
        """Whether alerts can be accepted, and all that is degraded."""

    async def metrics(self) -> bytes: ...


class Web:
    """`sources` gives the configured sources as they are now. `apis`: which kind of source a vendor's own address is for."""

    def __init__(
        self, intake: Intake, sources: Callable[[], Mapping[str, Source]], gate: Gate, api: Api, health: Health, drain: Drain,
        apis: Mapping[str, str],
    ) -> None:  # fmt: skip
        self._intake, self._sources, self._gate, self._api, self._health = intake, sources, gate, api, health
        self._drain, self._apis = drain, apis
        self._lines = Bucket(LINES_PER_SECOND, LINES, monotonic())
        self._answered: dict[tuple[str, int], Counter] = {}
        self._brief = Brief()

    def front(self, rest: Handler) -> Handler:
        """Stands before the application, whose way to a handler costs as much as a known alert itself: webhooks go past it."""

        async def handle(request: web.Request) -> web.StreamResponse:
            path = request.raw_path
            if request.method != "POST" or hdrs.EXPECT in request.headers:
                return await rest(request)
            if path == API:
                return await self._around(request, self._alertmanager)
            name = path.removeprefix(WEBHOOKS)
            if name in self._sources() and path.startswith(WEBHOOKS):
                return await self._around(request, partial(self._named, name, ""))
            return await rest(request)

        return handle

    def application(self, chat_routes: list[web.AbstractRouteDef]) -> web.Application:
        app = web.Application(client_max_size=BIGGEST_BODY, middlewares=[self._around])
        app.add_routes([
            web.route("*", WEBHOOKS + "{source}", self._webhook),
            web.route("*", WEBHOOKS + "{source}/{path:.*}", self._webhook),
            web.post(API, self._alertmanager),
            *(web.route("*", path, partial(self._bare_api, kind)) for path, kind in self._apis.items()),
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics),
            *self._api.routes(),
            *chat_routes,
        ])  # fmt: skip
        return app

    async def _webhook(self, request: web.Request) -> web.StreamResponse:
        name, path = request.match_info["source"], request.match_info.get("path", "")
        if request.method == "OPTIONS":
            return self._handshake(name, path, request)
        _check_method(self._source(name), request)
        return await self._named(name, path, request)

    def _handshake(self, name: str, path: str, request: web.Request) -> web.StreamResponse:
        """Where the address holds a secret it is asked for; other proofs come with alerts only."""
        source, head = self._source(name), _head(request, path)
        if not isinstance(source, Greeting):
            raise Rejected(405, f"source {name} knows no handshake; send {', '.join(METHODS)}")
        if self._gate.bare(name, head) is not head:
            self._gate.prove(name, source, head)
        return _answer(source.greet(head))

    def _source(self, name: str) -> Source:
        source = self._sources().get(name)
        if source is None:
            known = ", ".join(self._sources())
            raise Rejected(404, f'there is no source "{name}" in the config; there are: {known}')
        return source

    async def _named(self, name: str, path: str, request: web.Request) -> web.StreamResponse:
        source, head = self._source(name), _head(request, path)

        def prove(given: Request) -> Stamp | None:
            return self._gate.prove(name, source, given)

        return await self._take(name, source, request, head, prove)

    async def _alertmanager(self, request: web.Request) -> web.StreamResponse:
        return await self._bare_api("alertmanager", request)

    async def _bare_api(self, kind: str, request: web.Request) -> web.StreamResponse:
        """No address names the source: its credential does, if that can be before its body is read."""
        head, sources, body = _head(request, request.path[1:]), self._sources(), None
        try:
            found = self._gate.identify(kind, head, sources)
            if found is None:
                body = await self._body(self._gate.of_kind(kind)[0], request)
                found = self._gate.identify(kind, replace(head, body=body), sources, whole=True)
            assert found is not None, "with its body there, a request is known or refused"
            _check_method(sources[found[0]], request)
        except Rejected as problem:
            return _refusal(problem, next((sources[name] for name in self._gate.of_kind(kind)), None))
        name, stamp = found
        return await self._take(name, sources[name], request, head, lambda _: stamp, body)

    async def _body(self, name: str, request: web.Request) -> bytes:
        """Raises Rejected, by the limit of this source."""
        body = self._gate.arrived(name, request)
        return await self._gate.read(name, request) if body is None else body

    async def _take(
        self, name: str, source: Source, request: web.Request, head: Request,
        prove: Callable[[Request], Stamp | None], body: bytes | None = None,
    ) -> web.StreamResponse:  # fmt: skip
        """Has who sends it proven, before its body is read if that can be, and its alerts taken in. Counted by how it ended.

        `body`: what was read already.
        """
        try:
            self._gate.check_size(name, request.content_length if body is None else len(body))
            stamp = None if source.needs_body else prove(head)
            if body is None:
                body = await self._body(name, request)
            full = Request(head.method, head.path, head.headers, body, head.remote, head.query)
            began = perf_counter()
            if source.needs_body:
                stamp = await self._gate.satisfy(name, prove, full)
            response = await self._intake.take(name, source, self._gate.bare(name, full), stamp)
            metrics.REQUEST_SECONDS.observe(perf_counter() - began)
        except Rejected as problem:
            self._count(name, problem.status)
            if self._lines.take(monotonic()):
                log.warning("webhook_rejected", source=name, status=problem.status, reason=problem.reason)
            return _refusal(problem, source)
        except StoreUnavailable:
            self._count(name, 503)
            raise
        self._count(name, response.status)
        if response.status == 200 and not (response.body or response.headers) and not self._drain.ending and brief.takes(request):
            return self._brief
        return _answer(response)

    def _count(self, name: str, status: int) -> None:
        counter = self._answered.get((name, status))
        if counter is None:
            counter = self._answered[name, status] = metrics.REQUESTS.labels(name, status)
        counter.inc()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _readyz(self, _: web.Request) -> web.Response:
        ready, body = await self._health.ready()
        return web.json_response(body, status=200 if ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        body = await self._health.metrics()
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    @web.middleware
    async def _around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Around every request: one that is under way when Tocsin stops may end."""
        if self._drain.under_way >= MOST_UNDER_WAY:
            return _refusal(Rejected(503, "too many requests at once; nothing was accepted, please try again", 1.0))
        request = self._gate.seen(request)
        self._drain.enter()
        try:
            response = await _answered(request, handler)
        except web.HTTPException as redirect:
            headed(request, redirect)
            raise
        finally:
            self._drain.leave()
        if self._drain.ending:
            response.force_close()  # or busy senders would go on for ever
        return headed(request, response)


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refusals and outages as JSON with the reason; anything else is our fault: logged with its traceback, told without."""
    try:
        return await handler(request)
    except Rejected as problem:
        return _refusal(problem)
    except StoreUnavailable as problem:
        log.warning("request_failed", path=_place(request), reason=str(problem))
        body = {"status": "error", "error": "the database does not answer; nothing was accepted, please try again"}
        return web.json_response(body, status=503, headers={"Retry-After": "5"})
    except web.HTTPException as problem:
        if problem.status < 400 or problem.body:
            raise
        return web.json_response({"status": "error", "error": problem.reason}, status=problem.status)
    except RequestPayloadError as problem:  # broken chunks, broken compression
        return web.json_response({"status": "error", "error": f"the body cannot be read: {problem}".strip()}, status=400)
    except ConnectionResetError:  # the sender hung up before its body was complete; nobody hears the answer
        return web.json_response({"status": "error", "error": "the connection was lost"}, status=400)
    except Exception:  # the outermost loop of a request: one bad request must not take the server down
        log.exception("request_failed", path=_place(request))
        return web.json_response({"status": "error", "error": "a fault in Tocsin; its log has the details"}, status=500)


def _refusal(problem: Rejected, source: Source | None = None) -> web.Response:
    """`source`: to whose sender it is told."""
    if isinstance(source, Vendor):
        response = _answer(source.refuse(problem))
    else:
        response = web.json_response({"status": "error", "error": problem.reason}, status=problem.status)
    if problem.retry_after:
        response.headers["Retry-After"] = str(ceil(problem.retry_after))
    if problem.status == 405:
        response.headers["Allow"] = ", ".join(_methods(source))
    return response


def _methods(source: Source | None) -> Sequence[str]:
    return source.methods if isinstance(source, Vendor) else METHODS


def _check_method(source: Source, request: web.Request) -> None:
    """Raises Rejected(405). Every source takes POST; to ask what else it takes costs a fifth of a known alert."""
    if request.method != "POST" and request.method not in _methods(source):
        more = "; GET with the fields in the query" if not isinstance(source, Vendor) else ""
        raise Rejected(405, f"send {', '.join(_methods(source))}{more}")


def _place(request: web.Request) -> str:
    """For the log: a path without what stands below a source, which may be its secret."""
    first, *rest = request.path.split("/")[1:4]
    return request.path if first != "webhooks" else "/".join(["", first, *rest[:1]])


def _head(request: web.Request, path: str) -> Request:
    """The request as sources see it, its body still to come."""
    query = dict(request.query) if "?" in request.raw_path else {}
    return Request(request.method, path, request.headers, b"", request.remote or "", query)


def _answer(response: Response) -> web.Response:
    headers = {"Content-Type": response.content_type} if response.body else {}
    return web.Response(status=response.status, body=response.body or None, headers={**headers, **response.headers})
