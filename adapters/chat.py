"""The port of a chat: cards out, commands in. The outbox waits and retries, never the adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, Protocol

import msgspec
from aiohttp import web
from pydantic import Field

from rules.access import Caller, Strict
from rules.card import Card
from rules.channel import Channel, ChannelFacts


class ChatConfig(Strict):
    """A chat: where people read alerts."""

    type: str = Field(description="The kind of chat.")
    group_key: ClassVar[str] = ""
    """Under which key a group of the config names the platform's own group; empty where the platform has none."""
    one_session: ClassVar[bool] = False
    """Whether only one process may be connected at a time: of several replicas, the leader."""


class Failure(StrEnum):
    """Why a delivery failed; each kind has one way on, decided in bot/delivery.py."""

    transient = "transient"  # nothing arrived: again after a back-off
    rate_limited = "rate_limited"  # nothing arrived: again after `retry_after`
    unknown_outcome = "unknown_outcome"  # it may have arrived: `find` first
    message_gone = "message_gone"  # a person deleted the card: post afresh
    channel_unreachable = "channel_unreachable"  # archived, removed: tell the admins, look again now and then
    payload = "payload"  # refused for what it holds: once more as plain text, then tell the admins
    credentials = "credentials"  # the token is dead: stop this chat, tell the admins


class DeliveryError(Exception):
    """A call to a chat that did not do its work. `retry_after`: seconds the platform asks for, or None. No secret in the text.

    `lane`: of a rate_limited call, the name of the lane that is full, if the platform tells; else its whole channel waits.
    """

    def __init__(self, kind: Failure, reason: str, retry_after: float | None = None, lane: str = "") -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.retry_after = retry_after
        self.lane = lane


class ThreadNote(msgspec.Struct, frozen=True):
    """What a thread is told: lines of untrusted plain text, oldest first."""

    number: int
    lines: tuple[str, ...]


class Invocation(msgspec.Struct, frozen=True):
    """A command from a chat: its text in the one grammar, and who sent it from where.

    `account`: the platform's own user id, or the key of a person where the chat knows people (console). `channel`: the
    config's name of the channel, empty outside of one.
    """

    chat: str
    account: str
    text: str
    channel: str = ""


class Reply(msgspec.Struct, frozen=True):
    """The private answer to a command. Plain text; lines are separated by newlines.

    `matchers`: of the preview of a silence, what it would mute, as one may write and edit it.
    """

    text: str
    ok: bool = True
    matchers: str = ""


class Suggestion(msgspec.Struct, frozen=True):
    """One way to go on typing: the whole line it would make, and what that does."""

    line: str
    hint: str


class Message(msgspec.Struct, frozen=True):
    """A post that Tocsin keeps itself, for a chat that has no server of its own (the console).

    `key` names it once and for all. `parent` is the id of the card whose thread it is in, 0 for a card. `body` is the adapter's
    own JSON. Times are seconds since the epoch.
    """

    id: int
    channel: str
    key: str
    body: bytes
    at: float
    edited_at: float
    parent: int = 0


class MessageLog(Protocol):
    """Where such posts are kept. Raises DeliveryError(transient) when the store does not answer."""

    async def add(self, chat: str, channel: str, key: str, body: bytes, parent: int = 0) -> int:
        """The id of the post; that of the earlier one if the key is known."""

    async def edit(self, message_id: int, body: bytes) -> bool:
        """Whether there was such a post."""

    async def find(self, chat: str, key: str) -> int | None: ...

    async def cards(self, chat: str, channel: str, limit: int) -> Sequence[Message]:
        """The cards of a channel, the latest posted last."""

    async def thread(self, parent: int) -> Sequence[Message]: ...

    async def clear_thread(self, parent: int) -> None:
        """Removes all posts of the thread for good."""


SESSION_COOKIES = ("__Host-tocsin", "tocsin")
"""The names of the cookie that proves a session: over https, and without."""


class Session(msgspec.Struct, frozen=True):
    """A signed-in browser: the person's key, and the value that forms must send back (CSRF)."""

    person: str
    csrf: str


class Sessions(Protocol):
    """Sign-in of people, by their token or by the one-time link printed at start. Sessions survive a restart."""

    async def sign_in(self, token: str, address: str) -> str | None:
        """A new session's cookie value for a person's token or a one-time code, compared in constant time; None if neither.

        `address`: where it is tried from. Raises adapters.source.Rejected(429) for whoever has guessed wrong too often.
        """

    async def session(self, cookie: str) -> Session | None: ...

    async def sign_out(self, cookie: str) -> None: ...


