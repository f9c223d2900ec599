"""CloudEvents 1.0 over HTTP: structured, binary, in batches, and the handshake of senders that ask first, as Azure does."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import unquote

from msgspec.structs import replace
from pydantic import Field

from adapters.auth import verify
from adapters.body import decoded, load_json
from adapters.fields import SEVERITY_WORDS
from adapters.source import Batch, Rejected, Request, Response, Stamp
from adapters.sources._found import Found
from adapters.sources._generic_config import RESOLVED
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig

JSON = {"Content-Type": "application/json"}
OVER = {*RESOLVED.split(), "ended", "deleted"}
THINGS = {"alert", "alarm", "problem", "page", "notice"}
_WORDS = "firing fired triggered raised opened open active started failed failing failure down unhealthy degraded breached"
FIRING = {*SEVERITY_WORDS, *_WORDS.split(), "alerting"} - THINGS
"""THINGS say it as well, but at the end of a type they only say what it is."""

_VERSION = re.compile(r"v[0-9]+([._][0-9]+)*")


class CloudEventsConfig(SenderConfig):
    """CloudEvents. `data`, or the end of the type, says whether it fires; what says neither ends by itself after an hour."""

    type: Literal["cloudevents"] = "cloudevents"
    origins: tuple[str, ...] = Field(
        (), description="Who may send, when asked by the handshake, such as eventgrid.azure.net; `*` is anybody."
    )


class CloudEvents(Sender):
    """One system that sends them. `subject`, or an id in `data`, says which alert it is; `id` only names the event."""

    config_model: ClassVar = CloudEventsConfig

    def __init__(self, name: str, config: CloudEventsConfig) -> None:
        super().__init__(name, config)
        self._auth, self._origins, self._rate = config.auth, config.origins, config.rate

    def verify(self, request: Request, now: float) -> Stamp | None:
        if (self._auth.hmac or self._auth.standard) and _is_binary(request):
            raise Rejected(401, "what stands in ce- headers is not signed: send structured events")
        return verify(self._auth, request, now, self.signed)

    def greet(self, request: Request) -> Response:
        """As the web hook specification of CloudEvents has it. Nobody is called back."""
        origin = request.headers.get("webhook-request-origin", "").strip()
        if not origin:
            raise Rejected(400, "WebHook-Request-Origin: the header is missing")
        if "*" not in self._origins and origin.lower() not in map(str.lower, self._origins):
            raise Rejected(403, "WebHook-Request-Origin: is not in `origins` of the source")
        if not origin.isascii() or not origin.isprintable():
            raise Rejected(400, "WebHook-Request-Origin: must be a host name")
        rate = "*" if self._rate is None else str(max(1, int(self._rate * 60)))  # a minute
        return Response(headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": rate, "Allow": "POST"})

    def parse(self, request: Request, now: float) -> Batch:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind.startswith("application/cloudevents") and not kind.endswith("+json"):
            raise Rejected(415, "Content-Type: of CloudEvents only JSON is understood")
        if _is_binary(request):
            event = _attributes(request) | {"data": _data(request, kind)}
            return super().parse(replace(request, body=json.dumps(event).encode(), headers=JSON), now)
        if kind.endswith("+json"):
            request = replace(request, headers=JSON)
        if request.body.strip() == b"[]":
            return Batch([])
        if code := self._validation(request):
            return Batch([], answer=lambda *_: Response(200, json.dumps({"validationResponse": code}).encode()))
        return super().parse(request, now)

    def _validation(self, request: Request) -> str:
        """The code by which Azure Event Grid, in its own schema, asks whether it may send; empty for what does not ask."""
        if request.headers.get("aeg-event-type", "").lower() != "subscriptionvalidation":
            return ""
        code = Item(load_json(request), "body", self._zone).text("0.data.validationCode", "data.validationCode")
        if not code:
            raise Rejected(400, "data.validationCode: is missing")
        return code

    def read(self, item: Item) -> Found:
        kind, data = item.need("type", "eventType"), _inside(item)
        stem, ending = _split(kind)
        state = data.text("status", "state", "alertState", "monitorCondition").lower() or ending
        firing, known = state not in OVER, state in OVER | FIRING | THINGS
        source, subject = item.text("source", "topic"), item.text("subject")
        which = data.text("fingerprint", "dedup_key", "alert_id", "alertId") or subject
        name = data.text("labels.alertname", "alertname", "alert_name", "check", "rule", "name") or stem.rpartition(".")[2]
        title = data.text("summary", "title", "message", "text", "value") or f"{name} {subject}".strip()
        return Found(
            (source, which, stem),
            name,
            firing,
            data.text("severity", "level", "priority", "urgency") or item.text("severity", "severitytext") or _word(ending),
            title.split("\n")[0],
            data.text("description", "message", "details", "value"),
            {
                "host": data.text("host", "hostname", "instance"),
                "service": data.text("service"),
                "subject": subject,
                "event": stem,
                "source": source,
                **data.texts("labels"),
            },
            data.time("starts_at", "startsAt", "started_at"),
            0.0 if firing else data.time("ends_at", "endsAt", "resolved_at"),
            {"source": data.text("url", "link"), "runbook": data.text("runbook_url"), "dashboard": data.text("dashboard_url")},
            passing=not known,
        )


def _word(ending: str) -> str:
    return ending if ending in SEVERITY_WORDS else ""


def _is_binary(request: Request) -> bool:
    return "ce-specversion" in request.headers or "ce-type" in request.headers


def _attributes(request: Request) -> dict[str, Any]:
    """Their values are percent-encoded, and may stand in quotes."""
    found = {name.lower()[3:]: value.strip() for name, value in request.headers.items() if name.lower().startswith("ce-")}
    return {name: unquote(value.strip('"') if value[:1] == '"' else value) for name, value in found.items()}


def _data(request: Request, kind: str) -> Any:
    if not request.body.strip():
        return None
    if kind in ("", "application/json", "text/json") or kind.endswith("+json"):
        return load_json(request)
    return request.body.decode(errors="replace")


def _inside(item: Item) -> Item:
    """The data as an object; what is none stands in it as `value`."""
    data = item.get("data")
    if isinstance(packed := item.get("data_base64"), str):
        try:
            data = b64decode(packed, validate=True).decode()
        except (NotBase64, ValueError):
            item.note("data_base64", "what is there cannot be read")
    if isinstance(data, str):
        data = decoded(data) or data
    shown = data if isinstance(data, Mapping) else {"value": data}
    return Item(shown, f"{item.where}.data", item.zone, item.odd)


def _split(kind: str) -> tuple[str, str]:
    """A type without its version and the word of state at its end, and that word."""
    parts = [part for part in kind.split(".") if part and not _VERSION.fullmatch(part)] or [kind]
    word = parts[-1].lower()
    return (".".join(parts[:-1]), word) if len(parts) > 1 and (word in OVER or word in FIRING) else (".".join(parts), "")
