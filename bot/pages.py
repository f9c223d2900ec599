"""The address of an incident that cards carry: leads to its card in a chat."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from bot.store import deliveries
from bot.store.deliveries import Delivery
from bot.store.engine import Store


class Pages:
    """`link_of` gives the address of a delivered card in its chat, or an empty text."""

    def __init__(self, store: Store, link_of: Callable[[Delivery], str]) -> None:
        self._store, self._link_of = store, link_of

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        return [web.get("/incidents/{number:[0-9]{1,9}}", self._incident)]

    async def _incident(self, request: web.Request) -> web.Response:
        rows = await self._store.read(deliveries.of_incidents, [int(request.match_info["number"])])
        links = [link for row in rows if (link := self._link_of(row))]
        raise web.HTTPFound(next(iter(links), "/"))
