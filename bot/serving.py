"""How the server speaks: the headers of every answer, and what it logs of itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from bot.config import Config
from bot.door import Site
from bot.proxies import is_proxy

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'"}
"""Of whatever a browser may open and that does not say otherwise, as the console's pages do."""

HSTS = "max-age=31536000"


def headed(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """The answer with what keeps a browser safe; what it is made with is nobody's business. Webhooks go without: no browser."""
    if response.prepared:  # a stream, which has had its say
        return response
    response.headers["Server"] = "Tocsin"
    if request.method != "POST":
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.scheme == "https":
            response.headers["Strict-Transport-Security"] = HSTS
    return response


class ServerLog:
    """aiohttp's logger. What is no HTTP, anybody can send: a line without a traceback, which would quote it."""

    def debug(self, *_: Any, **__: Any) -> None: ...

    def warning(self, message: str, *args: Any, **_: Any) -> None:
        log.warning("server", what=message % args)

    def exception(self, message: str, *args: Any, exc_info: BaseException | None = None, **_: Any) -> None:
        if isinstance(exc_info, HttpProcessingError | RequestPayloadError):
            log.info("not_http", what=type(exc_info).__name__)
        else:
            log.error("server_failed", what=message % args, exc_info=exc_info)


async def serve(
    app: web.Application, config: Callable[[], Config], tls: Any, front: Callable[[Handler], Handler]
) -> web.AppRunner:
    """Starts to listen. `tls`: an SSLContext, or None for plain HTTP. `front` stands before the application.

    Raises OSError when it cannot.
    """
    runner = web.AppRunner(
        app, access_log=None, logger=ServerLog(), handle_signals=False, keepalive_timeout=75, shutdown_timeout=1.0
    )
    await runner.setup()
    server = cast(Any, runner.server)  # by its types it serves requests of any kind; all are the application's
    server.request_handler = front(server.request_handler)
    host, _, port = config().listen.rpartition(":")
    await Site(runner, host.strip("[]"), int(port), tls, lambda address: is_proxy(config().trusted_proxies, address)).start()
    return runner
