"""Senders made for Opsgenie, or for Jira Service Management after it: the alert API v2."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import msgspec
from msgspec.structs import replace
from pydantic import Field

from adapters.fields import text_of
from adapters.source import Batch, Rejected, Request, Response
from adapters.sources._found import Found, Said
from adapters.sources._item import Item
from adapters.sources._vendor import LONGEST_LABEL, KeyAuth, VendorConfig, VendorSender, cut

ACTS = {"acknowledge": "ack", "unacknowledge": "unack", "notes": "note", "message": "note", "description": "note"}
"""What may be said of an alert; a message that is new to the alert is a note."""

MOST_LABELS, LONGEST_MESSAGE = 20, 1024
"""Details, and as many tags; characters, of which Opsgenie keeps 130."""

TOOK = 0.001
"""Seconds, as every answer must say them."""

NOT_HERE = "of this API only sending is offered; incidents are at /api/v1/incidents"


class OpsgenieAuth(KeyAuth):
    """With `key`, as Opsgenie's clients send it: `Authorization: GenieKey …`."""

    where: ClassVar = "Authorization: GenieKey"

    def sent(self, request: Request) -> str:
        scheme, _, key = request.headers.get("authorization", "").strip().partition(" ")
        return key.strip() if scheme.lower() == "geniekey" else ""

    def headers(self, key: str) -> Mapping[str, str]:
        return {"Authorization": f"GenieKey {key}"}


class OpsgenieConfig(VendorConfig):
    """Whatever can send to Opsgenie. `auth.key` is what it calls API key; P1 is critical, and P3 the usual."""

    type: Literal["opsgenie"] = "opsgenie"
    auth: OpsgenieAuth = Field(description="How the sender proves who it is: usually `key`; `none` must be said.")


class Call(NamedTuple):
    """What a request asks for: `create`, `close`, one of ACTS or anything else. `id`: of the alert, as clients see it."""

    verb: str
    id: str


class Opsgenie(VendorSender):
    """Calls of senders made for Opsgenie. An alert's id is made of its alias, so that either names it."""

    config_model: ClassVar = OpsgenieConfig
    methods = ("POST", "PUT", "PATCH", "DELETE", "GET")

    def parse(self, request: Request, now: float) -> Batch:
        if "v2/heartbeats" in request.path:
            return Batch([], answer=lambda accepted, bad: _accepted("PONG - Heartbeat received", str(uuid4())))
        if request.method == "GET":
            return Batch([], answer=partial(_status, _asked_for(request)))
        return super().parse(request if request.body.strip() else replace(request, body=b"{}"), now)

    def items(self, body: Any, request: Request) -> Sequence[Any]:
        """What is asked for, and the note that came with it."""
        call = _call(request)
        if call.verb == "create":
            alias = text_of(body.get("alias")).strip() if isinstance(body, Mapping) else ""
            call = Call("create", _id_of(alias or str(uuid4())))
        said = body if isinstance(body, Mapping) else {}
        with_note = said.get("note") and (call.verb == "close" or (call.verb == "create" and said.get("message")))
        verbs = [call.verb, "notes"] if with_note else [call.verb]
        return [{"verb": verb, "id": call.id, "body": body} for verb in verbs]

    def answer(self, items: Sequence[Any]) -> Callable[..., Response]:
        return lambda accepted, bad: _accepted("Request will be processed", items[0]["id"] or str(uuid4()))

    def read(self, item: Item) -> Found | Said | None:
        verb, key, body = item.text("verb"), (item.text("id"),), item.inner("body")
        if verb == "create":
            return _created(key, body)
        if verb == "close" and key[0]:
            return Found(key, "Opsgenie alert", firing=False)
        text = body.text("note", "message", "description")
        if verb not in ACTS or (ACTS[verb] == "note" and not text):
            return None
        origin = body.text("source")
        by = body.text("user") or ("" if "://" in origin else origin)
        return Said(ACTS[verb], key, by, text)  # type: ignore[arg-type]  # ACTS holds its words

    def refuse(self, problem: Rejected) -> Response:
        body = {"message": problem.reason, "took": TOOK, "requestId": str(uuid4())}
        return Response(problem.status, msgspec.json.encode(body))


def _call(request: Request) -> Call:
    """Raises Rejected (404). An alias may hold slashes: what stands last is what to do."""
    place = request.path.partition("v2/alerts")[2].strip("/") if "v2/alerts" in request.path else request.path.strip("/")
    if not place and request.method != "DELETE":
        return Call("create", "")
    name, _, verb = place.rpartition("/")
    if request.method == "DELETE" and verb not in ("tags", "details", "responders"):
        name, verb = place, "close"
    if not name:
        raise Rejected(404, NOT_HERE)
    kind = request.query.get("identifierType", "id").lower()
    if kind == "tiny":  # no alert here has one
        return Call(verb, "")
    return Call(verb, name.lower() if kind == "id" and _is_id(name) else _id_of(name))


def _id_of(alias: str) -> str:
    return str(uuid5(NAMESPACE_URL, alias))


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name.lower()
    except ValueError:
        return False


def _created(key: tuple[str, ...], body: Item) -> Found:
    message, details = body.need("message")[:LONGEST_MESSAGE], body.texts("details")
    teams = [one.text("name") for one in body.each("responders") if one.text("type").lower() == "team"]
    short = {name: text for name, text in details.items() if _is_word(text)}
    origin = body.text("source")
    labels = {
        **{"team": next(filter(None, teams), ""), "entity": body.text("entity")},
        **({"source": origin} if "://" not in origin else {}),
        **dict(list(body.texts("tags").items())[:MOST_LABELS]),
        **dict(list(short.items())[:MOST_LABELS]),
    }
    return Found(
        key,
        details.get("alertname", "")[:LONGEST_MESSAGE] or message,
        severity=body.text("priority") or details.get("severity", ""),
        summary=message,
        description=body.text("description"),
        labels=cut(labels),
        links={"source": origin, **{name: text for name, text in details.items() if "://" in text[:8]}},
    )


def _is_word(text: str) -> bool:
    return len(text) <= LONGEST_LABEL and "\n" not in text and "://" not in text


def _asked_for(request: Request) -> str:
    """The request whose outcome a client asks for. Raises Rejected (404)."""
    _, found, asked = request.path.partition("v2/alerts/requests/")
    if not found or not _is_id(asked):
        raise Rejected(404, NOT_HERE)
    return asked.lower()


def _status(asked: str, *_: object) -> Response:
    """Nothing is kept of requests: one was answered once it was done, and bore the id of its alert."""
    data = {"success": True, "isSuccess": True, "action": "", "status": "Processed", "alertId": asked, "alias": ""}
    return Response(200, msgspec.json.encode({"data": data, "took": TOOK, "requestId": asked}))


def _accepted(result: str, request: str) -> Response:
    return Response(202, msgspec.json.encode({"result": result, "took": TOOK, "requestId": request}))
