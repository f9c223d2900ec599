"""The outer edge of every page: refusals become answers, and every answer carries the headers that keep a browser safe."""

from __future__ import annotations

from math import ceil

from aiohttp import web

from adapters.chat import DeliveryError
from adapters.chats.console.context import Context
from adapters.chats.console.guard import HEADERS, Handler
from adapters.source import Rejected

WANTS_FRAGMENT = "X-Requested-With"  # set by console.js only


def serve(context: Context, handler: Handler) -> Handler:
    """The handler, made safe to hang into a server."""

    async def run(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except Rejected as refused:
            response = _refusal(context, request, refused.status, refused.reason)
            if refused.retry_after:
                response.headers["Retry-After"] = str(ceil(refused.retry_after))
        except DeliveryError:
            response = _refusal(context, request, 503, "The store does not answer. Nothing is lost; try again in a moment.")
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    return run


def page(html: str, status: int = 200) -> web.Response:
    return web.Response(text=html, status=status, content_type="text/html", charset="utf-8")


def see_other(location: str) -> web.Response:
    return web.Response(status=303, headers={"Location": location})


def _refusal(context: Context, request: web.Request, status: int, reason: str) -> web.Response:
    if WANTS_FRAGMENT in request.headers:
        return web.Response(status=status, text=reason)
    return page(context.views.page("error.html", status=status, reason=reason), status)
