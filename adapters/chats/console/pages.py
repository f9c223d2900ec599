"""The pages one looks at: a channel with its cards, and the thread of a card."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import msgspec
from aiohttp import web

from adapters.chat import Message
from adapters.chats.console.context import Context
from adapters.chats.console.guard import Refused
from adapters.chats.console.serve import WANTS_FRAGMENT, page, see_other
from adapters.chats.console.view import version
from rules.card import Button, Card

ASKING = ("note", "silence")  # verbs that need words before they can be sent


class Pages:
    """GET `/` and `/console/thread/{id}`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def home(self, request: web.Request) -> web.StreamResponse:
        """One channel. `?channel=` picks it; `?ask=note&card=7` opens a dialog for browsers without JavaScript."""
        context = self._context
        visitor = await context.guard.visitor(request)
        if visitor is None:
            return see_other(f"/signin?channel={quote(request.query.get('channel', ''), safe='')}")
        channel = context.pick(visitor.person, request.query.get("channel", ""))
        rows = await context.cards(channel)
        now = context.desk.now()
        return page(context.views.page(
            "console.html", channel=channel, csrf=visitor.csrf, who=context.desk.caller(visitor.person).name,
            items=await context.items(visitor, channel), notes=_notes(await context.notes(visitor.person)),
            reply=context.hub.replies.pop(visitor.cookie, None), ask=_asked(rows, request), version=version(rows),
            public_url=context.desk.public_url, **context.views.lists(rows, now),
        ))  # fmt: skip

    async def thread(self, request: web.Request) -> web.StreamResponse:
        """What was told below a card: a fragment for console.js, a page without it."""
        context = self._context
        visitor = await context.guard.need(request)
        wanted = request.match_info["id"]
        numeric = wanted.isascii() and wanted.isdigit() and len(wanted) < 19
        rows = await context.desk.messages.thread(int(wanted)) if numeric else ()
        mine = context.readable(visitor.person)
        if any(row.channel not in mine for row in rows):
            raise Refused(404, "There is no such thread, or you are not in the audience of its channel.")
        html = context.views.thread(rows, context.desk.now())
        if WANTS_FRAGMENT in request.headers:
            return page(html)
        channel = rows[0].channel if rows else ""
        return page(context.views.page("thread_page.html", thread=html, channel=channel, card=wanted))


def _notes(rows: Sequence[Message]) -> list[tuple[int, float, str]]:
    return [(row.id, row.at, msgspec.json.decode(row.body, type=str)) for row in rows]


def _asked(rows: Sequence[Message], request: web.Request) -> Button | None:
    """The button whose dialog was asked for. It is looked up, so that no link can put a command of its own into a dialog."""
    verb, wanted = request.query.get("ask", ""), request.query.get("card", "")
    buttons = [b for row in rows if str(row.id) == wanted for b in msgspec.json.decode(row.body, type=Card).buttons]
    return next((b for b in buttons if b.verb == verb and verb in ASKING), None)
