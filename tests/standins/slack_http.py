"""HTTP mode of the stand-in Slack: payloads posted to the app, signed v0."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec

from tests.standins.slack_courier import Answer, Delivery, Kind
from tests.standins.slack_state import Body


class Http:
    """Posts to the app's URLs. Attributes are for tests to change: `skew` seconds are added to the timestamp it signs."""

    def __init__(self, secret: str, events: str, commands: str, actions: str) -> None:
        self.secret, self.skew, self.ack_within = secret, 0.0, 3.0
        self.urls: dict[Kind, str] = {"events_api": events, "slash_commands": commands, "interactive": actions}
        self.answers: list[tuple[int, Any]] = []
        """Status and body of each answer; 0 for none."""

    async def verify_url(self) -> bool:
        """Whether the events URL answers the challenge, as when it is set up."""
        body = msgspec.json.encode({"token": "not-used", "challenge": "3eZbrw1aB", "type": "url_verification"})
        answer = await self.post(self.urls["events_api"], body, "application/json")
        said = answer.body.get("challenge") if isinstance(answer.body, dict) else answer.body
        return not answer.problem and said == "3eZbrw1aB"

    async def send(self, delivery: Delivery) -> Answer:
        more: dict[str, str] = {}
        if delivery.kind == "events_api" and delivery.attempts:
            more = {"X-Slack-Retry-Num": str(len(delivery.attempts)), "X-Slack-Retry-Reason": delivery.attempts[-1].problem}
        content_type, body = encoded(delivery.kind, delivery.payload)
        return await self.post(self.urls[delivery.kind], body, content_type, more)

    async def post(self, url: str, body: bytes, content_type: str, more: dict[str, str] | None = None) -> Answer:
        """One signed request. `more`: headers beside or instead of the usual ones."""
        headers = {"Content-Type": content_type, **self.signed(body), **(more or {})}
        timeout = aiohttp.ClientTimeout(total=self.ack_within)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.post(url, data=body, headers=headers) as answer:
                said, status = await answer.read(), answer.status
        except TimeoutError:
            self.answers.append((0, None))
            return Answer("http_timeout")
        except aiohttp.ClientError:
            self.answers.append((0, None))
            return Answer("connection_failed")
        content = _read(said, answer.content_type)
        self.answers.append((status, content))
        enough = answer.headers.get("X-Slack-No-Retry") == "1"
        return Answer("" if status == 200 else "http_error", content, enough)

    def signed(self, body: bytes) -> dict[str, str]:
        at = str(int(time.time() + self.skew))
        digest = hmac.new(self.secret.encode(), b"v0:" + at.encode() + b":" + body, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={digest}"}


def encoded(kind: Kind, payload: Body) -> tuple[str, bytes]:
    """Content type and body, as Slack posts such a payload."""
    if kind == "events_api":
        return "application/json", msgspec.json.encode(payload)
    fields = payload if kind == "slash_commands" else {"payload": msgspec.json.encode(payload).decode()}
    return "application/x-www-form-urlencoded", urlencode(fields).encode()


def _read(body: bytes, content_type: str) -> Any:
    if not body:
        return None
    return msgspec.json.decode(body) if content_type == "application/json" else body.decode()
