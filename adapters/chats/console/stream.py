"""What keeps an open page true: server-sent events. Level-triggered: pushes are quick, the heartbeat finds what they missed."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from adapters.chat import DeliveryError
from adapters.chats.console.context import Context
from adapters.chats.console.guard import HEADERS, Refused
from adapters.chats.console.live import Event, Page
from adapters.chats.console.view import body_hash, version
from rules.card import Card

BEAT = 15.0  # seconds between looks at the store; console.js counts on hearing something in twice that time
LATE = Event("late", b"")
PATIENCE = 10.0  # seconds a browser may take to accept one event


class Stream:
    """GET `/console/events?channel=…&since=…`; `since` is the version of the cards that the page was made with."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def events(self, request: web.Request) -> web.StreamResponse:
        context = self._context
        visitor = await context.guard.need(request)
        channel = context.pick(visitor.person, request.query.get("channel", ""))
        if context.hub.closed:
            raise Refused(503, "Tocsin is stopping.")
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        page = Page(visitor.person, visitor.cookie, channel)
        context.hub.open(page)  # before reading the cards, so that no change falls between
        try:
            await response.prepare(request)
            await self._run(page, response, request)
        except (ConnectionError, TimeoutError, DeliveryError):
            pass  # the browser is gone or stuck, or the store is: the page comes again and gets everything afresh
        finally:
            context.hub.leave(page)
        return response

    async def _run(self, page: Page, response: web.StreamResponse, request: web.Request) -> None:
        rows = await self._context.cards(page.channel)
        page.seen = {row.id: body_hash(row.body) for row in rows}
        if "Last-Event-ID" in request.headers or request.query.get("since") != version(rows):
            html = self._context.views.page("cards.html", **self._context.views.lists(rows, self._context.desk.now()))
            await _send(response, "cards", msgspec.json.encode({"html": html}))
        loop = asyncio.get_running_loop()
        while await self._beat_once(page, response):
            due = loop.time() + BEAT
            while (event := await _next(page, due)) is not LATE:
                if event is None:
                    return
                await self._tell(page, response, event)

    async def _tell(self, page: Page, response: web.StreamResponse, event: Event) -> None:
        """Sends a pushed event, if the person may still read its channel."""
        if event.channel and event.channel not in self._context.readable(page.person):
            return
        if event.card:
            page.seen[event.card[0]] = event.card[1]
        if event.kind == "count":
            page.counts[event.channel] = event.data
        await _send(response, event.kind, event.data)

    async def _beat_once(self, page: Page, response: web.StreamResponse) -> bool:
        """Shows what no push told: another replica's posts, lost rights, an ended session. False when the page must go."""
        context = self._context
        if await context.desk.sessions.session(page.cookie) is None:
            await _send(response, "signin", b"{}")
            return False
        if page.channel and page.channel not in context.readable(page.person):
            await _send(response, "reload", b"{}")
            return False
        for row in await context.cards(page.channel):
            if page.seen.get(row.id) != body_hash(row.body):
                page.seen[row.id] = body_hash(row.body)
                card = context.views.card(row.id, row.channel, msgspec.json.decode(row.body, type=Card), context.desk.now())
                await _send(response, "card", msgspec.json.encode(card))
        await self._beat_counts(page, response)
        await _send(response, "beat", msgspec.json.encode({"now": context.desk.now()}))
        return True

    async def _beat_counts(self, page: Page, response: web.StreamResponse) -> None:
        for name in self._context.readable(page.person):
            data = self._context.views.count(name, await self._context.board.tally(name))
            if page.counts.get(name) != data:
                page.counts[name] = data
                await _send(response, "count", data)


async def _next(page: Page, due: float) -> Event | None:
    """The next event; LATE when none came until `due` (of the loop's clock), None when the page must go."""
    try:
        async with asyncio.timeout_at(due):
            return await page.queue.get()
    except TimeoutError:
        return LATE


async def _send(response: web.StreamResponse, kind: str, data: bytes) -> None:
    """`data` is JSON on one line. The id only tells us, at a reconnect, that the page has been live before."""
    async with asyncio.timeout(PATIENCE):
        await response.write(b"id: live\nevent: %b\ndata: %b\n\n" % (kind.encode(), data))
