"""What the stand-in Slack keeps: people, channels, messages with their edits, views. It knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

Body = dict[str, Any]


class SlackError(Exception):
    """An answer with `ok: false`. `more`: what the body says besides the code."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.more = more


class Clock:
    """Seconds since the epoch, running `speed` times as fast as the machine's; `jump` moves it."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._started, self._from = time.time(), time.monotonic()

    def now(self) -> float:
        return self._started + (time.monotonic() - self._from) * self.speed

    def jump(self, seconds: float) -> None:
        self._started += seconds


class User(msgspec.Struct):
    """`flags`: fields of the user object as users.info gives them, such as is_restricted=True for a guest."""

    id: str
    name: str
    flags: Body = {}


class Channel(msgspec.Struct):
    """`flags`: fields of the conversation object, such as is_ext_shared=True; a field set to None is left out of the answer.

    `refuses`: the error code that posting gets, such as restricted_action. `user`: whose direct messages these are.
    """

    id: str
    name: str = ""
    private: bool = False
    archived: bool = False
    members: list[str] = []
    flags: Body = {}
    refuses: str = ""
    user: str = ""


class Version(msgspec.Struct):
    """What a message said at one time. `by`: the call that made it. `link_names`, `parse`: as that call asked."""

    at: float
    by: str
    text: str = ""
    blocks: list[Body] = []
    attachments: list[Body] = []
    link_names: bool = False
    parse: str = ""

    @property
    def all_blocks(self) -> Iterator[tuple[int, Body]]:
        """Each block with the number of its attachment, from 1; 0 outside of them."""
        yield from ((0, block) for block in self.blocks)
        for number, attachment in enumerate(self.attachments, 1):
            yield from ((number, block) for block in attachment.get("blocks") or ())


class Message(msgspec.Struct):
    """A message and its edits, oldest first. `only_for`: who sees it, if it is ephemeral. `asked`: the arguments of its post."""

    channel: str
    ts: str
    user: str
    versions: list[Version]
    thread_ts: str = ""
    metadata: Body = {}
    only_for: str = ""
    deleted: bool = False
    asked: Body = {}

    @property
    def last(self) -> Version:
        return self.versions[-1]

    @property
    def text(self) -> str:
        """The plain text of notifications, as it was sent."""
        return self.last.text

    @property
    def blocks(self) -> list[Body]:
        return self.last.blocks

    @property
    def attachments(self) -> list[Body]:
        return self.last.attachments

    @property
    def colour(self) -> str:
        return next((str(one["color"]) for one in self.attachments if one.get("color")), "")

    @property
    def is_reply(self) -> bool:
        return self.thread_ts not in ("", self.ts)


class View(msgspec.Struct):
    """A modal or a home tab. `body`: the view as it was sent; `values`: block_id -> action_id -> what was typed or chosen."""

    id: str
    user: str
    body: Body
    hash: str
    root: str
    previous: str = ""
    values: dict[str, Body] = {}
    errors: dict[str, str] = {}
    open: bool = True


class Trigger(msgspec.Struct):
    user: str
    born: float
    view: str = ""
    used: bool = False


class ResponseUrl(msgspec.Struct):
    """`message`: which one it replaces or deletes."""

    user: str
    channel: str
    born: float
    message: Message | None = None
    uses: int = 0


class Unfurl(msgspec.Struct):
    channel: str
    ts: str
    url: str
    attachment: Body


class Workspace:
    """Everything that is said and shown. Ids are made here, in order."""

    team, app, bot_user, bot, domain = "T0STANDIN", "A0TOCSIN", "U0TOCSIN", "B0TOCSIN", "standin"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.users: dict[str, User] = {self.bot_user: User(self.bot_user, "tocsin", {"is_bot": True})}
        self.channels: dict[str, Channel] = {}
        self.usergroups: dict[str, tuple[str, list[str]]] = {}
        self.messages: list[Message] = []
        self._by_ts: dict[tuple[str, str], Message] = {}
        self._threads: dict[tuple[str, str], list[Message]] = {}
        self.ephemerals: list[Message] = []
        self.views: dict[str, View] = {}
        self.unfurls: list[Unfurl] = []
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.events: list[Callable[[Body], object]] = []
        """Who is told of events that calls cause."""
        # How this workspace is set up; tests change it.
        self.free_plan = False
        self.home_enabled = True
        self.unfurl_domains: list[str] = []
        self.orphans = ""
        """The error that a reply to an unknown parent gets; empty: it is kept, which is what we have seen told."""
        self.history_lag = 0.0
        """Seconds until a message shows in history."""
        self.edit_window: float | None = None
        """Seconds after which a message may no longer be edited."""
        self.trigger_life = 3.0
        self.response_url_life = 1800.0
        self.response_url_uses = 5
        self.metadata_bytes = 8000
        """Not published; a guess."""
        self._ids = itertools.count(1)
        self._last_ts = 0
        self._changed = asyncio.Event()

    def new_id(self, prefix: str) -> str:
        return f"{prefix}{next(self._ids):07d}"

    def new_ts(self) -> str:
        """Unique, in order, and a text: as a float it would lose its last digits."""
        self._last_ts = max(self._last_ts + 1, int(self.clock.now() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def changed(self) -> None:
        """Wakes whoever waits for something to happen."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, true: Callable[[], Any], within: float = 5.0, what: str = "") -> Any:
        """Waits until `true()` is so, and returns what it gave. Raises AssertionError after `within` real seconds."""
        end = time.monotonic() + within
        while not (found := true()):
            if (left := end - time.monotonic()) <= 0:
                raise AssertionError(f"not within {within} s: {what or true}")
            try:
                # Not everything that a test asks about is told by changed().
                await asyncio.wait_for(self._changed.wait(), min(left, 0.02))
            except TimeoutError:
                continue
        return found

    def tell(self, event: Body) -> None:
        for listener in self.events:
            listener(event)

    def find(self, channel: str, ts: str) -> Message | None:
        """The message, unless it is deleted."""
        message = self._by_ts.get((channel, ts))
        return message if message and not message.deleted else None

    def keep(self, message: Message) -> None:
        self.messages.append(message)
        self._by_ts[(message.channel, message.ts)] = message
        if message.is_reply:
            self._threads.setdefault((message.channel, message.thread_ts), []).append(message)
        self.changed()

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The replies to a message, oldest first."""
        return [message for message in self._threads.get((channel, ts), ()) if not message.deleted]

    def reach(self, name: str) -> Channel:
        """The channel of an id or a name; of a user's id, their direct messages. Raises channel_not_found."""
        if name in self.users and name != self.bot_user:
            return self.direct(name)
        named = (channel for channel in self.channels.values() if channel.name and channel.name == name.lstrip("#"))
        found = self.channels.get(name) or next(named, None)
        if found is None or (found.private and not found.user and self.bot_user not in found.members):
            raise SlackError("channel_not_found")
        return found

    def direct(self, user: str) -> Channel:
        """The direct messages of the bot with a user."""
        channel_id = f"D{user[1:]}"
        return self.channels.setdefault(channel_id, Channel(channel_id, "", True, members=[user, self.bot_user], user=user))

    def new_trigger(self, user: str, view: str = "") -> str:
        trigger = f"{self.new_id('')}.{self.team}.{self.new_id('x')}"
        self.triggers[trigger] = Trigger(user, time.monotonic(), view)
        return trigger

    def use_trigger(self, trigger_id: str) -> Trigger:
        """Raises what an unknown, a used or an old trigger gets."""
        trigger = self.triggers.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if time.monotonic() - trigger.born > self.trigger_life:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger

    def new_response_url(self, user: str, channel: str, message: Message | None = None) -> str:
        """The key of a new one."""
        key = self.new_id("R")
        self.response_urls[key] = ResponseUrl(user, channel, self.clock.now(), message)
        return key
