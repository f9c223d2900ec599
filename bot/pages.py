"""The address of an incident that cards carry: leads whoever is signed in to a card of it that they may read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from adapters.chat import SESSION_COOKIES, Sessions
from bot.policy import Policy
from bot.store import deliveries
from bot.store.deliveries import Delivery
from bot.store.engine import Store


class Pages:
    """`link_of` gives the address of a delivered card in its chat, or an empty text."""

    def __init__(
        self, store: Store, policy: Callable[[], Policy], sessions: Sessions, link_of: Callable[[Delivery], str]
    ) -> None:
        self._store, self._policy, self._sessions, self._link_of = store, policy, sessions, link_of

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        return [web.get("/incidents/{number:[0-9]{1,9}}", self._incident)]

    async def _incident(self, request: web.Request) -> web.Response:
        """Strangers learn nothing, not even whether there is such an incident."""
        cookie = next((request.cookies[name] for name in SESSION_COOKIES if name in request.cookies), "")
        session = await self._sessions.session(cookie) if cookie else None
        if session is None:
            raise web.HTTPFound("/signin")
        rows = await self._store.read(deliveries.of_incidents, [int(request.match_info["number"])])
        raise web.HTTPFound(next((link for row in rows if (link := self._readable(session.person, row))), "/"))

    def _readable(self, person: str, row: Delivery) -> str:
        policy = self._policy()
        channel = policy.channels.get(row.channel)
        return self._link_of(row) if channel and policy.may_read(person, channel) else ""
