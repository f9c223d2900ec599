"""What one does in the console: send a command, and be helped typing it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import web

from adapters.chat import Invocation
from adapters.chats.console.context import Context
from adapters.chats.console.guard import check_csrf
from adapters.chats.console.serve import WANTS_FRAGMENT, page, see_other

MOST_TEXT = 4000
MOST_SUGGESTIONS = 12


class Commands:
    """POST `/console/command`, GET `/console/suggest`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def command(self, request: web.Request) -> web.StreamResponse:
        """Runs `text`, completed by a dialog's `duration` and `rest`. The answer is private."""
        context = self._context
        visitor = await context.guard.need(request)
        form = await context.guard.form(request)
        check_csrf(form.get("csrf", ""), visitor.csrf)
        channel = context.pick(visitor.person, form.get("channel", ""))
        text = _line(form)
        reply = await context.desk.command(Invocation(context.name, visitor.person, text, channel))
        if WANTS_FRAGMENT in request.headers:
            return page(context.views.page("reply.html", reply=(text, reply)))
        context.hub.keep_reply(visitor.cookie, text, reply)
        return see_other(f"/?channel={quote(channel, safe='')}")

    async def suggest(self, request: web.Request) -> web.StreamResponse:
        """The options of the listbox under the command line."""
        context = self._context
        visitor = await context.guard.need(request)
        text = request.query.get("text", "")[:MOST_TEXT]
        channel = context.pick(visitor.person, request.query.get("channel", ""))
        found = await context.desk.suggest(Invocation(context.name, visitor.person, text, channel))
        return page(context.views.page("suggestions.html", found=found[:MOST_SUGGESTIONS]))


def _line(form: Mapping[str, str]) -> str:
    """The command of a button or of the command line, with what a dialog adds to it. `--`: what follows is a person's text."""
    rest = form.get("rest", "").strip()
    parts = (form.get("text", "").strip(), form.get("duration", "").strip(), f"-- {rest}" if rest else "")
    return " ".join(part for part in parts if part)[:MOST_TEXT]