class Home(msgspec.Struct, frozen=True):
    """What a person finds on their own page: what they own, what they acknowledged and forgot, silences that end soon.

    `forgotten`: cards they acknowledged long ago that still fire. `silences`: (id, matchers as one may write them, end in seconds
    since the epoch).
    """

    mine: tuple[Card, ...] = ()
    forgotten: tuple[Card, ...] = ()
    silences: tuple[tuple[str, str, float], ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """One line of `tocsin doctor`: what was looked at, whether it is well, and if not, the one thing to do."""

    what: str
    ok: bool
    remedy: str = ""


class Desk(Protocol):
    """What the engine offers a chat."""

    messages: MessageLog
    sessions: Sessions
    public_url: str

    def now(self) -> float:
        """Seconds since the epoch: the only clock."""

    def channels(self, chat: str) -> Mapping[str, Channel]:
        """The channels of this chat, by name, as the config says now."""

    def caller(self, person: str) -> Caller:
        """What the access rules know of a person's key; a stranger for an unknown one."""

    def may_read(self, person: str, channel: Channel) -> bool:
        """Whether the person belongs to the channel's audience."""

    def channel_changed(self, chat: str, channel_id: str = "", account: str = "") -> None:
        """Who can read a channel may be another question now: somebody came, it was shared, a right was changed.

        `channel_id`: the platform's own; empty for any channel of the chat. `account`: whom it is about, if the platform tells.
        Until the chat was asked again, the channel counts as not verified.
        """

    def group_changed(self, chat: str, group: str = "") -> None:
        """Who is in a group of the platform is another question now; empty for any group of the chat."""

    async def command(self, invocation: Invocation) -> Reply:
        """Runs a command; never raises."""

    async def suggest(self, invocation: Invocation) -> Sequence[Suggestion]:
        """How the text typed so far may go on, with what this person may see."""

    async def preview(self, invocation: Invocation) -> Reply:
        """What a command would do, in words, without doing it (`It would mute 3 firing alerts.`); never raises."""

    async def card(self, invocation: Invocation) -> Card | None:
        """The full card of the incident whose number is the invocation's text, if this person may see it.

        If the invocation names a channel, the card is to be shown there: then only if that channel's clearance allows it, too.
        Raises DeliveryError(transient) when the store does not answer.
        """

    async def home(self, invocation: Invocation) -> Home:
        """The person's own page; empty for a stranger. Raises DeliveryError(transient) when the store does not answer."""


class Lane(msgspec.Struct, frozen=True):
    """A budget that a call spends: `per_second` on average, `burst` at once."""

    name: str
    per_second: float
    burst: int


class Chat(Protocol):
    """One configured chat. Calls raise DeliveryError only. `key` names a post: the same key never shows twice."""

    @property
    def trouble(self) -> str:
        """Why nothing comes in from this chat now, in words without a secret; empty when all is well."""

    async def start(self) -> None:
        """Connects; returns when it may be used. A chat that is down starts all the same and goes on trying."""

    async def stop(self) -> None: ...

    async def post(self, channel: Channel, card: Card, key: str) -> str:
        """Shows a card and returns the platform's handle of it, opaque to us."""

    async def update(self, channel: Channel, ref: str, card: Card) -> str:
        """Edits the card in place and returns its handle, usually the same."""

    async def reply_in_thread(self, channel: Channel, ref: str, note: ThreadNote, key: str) -> None: ...

    async def direct_message(self, account: str, text: str, key: str) -> str: ...

    async def find(self, channel: Channel, key: str, thread: str = "", since: float = 0.0) -> str | None:
        """The handle of the post with this key if it arrived; None if it surely did not. Raises DeliveryError if it cannot tell.

        `thread`: the handle of the card in whose thread to look, for the key of a reply. `since`: it cannot have been posted
        before this time, in seconds since the epoch (0.0: not known).
        """

    def lanes(self, op: str, channel: Channel, ref: str = "") -> Sequence[Lane]:
        """The budgets that a call spends; `op` is the name of a method above, `ref` the message that it is about."""

    async def inspect(self, channel: Channel) -> ChannelFacts:
        """Who can read the channel, as the platform says now."""

    async def clear_thread(self, channel: Channel, ref: str) -> None:
        """Takes back all that we said in the thread of a card; the card stays. Done again, it does nothing more."""

    async def members_of(self, group: str) -> Mapping[str, str]:
        """The humans in a group of the platform (user group, role): account -> name. Raises DeliveryError if it cannot tell."""

    async def name_of(self, account: str) -> str:
        """What people call this account there; the account itself where the platform does not know it. Raises DeliveryError."""

    def forget(self, channel_id: str, account: str) -> None:
        """Another replica heard of a change, as in Desk.channel_changed: what was said of it before counts no more."""

    def link(self, channel: Channel, ref: str) -> str:
        """The address of a posted card, or empty."""

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """HTTP routes that this chat needs for its inbound side."""

    async def diagnose(self, channels: Mapping[str, Channel], accounts: Mapping[str, str]) -> Sequence[Finding]:
        """Looks at tokens, rights, channels and people for `tocsin doctor`; asks the platform, changes nothing, needs no `start`.

        `accounts`: person key -> their id on this platform.
        """
