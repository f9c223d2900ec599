"""What the leak matrix sees of Tocsin's own pages: the console with its streams, the API, and what is open to strangers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import aiohttp

from adapters.chats.console.serve import WANTS_FRAGMENT
from tests.adapters.console_site import csrf_of, sign_in
from tests.stories.leaks import Truth
from tests.stories.leaks_places import NOBODY, Card, Place, Scene, person
from tests.stories.views import ConsoleView

ECHO = re.compile(r'<p class="echo">.*?</p>', re.DOTALL)
"""What somebody typed, above the answer to it."""


TOOLS = tuple(f"/api/v2/{one}" for one in ("alerts", "alerts/groups", "silences", "status", "receivers"))
"""What amtool and the like read."""


class ConsolePlace:
    """The console. `readers`: who reads a room there, for looking at what stands in it; `url`: where Tocsin serves."""

    chat = "console"

    async def open(self, stack: AsyncExitStack, scene: Scene) -> str:
        self.scene, self.url = scene, ""
        self._browsers: dict[str, aiohttp.ClientSession] = {}
        self._streams: list[asyncio.Task[None]] = []
        self.rooms: list[str] = []
        stack.push_async_callback(self.close)
        return "{type: console}"

    async def started(self) -> None:
        """Who looks signs in then."""

    def passes(self, seconds: float) -> None:
        """Its clock is Tocsin's."""

    async def close(self) -> None:
        for task in self._streams:
            task.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)
        for browser in self._browsers.values():
            await browser.close()
        self._browsers, self._streams = {}, []

    def build(self, room: str, people: Sequence[str]) -> None:
        self.rooms.append(room)

    def truth(self, room: str) -> Truth:
        return Truth()

    def told(self, group: str) -> frozenset[str]:
        return frozenset()

    def collect(self) -> None:
        """It came in as it came."""

    def cards(self, room: str) -> Mapping[int, Card]:
        raise NotImplementedError  # asked for by `read`

    async def read(self, room: str) -> Mapping[int, Card]:
        """What Ana sees there."""
        view = ConsoleView(self.url)
        view._clients["ana"] = await self._browser("ana")
        try:
            return {
                one.number: Card(one.stub, one.text + "\n".join(await view.thread(room, one.ref)))
                for one in await view.cards(room)
            }
        finally:
            view._clients.clear()

    async def drift(self, room: str, what: str, on: bool, who: str, told: bool) -> bool:
        return False

    async def regroup(self, group: str, people: Sequence[str]) -> None:
        raise NotImplementedError

    async def says(self, who: str, room: str, line: str) -> None:
        browser = await self._browser(who)
        async with browser.get("/") as page:
            csrf = csrf_of(await page.text())
        form = {"csrf": csrf, "channel": "", "text": line}
        async with browser.post("/console/command", data=form, headers={WANTS_FRAGMENT: "1"}) as answer:
            told = ECHO.sub("", await answer.text())
        self.scene.catch(person(self.chat, who), f"the reply to {line!r}", told)

    async def looks(self, who: str, room: str, numbers: Sequence[int], lines: Sequence[str], dice: int) -> None:
        browser = await self._browser(who)
        for name in self.rooms:
            await self._page(who, browser, f"/?channel={name}", ("reader", name, who))
        for number in range(1, 12):
            await self._page(who, browser, f"/console/thread/{number}", ("reader", "", who))
        for number in numbers:
            await self._page(who, browser, f"/incidents/{number}", person(self.chat, who), allow_redirects=False)
        for text in ("", "ack ", "note kq", "unsilence ", "silence #"):
            await self._page(who, browser, "/console/suggest", person(self.chat, who), params={"text": text})
        if dice % 3 == 0:
            self.watch(who, browser, self.rooms[dice % len(self.rooms)])

    async def _page(self, who: str, browser: aiohttp.ClientSession, path: str, place: Place, **more: Any) -> None:
        async with browser.get(path, **more) as answer:
            text = await answer.text()
            if "/thread/" in path and (told := re.search(r"[?]channel=(\w+)", text)):
                place = "reader", told[1], who
            self.scene.catch(place, f"GET {path} for {who}", f"{dict(answer.headers)} {text}")

    def watch(self, who: str, browser: aiohttp.ClientSession, room: str) -> None:
        """Leaves a page open, and reads all that comes."""

        async def read() -> None:
            with suppress(aiohttp.ClientError):
                async with browser.get("/console/events", params={"channel": room}) as stream:
                    async for line in stream.content:
                        self.scene.catch(("reader", room, who), f"the stream of {room} for {who}", line.decode())

        self._streams.append(asyncio.create_task(read()))

    async def _browser(self, who: str) -> aiohttp.ClientSession:
        if who not in self._browsers:
            browser = aiohttp.ClientSession(self.url, cookie_jar=aiohttp.CookieJar(unsafe=True))
            self._browsers[who] = browser
            async with await sign_in(browser, f"token-of-{who}") as answer:
                assert answer.status == 200, await answer.text()
        return self._browsers[who]


class ApiPlace:
    """The API of people, and everything that asks for no name."""

    def __init__(self, scene: Scene, url: str) -> None:
        self.scene, self.http = scene, aiohttp.ClientSession(url)

    async def get(self, who: str, path: str) -> tuple[int, str]:
        async with self.http.get(path, headers={"Authorization": f"Bearer token-of-{who}"}) as answer:
            told = await answer.text()
        self.scene.catch(person("api", who), f"GET {path} for {who}", told)
        return answer.status, told

    async def says(self, who: str, line: str) -> str:
        headers = {"Authorization": f"Bearer token-of-{who}"}
        async with self.http.post("/api/v1/commands", json={"text": line}, headers=headers) as answer:
            told = await answer.text()
        self.scene.catch(person("api", who), f"the reply to {line!r}", told)
        return told

    async def looks(self, who: str, numbers: Sequence[int]) -> None:
        paths = ["/api/v1/incidents", "/api/v1/incidents?state=all", *(f"/api/v1/incidents/{one}" for one in numbers)]
        for path in (*paths, *TOOLS):
            await self.get(who, path)

    async def open_to_all(self) -> None:
        for path in ("/metrics", "/readyz"):
            async with self.http.get(path) as answer:
                self.scene.catch(NOBODY, f"GET {path}", await answer.text())

    async def strangers(self, numbers: Sequence[int]) -> None:
        """Without a name, with a wrong one, and with that of a source."""
        paths = ["/metrics", "/readyz", "/healthz", "/", "/signin", "/api/v1/incidents", "/console/events", "/console/suggest"]
        paths += TOOLS
        paths += [f"{start}{number}" for number in numbers for start in ("/incidents/", "/api/v1/incidents/", "/console/thread/")]
        for path in paths:
            for token in ("", "token-of-prometheus"):
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                async with self.http.get(path, headers=headers, allow_redirects=False) as answer:
                    self.scene.catch(NOBODY, f"GET {path}", f"{dict(answer.headers)} {await answer.text()}")
        async with self.http.post("/api/v1/commands", json={"text": "incidents all"}) as answer:
            self.scene.catch(NOBODY, "a command without a token", await answer.text())

    async def sends(self, source: str, body: object) -> int:
        """What its own sender is answered is nobody else's."""
        headers = {"Authorization": f"Bearer token-of-{source}"}
        async with self.http.post(f"/webhooks/{source}", json=body, headers=headers) as answer:
            self.scene.catch(NOBODY, f"the answer to {source}", await answer.text())
            return answer.status
