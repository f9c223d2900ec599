"""The chats of the leak matrix: who can read what there by their own account, what happens to them, and every byte that came.

One entry in PLATFORMS for each kind of chat; whatever comes next (Discord) is one more class and one more entry.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec
from aiohttp import web

from adapters.chat import Desk, Invocation
from tests.standins.faults import Fault
from tests.standins.httpchat import Facts, HttpChatServer, serving
from tests.stories.leaks import PEOPLE, Truth, account, group_id, room_id
from tests.stories.views import desk_of

Place = tuple[str, ...]
"""("room", name), ("person", chat, name), or NOBODY: where nothing of any alert may ever stand."""
NOBODY: Place = ("nobody",)


def person(chat: str, name: str) -> Place:
    return "person", chat, name


class Caught(NamedTuple):
    """What left Tocsin. `at`: on the story's clock. `way`: by which way out."""

    at: float
    place: Place
    way: str
    text: str


class Card(NamedTuple):
    """What stands in a room of an incident. `text`: all of it, with its thread."""

    stub: bool
    text: str


class Catch(Protocol):
    def __call__(self, place: Place, way: str, what: Any, at: float | None = None) -> None:
        """Keeps what came. `at`: when, if not now."""


@dataclass
class Scene:
    """What places need of the world. `desk(chat)`: where a chat hands what its platform sends."""

    now: Callable[[], float]
    catch: Catch
    desk: Callable[[str], Desk]


class Platform(Protocol):
    """`deaf`: rooms of which the platform does not say who is in them."""

    chat: str

    async def open(self, stack: AsyncExitStack, scene: Scene) -> str:
        """Begins to serve; the chat's line in the config."""

    async def started(self) -> None:
        """Once Tocsin runs."""

    def passes(self, seconds: float) -> None:
        """Time passes there, too."""

    def build(self, room: str, people: Sequence[str]) -> None: ...

    def truth(self, room: str) -> Truth: ...

    def told(self, group: str) -> frozenset[str]: ...

    def collect(self) -> None:
        """Hands over what came since."""

    def cards(self, room: str) -> Mapping[int, Card]: ...

    async def drift(self, room: str, what: str, on: bool, who: str, told: bool) -> bool:
        """False if that makes no sense there. `told`: whether Tocsin hears of it."""

    async def regroup(self, group: str, people: Sequence[str]) -> None: ...

    async def says(self, who: str, room: str, line: str) -> None: ...

    async def looks(self, who: str, room: str, numbers: Sequence[int], lines: Sequence[str], dice: int) -> None: ...


class HttpChatPlace:
    """The stand-in platform. What people do goes where its adapter would take it."""

    chat = "chat"

    async def open(self, stack: AsyncExitStack, scene: Scene) -> str:
        self.scene, self.server = scene, HttpChatServer()
        application = self.server.application()
        application.middlewares.append(self._listen)
        url = await stack.enter_async_context(serving(application))
        return f"{{type: httpchat, url: '{url}'}}"

    async def started(self) -> None:
        """There is nothing to connect."""

    def passes(self, seconds: float) -> None:
        """It has no clock."""

    @web.middleware
    async def _listen(self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
        body, (_, kind, name, *_) = (await request.read()).decode(), request.path.split("/")
        place: Place = NOBODY
        if kind == "channels" and body:
            place = "room", name.removeprefix("C0").lower()
        elif kind == "people" and body:
            place = person(self.chat, name.removeprefix("account-of-"))
        self.scene.catch(place, f"{request.method} {request.path}", body)
        self.scene.catch(NOBODY, f"address of a {request.method}", f"{request.rel_url} {dict(request.headers)}")
        return await handler(request)

    def build(self, room: str, people: Sequence[str]) -> None:
        self.server.facts[room_id(self.chat, room)] = Facts(members=[account(self.chat, one) for one in people])

    def truth(self, room: str) -> Truth:
        facts = self.server.facts[room_id(self.chat, room)]
        humans = frozenset(one.removeprefix("account-of-") for one in facts.members or ())
        return Truth(bool(facts.private), bool(facts.shared_outside), bool(facts.archived), humans)

    def told(self, group: str) -> frozenset[str]:
        return frozenset(one.removeprefix("account-of-") for one in self.server.groups.get(group_id(self.chat, group), {}))

    def collect(self) -> None:
        """It came in as it came."""

    def cards(self, room: str) -> Mapping[int, Card]:
        posts = [post for post in self.server.posts.values() if post.channel == room_id(self.chat, room) and not post.deleted]
        return {
            post.shown["number"]: Card(post.shown["stub"], repr([post.shown, *(reply.lines for reply in post.replies)]))
            for post in posts
        }

    async def drift(self, room: str, what: str, on: bool, who: str, told: bool) -> bool:
        facts, name = self.server.facts[room_id(self.chat, room)], account(self.chat, who)
        if who == "robot":
            return False
        match what:
            case "join":
                facts.members = [*(facts.members or ()), name]
            case "leave":
                facts.members = [one for one in facts.members or () if one != name]
            case "share":
                facts.shared_outside = on
            case "archive":
                facts.archived = on
            case "publish":
                facts.private = not on
            case "deaf":
                others = [one for one in self.server.script.faults if one.channel != room_id(self.chat, room)]
                deaf = [Fault("status", "inspect", channel=room_id(self.chat, room), status=503)] if on else []
                self.server.break_with(*others, *deaf)
                return True
        if told:
            self.scene.desk(self.chat).channel_changed(self.chat, room_id(self.chat, room), name)
        return True

    async def regroup(self, group: str, people: Sequence[str]) -> None:
        self.server.groups[group_id(self.chat, group)] = {account(self.chat, one): PEOPLE.get(one, one) for one in people}
        self.scene.desk(self.chat).group_changed(self.chat, group_id(self.chat, group))

    async def says(self, who: str, room: str, line: str) -> None:
        reply = await self.scene.desk(self.chat).command(self._by(who, room, line))
        self.scene.catch(person(self.chat, who), f"the reply to {line!r}", msgspec.to_builtins(reply))

    async def looks(self, who: str, room: str, numbers: Sequence[int], lines: Sequence[str], dice: int) -> None:
        desk, mine = self.scene.desk(self.chat), person(self.chat, who)
        for text in ("", "a", "ack ", "silence #", "unsilence ", "note kq", *lines[:2]):
            found = await desk.suggest(self._by(who, room, text))
            self.scene.catch(mine, f"suggestions to {text!r}", msgspec.to_builtins(found))
        for line in lines:
            preview = await desk.preview(self._by(who, room, line))
            self.scene.catch(mine, f"the preview of {line!r}", msgspec.to_builtins(preview))
        self.scene.catch(mine, "the home page", msgspec.to_builtins(await desk.home(self._by(who, "", ""))))
        for number in numbers:
            alone = await desk.card(self._by(who, "", str(number)))
            self.scene.catch(mine, f"the card of #{number}", msgspec.to_builtins(alone))
            card = msgspec.to_builtins(await desk.card(self._by(who, room, str(number))))
            self.scene.catch(mine, f"the card of #{number} to be shown in {room}", card)
            self.scene.catch(("room", room), f"the card of #{number}, shown by {who}", card)

    def _by(self, who: str, room: str, text: str) -> Invocation:
        return Invocation(self.chat, account(self.chat, who), text, room)


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(msgspec.to_builtins(value), ensure_ascii=False, default=repr)


def scene_desk(chats: Mapping[str, Any]) -> Callable[[str], Desk]:
    return lambda chat: desk_of(chats[chat])
