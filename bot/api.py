"""The JSON API: incidents as the bearer of a person's token may see them, and the chat commands for scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from adapters.reading import read_body
from adapters.source import Rejected
from bot.attempts import Attempts
from bot.commands import Commands
from bot.disclosure import Eyes, eyes_of
from bot.drawing import alerts_of
from bot.policy import Policy
from bot.store import deliveries, incidents, timeline
from bot.store.deliveries import Delivery
from bot.store.engine import Store
from bot.tokens import Tokens
from bot.witness import Origin
from rules.access import Caller
from rules.incident import Incident

API = Origin("api")
MOST_LISTED = 1000
MOST_ALERTS = 1000
MOST_COMMAND = 256 * 1024

LinkOf = Callable[[Delivery], str]


class Api:
    """`link_of` gives the address of a delivered card in its chat, or an empty text."""

    def __init__(
        self, store: Store, policy: Callable[[], Policy], commands: Commands, link_of: LinkOf, attempts: Attempts
    ) -> None:
        self._store, self._policy, self._commands, self._link_of = store, policy, commands, link_of
        self._tokens = Tokens(policy, commands, attempts)

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        return [
            web.get("/api/v1/incidents", self._list),
            web.get("/api/v1/incidents/{number}", self._one),
            web.post("/api/v1/commands", self._command),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        caller = await self._tokens.caller(request)
        state, limit = request.query.get("state", "open"), request.query.get("limit", "100")
        if state not in ("open", "all"):
            raise Rejected(400, f'state={state!r}: expected "open" or "all"')
        if not limit.isascii() or not limit.isdigit() or not 0 < int(limit) <= MOST_LISTED:
            raise Rejected(400, f"limit={limit!r}: expected a number from 1 to {MOST_LISTED}")
        found = await self._store.read(_listed, caller, self._policy(), state == "open", int(limit))
        await self._commands.witness.shown_to(caller.key, [one.incident.number for one in found], API)
        return _json({"incidents": [self._json(row) for row in found]})

    async def _one(self, request: web.Request) -> web.Response:
        caller, text = await self._tokens.caller(request), request.match_info["number"]
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        found = await self._store.read(_details, caller, self._policy(), [number])
        if not found:
            raise Rejected(404, f"there is no incident {text[:20]} that you may see")
        await self._commands.witness.shown_to(caller.key, [number], API)
        return _json(self._json(found[0]))

    async def _command(self, request: web.Request) -> web.Response:
        caller = await self._tokens.caller(request)
        try:
            order = msgspec.json.decode(await read_body(request, MOST_COMMAND), type=Order)
        except (msgspec.MsgspecError, RecursionError) as problem:
            raise Rejected(400, f'expected {{"text": "ack 42"}}: {problem}') from problem
        reply = await self._commands.run(caller.key, order.text, API)
        return _json({"text": reply.text, "ok": reply.ok})

    def _json(self, details: Details) -> dict[str, Any]:
        incident = details.incident
        return {
            "number": incident.number,
            "title": incident.title,
            "state": incident.state.value,
            "severity": incident.severity.name,
            "sensitivity": incident.sensitivity,
            "labels": incident.labels,
            "owner": incident.owner,
            "note": incident.note,
            "started_at": incident.started_at,
            "resolved_at": incident.resolved_at or None,
            "alerts": details.alerts,
            "timeline": details.timeline,
            "deliveries": [_delivery(row, error, self._link_of(row)) for row, error in details.deliveries],
        }


class Order(msgspec.Struct):
    text: str


class Details(msgspec.Struct):
    """An incident as its reader may see it. `deliveries`: each with its error."""

    incident: Incident
    alerts: list[dict[str, Any]]
    timeline: list[dict[str, Any]]
    deliveries: list[tuple[Delivery, str]]


def _listed(conn: Connection, caller: Caller, policy: Policy, open_only: bool, limit: int) -> list[Details]:
    """The first `limit` incidents that the caller may see."""
    rows, eyes = incidents.listed(conn, open_only, MOST_LISTED), eyes_of(caller, policy)
    return _details(conn, caller, policy, [row.incident.number for row in rows if eyes.sees(row.incident)][:limit])


def _details(conn: Connection, caller: Caller, policy: Policy, numbers: Sequence[int]) -> list[Details]:
    found = incidents.load(conn, numbers)
    shown: Mapping[int, list[Delivery]] = {number: [] for number in numbers}
    for row in deliveries.of_incidents(conn, numbers):
        shown[row.incident].append(row)
    seen = [found[n].incident for n in numbers if n in found and eyes_of(caller, policy).sees(found[n].incident)]
    return [_one(conn, incident, shown[incident.number], eyes_of(caller, policy).about(incident.number)) for incident in seen]


def _one(conn: Connection, incident: Incident, rows: Sequence[Delivery], eyes: Eyes) -> Details:
    receipts = [(row, eyes.text(row.error)) for row in rows]
    return Details(eyes.shown(incident), _alerts(conn, incident, eyes), _timeline(conn, incident.number, eyes), receipts)


def _alerts(conn: Connection, incident: Incident, eyes: Eyes) -> list[dict[str, Any]]:
    return [
        {
            "source": alert.source,
            "fingerprint": alert.fingerprint,
            "state": "firing" if alert.firing else "resolved",
            "severity": alert.severity.name,
            "labels": alert.labels,
            "annotations": alert.annotations,
            "starts_at": alert.starts_at,
            "ends_at": None if alert.firing else alert.ends_at,
        }
        for alert in eyes.shown(alerts_of(conn, incident, MOST_ALERTS))
    ]


def _timeline(conn: Connection, number: int, eyes: Eyes) -> list[dict[str, Any]]:
    told = eyes.shown([change for _, change in timeline.told(conn, number)])
    return [{"at": c.at, "change": c.kind.value, "by": c.by, "text": c.text} for c in told]


def _delivery(row: Delivery, error: str, link: str) -> dict[str, Any]:
    return {"channel": row.channel, "wanted": row.wanted, "shown": row.shown, "error": error or None, "link": link or None}


def _json(value: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), headers={"Content-Type": "application/json"})
