"""Plays a browser for the demo: signs in with the one-time link and presses a button, through the console's own forms."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import aiohttp
from yarl import URL


class Page(HTMLParser):
    """The hidden fields of each form, by the form's id, and the values of all buttons."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self._form = ""
        self.fields: dict[str, dict[str, str]] = {}
        self.buttons: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = given.get("id", "")
            self.fields[self._form] = {}
        elif tag == "input" and given.get("type") == "hidden":
            self.fields[self._form][given["name"]] = given.get("value", "")
        elif tag == "button":
            self.buttons.add(given.get("value", ""))


async def press(url: str, code: str, deliveries: list[dict[str, Any]], command: str) -> None:
    """Signs in with a one-time code and presses the button that sends `command`. Raises RuntimeError when no card has it."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:  # unsafe: the host is an IP address
        async with browser.get(f"{url}/signin", params={"code": code}) as response:
            fields = Page(await response.text()).fields
        async with browser.post(f"{url}/signin", data={**next(iter(fields.values())), "token": code}) as response:
            response.raise_for_status()
        for link in (delivery["link"] for delivery in deliveries if delivery["link"]):
            async with browser.get(URL(link, encoded=True)) as response:
                page = Page(await response.text())
            if command in page.buttons:
                async with browser.post(f"{url}/console/command", data={**page.fields["press"], "text": command}) as response:
                    response.raise_for_status()
                return
    raise RuntimeError(f"no card shows a button for {command!r}")
