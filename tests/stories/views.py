"""What people see of cards in each kind of chat, and how they press and type there."""

from __future__ import annotations

import html
import re
from typing import Protocol

import aiohttp
import msgspec

from adapters.chat import Chat, Desk, Invocation, Reply
from adapters.chats.console.serve import WANTS_FRAGMENT
from tests.adapters.console_site import csrf_of, sign_in
from tests.standins.httpchat import Facts, HttpChatServer, Post


class Seen(msgspec.Struct):
    """A card as its readers see it. `who`: who has it, or resolved it. `text`: every word of it. `ref`: the place of the post."""

    ref: str
    number: int
    state: str
    severity: str
    title: str
    who: str
    note: str
    silenced: bool
    snoozed: bool
    closing: bool
    stub: bool
    buttons: dict[str, str]
    text: str


class View(Protocol):
    """`person`: a key of `people`."""

    async def cards(self, channel: str) -> list[Seen]: ...

    async def thread(self, channel: str, ref: str) -> list[str]: ...

    async def says(self, person: str, channel: str, text: str, duration: str = "", rest: str = "") -> Reply: ...

    async def lets_in(self, person: str, channel: str) -> bool:
        """Somebody joins a channel; False where a channel has no members."""

    async def puts_out(self, person: str, channel: str) -> None:
        """They leave again."""

    async def shares(self, channel: str, outside: bool = True) -> None:
        """Shares a channel with another organisation, or ends that."""

    async def archives(self, channel: str, archived: bool = True) -> None: ...


class HttpChatView:
    """Looks into the stand-in server; clicks go where the chat's adapter would take them."""

    def __init__(self, server: HttpChatServer, chat: Chat) -> None:
        self._server, self._desk = server, desk_of(chat)

    async def cards(self, channel: str) -> list[Seen]:
        return [read_card(post) for post in self._server.posts.values() if post.channel == channel and not post.deleted]

    async def thread(self, channel: str, ref: str) -> list[str]:
        return [line for reply in self._server.posts[ref].replies for line in reply.lines]

    async def says(self, person: str, channel: str, text: str, duration: str = "", rest: str = "") -> Reply:
        line = " ".join(part for part in (text, duration, f"-- {rest}" if rest else "") if part)
        return await self._desk.command(Invocation("work", f"account-of-{person}", line, channel))

    async def lets_in(self, person: str, channel: str) -> bool:
        facts = self._facts(channel)
        facts.members = [*(facts.members or ()), f"account-of-{person}"]
        self._desk.channel_changed("work", channel, f"account-of-{person}")
        return True

    async def puts_out(self, person: str, channel: str) -> None:
        facts = self._facts(channel)
        facts.members = [one for one in facts.members or () if one != f"account-of-{person}"]
        self._desk.channel_changed("work", channel, f"account-of-{person}")

    async def shares(self, channel: str, outside: bool = True) -> None:
        self._facts(channel).shared_outside = outside
        self._desk.channel_changed("work", channel)

    async def archives(self, channel: str, archived: bool = True) -> None:
        self._facts(channel).archived = archived
        self._desk.channel_changed("work", channel)

    def _facts(self, channel: str) -> Facts:
        return self._server.facts.setdefault(channel, Facts())


def desk_of(chat: Chat) -> Desk:
    desk: Desk = chat._desk  # type: ignore[attr-defined]  # where the stand-in would hand what its platform sends
    return desk


def read_card(post: Post) -> Seen:
    card = post.shown
    state = card["state"]
    return Seen(
        ref=post.ref,
        number=card["number"],
        state=state,
        severity=("critical", "high", "warning", "low", "info")[card["severity"]],
        title=card["title"],
        who=card["resolved_by"] if state == "resolved" else card["owner"],
        note=card["note"],
        silenced=bool(card["silenced"]) and state != "resolved",
        snoozed=bool(card["snoozed_until"]),
        closing=card["closing"],
        stub=card["stub"],
        buttons={button["label"]: button["command"] for button in card["buttons"]},
        text=msgspec.json.encode(card).decode(),
    )


class ConsoleView:
    """Looks at the console's pages and fills in its forms, as a browser without JavaScript."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._clients: dict[str, aiohttp.ClientSession] = {}

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()

    async def cards(self, channel: str) -> list[Seen]:
        page = await self._page("ana", f"/?channel={channel}")
        assert f'<body data-channel="{channel}"' in page
        found = re.findall(r'<article class="card ([^"]*)" id="card-(\d+)"(.*?)</article>', page, re.DOTALL)
        return [_read(tone, ref, text) for tone, ref, text in found]

    async def thread(self, channel: str, ref: str) -> list[str]:
        page = await self._page("ana", f"/console/thread/{ref}")
        return [_words(entry) for entry in re.findall(r'<span class="entry">(.*?)</span>', page, re.DOTALL)]

    async def says(self, person: str, channel: str, text: str, duration: str = "", rest: str = "") -> Reply:
        client = await self._client(person)
        csrf = csrf_of(await self._page(person, "/"))
        form = {"csrf": csrf, "channel": channel, "text": text, "duration": duration, "rest": rest}
        async with client.post("/console/command", data=form, headers={WANTS_FRAGMENT: "1"}) as answer:
            page = await answer.text()
        assert answer.status == 200, page
        reply = re.search(r'class="reply (good|bad)">.*?<pre>(.*?)</pre>', page, re.DOTALL)
        assert reply, page
        return Reply(_words(reply[2]), reply[1] == "good")

    async def lets_in(self, person: str, channel: str) -> bool:
        return False  # the console is private by making

    async def puts_out(self, person: str, channel: str) -> None:
        raise NotImplementedError

    async def shares(self, channel: str, outside: bool = True) -> None:
        raise NotImplementedError

    async def archives(self, channel: str, archived: bool = True) -> None:
        raise NotImplementedError

    async def _page(self, person: str, path: str) -> str:
        async with (await self._client(person)).get(path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.text()

    async def _client(self, person: str) -> aiohttp.ClientSession:
        if person not in self._clients:
            client = aiohttp.ClientSession(self._url, cookie_jar=aiohttp.CookieJar(unsafe=True))
            self._clients[person] = client
            async with await sign_in(client, f"token-of-{person}") as answer:
                assert answer.status == 200, await answer.text()
        return self._clients[person]


def _read(tone: str, ref: str, text: str) -> Seen:
    buttons = {
        attributes["data-verb"].capitalize(): attributes.get("value") or attributes.get("data-command") or ""
        for attributes in (dict(re.findall(r'([\w-]+)="([^"]*)"', tag)) for tag in re.findall(r"<[^>]*data-verb=[^>]*>", text))
    }
    if "Snooze" in buttons:
        buttons["Snooze"] = _first(r'value="(snooze [^"]*) 30m"', text)
    return Seen(
        ref=ref,
        number=int(_first(r'class="number"[^>]*>#(\d+)<', text) or 0),  # 0: of many, a storm card
        state=_first(r'data-state="(\w+) ', text),
        severity=_first(r'data-state="\w+ (\w+)"', text),
        title=_words(_first(r"<h3[^>]*>(.*?)</h3>", text)),
        who=_words(_first(r'class="person">(.*?)<', text)),
        note=_words(_first(r"<blockquote>(.*?)</blockquote>", text)),
        silenced="<b>silenced</b>" in text,
        snoozed=">snoozed, " in text.replace("</svg>", ">"),
        closing="nothing fires, closing" in text,
        stub="stub" in tone.split(),
        buttons=buttons,
        text=html.unescape(text),
    )


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.DOTALL)
    return found[1] if found else ""


def _words(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup)).strip()
