"""Senders made for PagerDuty: its Events API v2."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal
from uuid import uuid4

import msgspec
from pydantic import Field

from adapters.fields import text_of
from adapters.form import load_fields
from adapters.source import Rejected, Request, Response
from adapters.sources._found import Found, Said
from adapters.sources._item import Item
from adapters.sources._vendor import KeyAuth, VendorConfig, VendorSender, cut
from rules.alert import BadAlert

LONGEST_SUMMARY, LONGEST_KEY, LARGEST_EVENT = 1024, 255, 512 * 1024
"""Characters, characters, bytes: PagerDuty's own limits."""

ACTIONS = {"trigger": "trigger", "acknowledge": "acknowledge", "resolve": "resolve", "change": "change"}
LABELS = ("alertname", "team", "service", "environment", "env", "region", "namespace", "cluster", "project", "job", "instance")
"""What of `custom_details` becomes a label; all of it stands in the description."""

MOST_DETAILS = 50
_LISTED = re.compile(r"^ - ([a-zA-Z_][a-zA-Z0-9_]*) = (.+)$", re.MULTILINE)


class PagerDutyAuth(KeyAuth):
    """With `key`, as PagerDuty's clients send it: `routing_key` in the body, or the header X-Routing-Key."""

    where: ClassVar = "routing_key"

    @property
    def needs_body(self) -> bool:
        return self.key is not None or super().needs_body

    def sent(self, request: Request) -> str:
        if key := request.headers.get("x-routing-key", "").strip():
            return key
        event = load_fields(request)[0]
        return text_of(event.get("routing_key")).strip() if isinstance(event, Mapping) else ""

    def headers(self, key: str) -> Mapping[str, str]:
        return {"X-Routing-Key": key}


class PagerDutyConfig(VendorConfig):
    """Whatever can send to PagerDuty (Events API v2). `auth.key` is what it calls routing key or integration key."""

    type: Literal["pagerduty"] = "pagerduty"
    auth: PagerDutyAuth = Field(description="How the sender proves who it is: usually `key`; `none` must be said.")
    max_body: int = Field(LARGEST_EVENT, gt=0, description="The largest request accepted, in bytes.")


class PagerDuty(VendorSender):
    """Events of senders made for PagerDuty. A dedup key names the alert."""

    config_model: ClassVar = PagerDutyConfig

    @property
    def needs_body(self) -> bool:
        return self._config.auth.needs_body

    def items(self, body: Any, request: Request) -> Sequence[Any]:
        """Each with a key, also where the sender leaves it to us."""
        change = {"event_action": "change"} if request.path.strip("/").endswith("change/enqueue") else {}
        return [_keyed({**event, **change}) if isinstance(event, Mapping) else event for event in super().items(body, request)]

    def answer(self, items: Sequence[Any]) -> Callable[..., Response]:
        return partial(_processed, items[0] if items else {})

    def read(self, item: Item) -> Found | Said | None:
        action, key = item.word(ACTIONS, "trigger", "event_action"), item.text("dedup_key")
        if len(key) > LONGEST_KEY:
            raise BadAlert(f"{item.where}.dedup_key: {len(key)} characters; {LONGEST_KEY} at most")
        if action == "trigger":
            return self._fires(item, key)
        if action == "change":
            return Said("note", (key,), item.text("payload.source"), item.text("payload.summary")) if key else None
        key = item.need("dedup_key")
        if action == "acknowledge":
            return Said("ack", (key,), item.text("client"))
        return Found((key,), item.text("payload.class", "payload.summary") or key, firing=False)

    def _fires(self, item: Item, key: str) -> Found:
        payload = item.inner("payload")
        details = payload.texts("custom_details") if not isinstance(payload.get("custom_details"), str) else {}
        summary = payload.text("summary")[:LONGEST_SUMMARY]
        if not summary:
            item.note("payload.summary", "nothing")
        if not (key or summary):
            raise BadAlert(f"{item.where}.payload.summary: is missing; it says what is wrong")
        labels = _listed(details.get("firing", "")) or {n: text for n, text in details.items() if n.lower() in LABELS}
        lines = [f"{name}: {text}" for name, text in details.items()][:MOST_DETAILS]
        return Found(
            (key or summary,),
            (labels.get("alertname") or payload.text("class") or summary or "PagerDuty event")[:LONGEST_SUMMARY],
            severity=labels.get("severity") or payload.text("severity"),
            summary=summary or key,
            description="\n".join(lines) or payload.text("custom_details"),
            labels=cut(
                {
                    "host": payload.text("source") if payload.text("source") != item.text("client") else "",
                    "component": payload.text("component"),
                    "group": payload.text("group"),
                    "class": payload.text("class"),
                    **labels,
                }
            ),
            links=_links(item),
        )

    def refuse(self, problem: Rejected) -> Response:
        status, message = "invalid event", "Event object is invalid"
        if problem.status == 429:
            status, message = "throttle exceeded", "Requests are arriving too quickly. Please retry later."
        body = {"status": status, "message": message, "errors": [problem.reason]}
        return Response(problem.status, msgspec.json.encode(body))


def _keyed(event: Mapping[str, Any]) -> Mapping[str, Any]:
    payload = event.get("payload")
    says_what = isinstance(payload, Mapping) and text_of(payload.get("summary")).strip()
    follows = event.get("event_action") in ("acknowledge", "resolve", "change")
    if text_of(event.get("dedup_key")).strip() or follows or not says_what:
        return event
    return {**event, "dedup_key": uuid4().hex}


def _processed(event: Any, accepted: int, bad: Sequence[BadAlert]) -> Response:
    changed = isinstance(event, Mapping) and event.get("event_action") == "change"
    body: dict[str, Any] = {"status": "success", "message": "Change event processed" if changed else "Event processed"}
    if isinstance(event, Mapping) and not changed:
        body["dedup_key"] = text_of(event.get("dedup_key"))
    return Response(202, msgspec.json.encode(body))


def _listed(firing: str) -> dict[str, str]:
    """The labels that all alerts share which Alertmanager lists in its custom detail `firing`."""
    found = [set(_LISTED.findall(block.partition("Annotations:")[0])) for block in firing.split("Labels:")[1:]]
    return dict(sorted(set.intersection(*found))[:MOST_DETAILS]) if found else {}


def _links(item: Item) -> dict[str, str]:
    found = {item.text("client") or "source": item.text("client_url")}
    found |= {link.text("text") or f"link {i}": link.text("href") for i, link in enumerate(item.each("links"), 1)}
    found |= {one.text("alt") or f"image {i}": one.text("href", "src") for i, one in enumerate(item.each("images"), 1)}
    return found
