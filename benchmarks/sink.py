"""Where notifications end: the stand-in chat for Tocsin, a webhook receiver for Alertmanager. Both obey the same faults.

It notes when each message arrived.
"""

from __future__ import annotations

import argparse
import re
import time

import msgspec
from aiohttp import web

from tests.standins.httpchat import HttpChatServer

NAMED = re.compile(rb"(?:calm|storm)-\d+\.")
"""Alerts in a group of their own, by the name that their message tells."""


class Sink(HttpChatServer):
    """The stand-in chat, and a webhook. Times are of the machine's monotonic clock."""

    def __init__(self) -> None:
        super().__init__()
        self.hooks = 0
        self.arrived: dict[str, float] = {}

    def application(self) -> web.Application:
        app = super().application()
        app.add_routes([web.post("/webhook/{channel}", self._hook), web.get("/arrivals", self._arrivals)])
        return app

    async def _hook(self, request: web.Request) -> web.Response:
        at, told = time.monotonic(), await request.read()
        refused = self.script.hits("post", request.match_info["channel"], at)
        status = refused[0].status if refused else 200
        self.answers[status] += 1
        if not refused:
            self.hooks += 1
            self._note(at, told)
        return web.Response(status=status)

    async def _arrivals(self, _: web.Request) -> web.Response:
        for post in self.posts.values():
            self._note(post.versions[0].at, post.versions[0].card)
        body = msgspec.json.encode({"messages": len(self.posts) + self.hooks, "arrived": self.arrived})
        return web.Response(body=body)

    def _note(self, at: float, told: bytes) -> None:
        for name in NAMED.findall(told):
            self.arrived.setdefault(name.decode(), at)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    web.run_app(Sink().application(), host="127.0.0.1", port=options.port, access_log=None, print=None, shutdown_timeout=0.1)


if __name__ == "__main__":
    main()
