"""Whoever speaks Alertmanager's API v2, and what they post."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import aiohttp

from bot.alertmanager.asked import matchers_of
from tests.stories.story import BASE, Story, iso

DB = """
  routes:
    - {match: ['team="db"'], channels: [db]}
inhibit:
  - {source: ['severity="critical"'], target: ['severity="warning"'], equal: [cluster]}
"""
CONFIG = BASE.replace("sources:", "  db: {chat: work, id: db, clearance: internal, audience: [sre, dba, web]}\nsources:", 1) + DB


class Answer(NamedTuple):
    status: int
    body: Any


class Client:
    """Whoever speaks the API. Bodies that are JSON are decoded."""

    def __init__(self, url: str, **headers: str) -> None:
        self.url, self.headers = url, headers

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **self.headers, **headers}
        url = f"{self.url}/api/v2{path}"
        async with aiohttp.ClientSession() as http, http.request(method, url, data=data, headers=sent) as got:
            text = await got.text()
            is_json = got.content_type == "application/json" and text
            return Answer(got.status, json.loads(text) if is_json else text)

    async def get(self, path: str) -> Any:
        found = await self("GET", path)
        assert found.status == 200, found
        return found.body


def ask(story: Story, person: str = "ana") -> Client:
    return Client(story.url, Authorization=f"Bearer token-of-{person}")


def silence(
    story: Story, matchers: str = 'alertname="PgDown"', begins: float = 0, lasts: float = 3600, **more: Any
) -> dict[str, Any]:
    """As amtool posts it. `begins`, `lasts`: seconds."""
    read = matchers_of(matchers.split(","))
    found = [{"name": m.name, "value": m.value, "isRegex": "~" in m.op, "isEqual": m.op[0] == "="} for m in read]
    times = {"startsAt": iso(story.now() + begins), "endsAt": iso(story.now() + begins + lasts)}
    return {"matchers": found, **times, "createdBy": "tool", "comment": "deploy", **more}


async def made(client: Client, body: dict[str, Any]) -> str:
    answer = await client("POST", "/silences", body)
    assert answer.status == 200, answer
    return str(answer.body["silenceID"])


async def posted(client: Client, *alerts: dict[str, str], **headers: str) -> None:
    """As Prometheus posts them."""
    body = [{"labels": labels, "annotations": {"summary": "x"}, "generatorURL": "http://p/graph"} for labels in alerts]
    assert (await client("POST", "/alerts", body, **headers)).status == 200
