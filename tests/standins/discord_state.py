"""What the stand-in Discord keeps: people, roles, channels, messages with their edits. It knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec

Body = dict[str, Any]
EPOCH = 1_420_070_400.0
"""Where snowflakes count from."""


class DiscordError(Exception):
    """An answer with a code. `errors`: the tree of a form that is wrong; `headers`, `more`: what comes besides."""

    def __init__(
        self, status: int, code: int, message: str, errors: Body | None = None, headers: Body | None = None, **more: Any
    ) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status, self.code, self.message = status, code, message
        self.errors, self.headers, self.more = errors, headers or {}, more

    def body(self) -> Body:
        return {"message": self.message, "code": self.code, **({"errors": self.errors} if self.errors else {}), **self.more}


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
    """Somebody. `member`: is in the guild; `roles`: ids, without @everyone; `closed`: takes no direct messages of the bot."""

    id: str
    name: str
    bot: bool = False
    member: bool = True
    roles: list[str] = []
    nick: str | None = None
    closed: bool = False
    locale: str = "en-US"


class Role(msgspec.Struct):
    id: str
    name: str
    permissions: int = 0
    mentionable: bool = False
    managed: bool = False
    position: int = 1


class Overwrite(msgspec.Struct):
    """`kind`: 0 a role, 1 a member."""

    id: str
    kind: int
    allow: int = 0
    deny: int = 0


class Channel(msgspec.Struct):
    """`kind`: 0 text, 1 direct messages, 4 category, 5 announcements, 11 public thread, 15 forum. `user`: whose direct messages.

    `parent`: the category, or the channel of a thread. `owner`, `archived`, `locked`, `archive_minutes`: of a thread.
    """

    id: str
    name: str = ""
    kind: int = 0
    parent: str = ""
    overwrites: dict[str, Overwrite] = {}
    topic: str | None = None
    user: str = ""
    owner: str = ""
    archived: bool = False
    locked: bool = False
    archive_minutes: int = 4320
    born: float = 0.0

    @property
    def is_thread(self) -> bool:
        return self.kind in (10, 11, 12)


class Version(msgspec.Struct):
    """What a message said at one time. `by`: the call that made it. `allowed`: its allowed_mentions, None if it had none.

    `calls`: whom it would have called, `mentions`: whom if the bot had every permission; such as @everyone, <@5>, <@&7>.
    """

    at: float
    by: str
    content: str = ""
    embeds: list[Body] = []
    components: list[Body] = []
    allowed: Body | None = None
    calls: list[str] = []
    mentions: list[str] = []


class Message(msgspec.Struct):
    """A message and its edits, oldest first. `only_for`: who sees it, if it is ephemeral. `asked`: the body of its post.

    `interaction`: the id of the interaction that it answers; `loading`: the bot is thinking.
    """

    id: str
    channel: str
    author: str
    versions: list[Version]
    nonce: str = ""
    kind: int = 0
    flags: int = 0
    only_for: str = ""
    interaction: str = ""
    loading: bool = False
    deleted: bool = False
    thread: str = ""
    asked: Body = {}
    reference: str = ""

    @property
    def last(self) -> Version:
        return self.versions[-1]

    @property
    def content(self) -> str:
        return self.last.content

    @property
    def embeds(self) -> list[Body]:
        return self.last.embeds

    @property
    def components(self) -> list[Body]:
        return self.last.components

    @property
    def nonce_key(self) -> tuple[str, str, str]:
        return (self.channel, self.author, self.nonce)


class World:
    """Everything there is: one guild, its people and what they say. Attributes are for tests to change."""

    guild, guild_name = "41771983423143937", "standin"
    app, bot = "172150183260323840", "172150183260323841"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.owner = "53908099506183680"
        self.users: dict[str, User] = {}
        self.roles: dict[str, Role] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[str, Message] = {}
        self.ephemerals: list[Message] = []
        self.commands: list[Body] = []
        """The guild's commands as they are registered now."""
        self.installed = True
        """Whether the bot is in the guild."""
        self.interactions_url = ""
        """Set in the portal: then no interaction comes over the gateway."""
        self.enabled_intents = {"members"}
        """Privileged intents that are switched on in the portal: members, message_content, presences."""
        self.events: list[Callable[[str, Body], object]] = []
        """Who is told of events that calls and people cause: name, body."""
        self.nonce_window = 180.0
        """Seconds that enforce_nonce remembers. Documented as "the past few minutes"; a guess."""
        self.attachment_limit = 10_485_760
        self._last_id = 0
        self._changed = asyncio.Event()

    def new_id(self) -> str:
        """A snowflake of this moment, unique and in order."""
        self._last_id = max(self._last_id + 1, snowflake(self.clock.now()))
        return str(self._last_id)

    def tell(self, event: str, body: Body) -> None:
        for listener in self.events:
            listener(event, body)
        self.changed()

    def find(self, channel: str, message: str) -> Message | None:
        """The message, unless it is deleted."""
        found = self.messages.get(message)
        return found if found and not found.deleted and found.channel == channel else None

    def said_in(self, channel: str) -> list[Message]:
        """What everybody there sees, oldest first."""
        return [m for m in self.messages.values() if m.channel == channel and not m.deleted]

    def keep(self, message: Message) -> None:
        if message.only_for:
            self.ephemerals.append(message)
        else:
            self.messages[message.id] = message
        self.changed()

    def direct(self, user: str) -> Channel:
        """The direct messages of the bot with a user."""
        found = next((c for c in self.channels.values() if c.user == user), None)
        if found is None:
            channel_id = self.new_id()
            found = self.channels[channel_id] = Channel(channel_id, kind=1, user=user, born=self.clock.now())
        return found

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


def snowflake(at: float) -> int:
    """The first id of that moment."""
    return int((at - EPOCH) * 1000) << 22


def born(snowflake_id: str) -> float:
    """When an id was made, in seconds since the epoch."""
    return (int(snowflake_id) >> 22) / 1000 + EPOCH
