"""The steady life of the soak: alerts, people, pages and nuisances, each at its own pace, and all of it over and over."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from tests.adapters.console_site import csrf_of, sign_in
from tests.standins.faults import Fault
from tests.standins.httpchat import HttpChatServer
from tests.stories.story import iso

ALIVE = 20
"""Alerts that fire at a time."""

FAULTS = (
    Fault("status", status=500, p=0.02),
    Fault("status", status=429, retry_after=0.2, p=0.02),
    Fault("lose", op="post", p=0.02),
    Fault("lose", op="update", p=0.02),
    Fault("hang", op="reply", seconds=0.1, p=0.02),
)
OUTAGE = Fault("status", status=503)

SENDER, ANA = {"Authorization": "Bearer token-of-prometheus"}, {"Authorization": "Bearer token-of-ana"}
WEBHOOK = "/webhooks/prometheus"
Call = tuple[str, str, dict[str, str], bytes]


class Life:
    """`pace`: seconds between two rounds of alerts; all else is slower by fixed factors. `counts`: what was done."""

    def __init__(self, url: str, platform: HttpChatServer, pace: float, dice: random.Random) -> None:
        self._url, self._platform, self._pace, self._dice = url, platform, pace, dice
        self.counts = dict.fromkeys(("new", "again", "resolved", "acts", "silences", "bad", "pages", "outages"), 0)
        self.ending = False

    async def run(self) -> None:
        """Until `ending`."""
        works = (
            (self._alerts, 1), (self._act, 4), (self._silence, 10), (self._nuisance, 2), (self._look, 8), (self._outage, 40),
        )  # fmt: skip
        async with aiohttp.ClientSession(self._url) as http:
            await asyncio.gather(*(self._repeat(work, http, factor) for work, factor in works))

    async def _repeat(
        self, work: Callable[[aiohttp.ClientSession, int], Awaitable[None]], http: aiohttp.ClientSession, factor: int
    ) -> None:
        number = 0
        while not self.ending:
            await work(http, number)
            number += 1
            await asyncio.sleep(self._pace * factor)

    async def _alerts(self, http: aiohttp.ClientSession, number: int) -> None:
        """One that is new, some that still fire, one that is over. No name comes twice."""
        still = [one for one in range(max(0, number - ALIVE), number) if self._dice.random() < 0.2]
        over = [_over(number - ALIVE - 1)] if number > ALIVE else []
        told = [_alert(number), *map(_alert, still), *over]
        async with http.post(WEBHOOK, json={"alerts": told}, headers=SENDER) as answer:
            assert answer.status == 200, await answer.text()
        self._count(new=1, again=len(still), resolved=len(over))

    async def _act(self, http: aiohttp.ClientSession, number: int) -> None:
        """Somebody takes on the newest incident by API, somebody else writes to it in the chat."""
        async with http.get("/api/v1/incidents?state=open&limit=5", headers=ANA) as answer:
            found = [one["number"] for one in (await answer.json())["incidents"]]
        for one in found[:1]:
            await self._order(http, f"ack {one} round {number}")
            told = {"account": "account-of-ben", "text": f"note {one} seen {number}", "channel": "ops"}
            async with http.post("/httpchat/work/command", json=told) as answer:
                assert (await answer.json())["text"].startswith("Noted"), await answer.text()
            self._count(acts=2)

    async def _silence(self, http: aiohttp.ClientSession, number: int) -> None:
        """One that mutes some, and is over at once."""
        reply = await self._order(http, f'silence alertname=~"Soak.*{number % 10}" for 1m -- round {number}')
        ident = re.search(r"unsilence (\w+)", reply)
        assert ident, reply
        await self._order(http, f"unsilence {ident[1]}")
        self._count(silences=1)

    async def _order(self, http: aiohttp.ClientSession, text: str) -> str:
        async with http.post("/api/v1/commands", json={"text": text}, headers=ANA) as answer:
            assert answer.status == 200, await answer.text()
            return str((await answer.json())["text"])

    async def _nuisance(self, http: aiohttp.ClientSession, number: int) -> None:
        """What is no alert, what is nobody's, what hangs up in the middle."""
        asks = self._nuisances(number)
        method, path, headers, body = asks[number % len(asks)]
        async with http.request(method, path, headers=headers, data=body) as answer:
            await answer.read()
        await self._hang_up(number)
        self._count(bad=2)

    def _nuisances(self, number: int) -> list[Call]:
        """None of them comes twice."""
        wrong = {"Authorization": f"Bearer wrong-{number}"}
        odd = b'{"alerts": [{"labels": 7}, {"labels": {"alertname": "%d%b"}, "startsAt": "never"}]}' % (number, b"x" * 5000)
        return [
            ("POST", WEBHOOK, SENDER, self._dice.randbytes(2000)),
            ("POST", WEBHOOK, SENDER, odd),
            ("POST", WEBHOOK, wrong, b"{}"),
            ("POST", f"/webhooks/nobody-{number}", SENDER, b"{}"),
            ("GET", f"/api/v1/incidents/{10**8 + number}", wrong, b""),
            ("POST", "/api/v1/commands", ANA, b'{"text": "frobnicate %d"}' % number),
            ("GET", f"/nowhere/{number}", {}, b""),
            ("GET", "/metrics", {}, b""),
            ("GET", "/readyz", {}, b""),
        ]

    async def _hang_up(self, number: int) -> None:
        host, port = self._url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"POST {WEBHOOK} HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\nX-Number: {number}\r\n\r\n{{".encode())
        await writer.drain()
        writer.transport.abort()

    async def _look(self, http: aiohttp.ClientSession, number: int) -> None:
        """Somebody signs in, looks around, keeps a page open for a moment, and signs out or just goes."""
        async with aiohttp.ClientSession(self._url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            async with await sign_in(browser, "token-of-ana") as answer:
                page = await answer.text()
                assert answer.status == 200, page
            async with browser.get("/console/suggest?text=ack") as answer:
                assert answer.status == 200, await answer.text()
            async with browser.get("/console/events?channel=desk") as stream:
                assert stream.status == 200, await stream.text()
                await stream.content.readuntil(b"event: beat")
                await asyncio.sleep(self._pace * 10)
                if number % 2:
                    async with browser.post("/signout", data={"csrf": csrf_of(page)}) as answer:
                        await answer.read()
        self._count(pages=1)

    async def _outage(self, http: aiohttp.ClientSession, number: int) -> None:
        """The chat is down for a moment; at all other times some of its answers are bad."""
        self._platform.break_with(OUTAGE)
        await asyncio.sleep(min(1.0, self._pace * 10))
        self._platform.break_with(*FAULTS)
        self._count(outages=1)

    def _count(self, **done: int) -> None:
        for name, count in done.items():
            self.counts[name] += count


def _alert(number: int) -> dict[str, Any]:
    labels = {"alertname": f"Soak{number}", "instance": f"host{number}", "severity": ("critical", "warning")[number % 2]}
    texts = {"summary": f"{number} is down"}
    return {"status": "firing", "labels": labels, "annotations": texts, "startsAt": iso(1.7e9 + number)}


def _over(number: int) -> dict[str, Any]:
    return {**_alert(number), "status": "resolved", "endsAt": iso(time.time())}
