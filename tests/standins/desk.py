"""A second implementation of the Desk port, in memory: what a chat is tested against.

Its commands edit cards through the chat itself, as the engine does, but with no incident behind them.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec.structs import replace

from adapters.chat import (
    DeliveryError,
    Failure,
    Home,
    Invocation,
    Message,
    MessageLog,
    Reply,
    Session,
    Sessions,
    Suggestion,
)  # fmt: skip
from rules.access import Caller
from rules.card import Button, Card
from rules.channel import Channel
from rules.incident import State

VERBS = {
    "ack": "take it on", "unack": "give it back", "resolve": "say it is over", "snooze": "no reminders for a while",
    "note": "tell others", "silence": "nobody is told", "incidents": "list what is open", "help": "what you can type",
}  # fmt: skip


class MemoryLog:
    """MessageLog over a list. `broken`: the store does not answer."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._rows: dict[int, Message] = {}
        self._keys: dict[tuple[str, str], int] = {}
        self._chats: dict[int, str] = {}
        self.broken = False

    def _check(self) -> None:
        if self.broken:
            raise DeliveryError(Failure.transient, "the store does not answer")

    async def add(self, chat: str, channel: str, key: str, body: bytes, parent: int = 0) -> int:
        self._check()
        if (chat, key) not in self._keys:
            row = Message(len(self._rows) + 1, channel, key, body, self._now(), self._now(), parent)
            self._rows[row.id] = row
            self._chats[row.id] = chat
            self._keys[(chat, key)] = row.id
        return self._keys[(chat, key)]

    async def edit(self, message_id: int, body: bytes) -> bool:
        self._check()
        if message_id not in self._rows:
            return False
        self._rows[message_id] = replace(self._rows[message_id], body=body, edited_at=self._now())
        return True

    async def find(self, chat: str, key: str) -> int | None:
        self._check()
        return self._keys.get((chat, key))

    async def cards(self, chat: str, channel: str, limit: int) -> Sequence[Message]:
        self._check()
        rows = [row for row in self._rows.values() if self._chats[row.id] == chat and row.channel == channel and not row.parent]
        return rows[-limit:]

    async def thread(self, parent: int) -> Sequence[Message]:
        self._check()
        return [row for row in self._rows.values() if parent and row.parent == parent]

    async def clear_thread(self, parent: int) -> None:
        self._check()
        for row in await self.thread(parent):
            del self._rows[row.id], self._keys[self._chats[row.id], row.key]

    def lose(self, message_id: int) -> None:
        """As if a person had deleted it."""
        del self._rows[message_id]


class MemorySessions:
    """Sessions over a dict. `tokens`: person's token -> key; `codes`: the same for one-time codes."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self.tokens = dict(tokens)
        self.codes: dict[str, str] = {}
        self.live: dict[str, Session] = {}

    async def sign_in(self, token: str, address: str) -> str | None:
        person = self.codes.pop(token, None) or self.tokens.get(token)
        if person is None:
            return None
        cookie = secrets.token_urlsafe(16)
        self.live[cookie] = Session(person, secrets.token_urlsafe(16))
        return cookie

    async def session(self, cookie: str) -> Session | None:
        return self.live.get(cookie)

    async def sign_out(self, cookie: str) -> None:
        self.live.pop(cookie, None)


class Updates(Protocol):
    """What the stand-in needs of a chat."""

    async def update(self, channel: Channel, ref: str, card: Card) -> str: ...


class StandinDesk:
    """The Desk port. `callers`: who there is, by key; `clock`: seconds since the epoch, moved by the test."""

    def __init__(self, channels: Mapping[str, Channel], callers: Mapping[str, Caller], public_url: str = "") -> None:
        self.clock = 1_767_668_400.0  # 2026-01-06 03:00 UTC
        self.public_url = public_url
        self.all_channels = dict(channels)
        self.callers = dict(callers)
        self.log = MemoryLog(self.now)
        self.messages: MessageLog = self.log
        self.signed_in = MemorySessions({f"token-of-{key}": key for key in callers})
        self.sessions: Sessions = self.signed_in
        self.invocations: list[Invocation] = []
        self.homes: dict[str, Home] = {}
        self.changed_groups: list[tuple[str, str]] = []
        self.changed_channels: list[tuple[str, str, str]] = []
        self.broken = False
        self.on_preview: Callable[[Invocation], Awaitable[Reply]] = self._preview
        self.on_command: Callable[[Invocation], Awaitable[Reply]] = self._edit_card
        self._cards: dict[int, tuple[Updates, Channel, str, Card]] = {}

    def now(self) -> float:
        return self.clock

    def channels(self, chat: str) -> Mapping[str, Channel]:
        return {name: channel for name, channel in self.all_channels.items() if channel.chat == chat}

    def caller(self, person: str) -> Caller:
        return self.callers.get(person, Caller())

    def may_read(self, person: str, channel: Channel) -> bool:
        return bool(self.caller(person).groups.intersection(channel.audience))

    def channel_changed(self, chat: str, channel_id: str = "", account: str = "") -> None:
        self.changed_channels.append((chat, channel_id, account))

    def group_changed(self, chat: str, group: str = "") -> None:
        self.changed_groups.append((chat, group))

    async def command(self, invocation: Invocation) -> Reply:
        self.invocations.append(invocation)
        return await self.on_command(invocation)

    async def suggest(self, invocation: Invocation) -> Sequence[Suggestion]:
        return [Suggestion(line, hint) for line, hint in self._lines().items() if line.startswith(invocation.text)]

    async def preview(self, invocation: Invocation) -> Reply:
        return await self.on_preview(invocation)

    async def card(self, invocation: Invocation) -> Card | None:
        """A watched card, for whoever is among `callers`, in any channel that is not `public`."""
        number = invocation.text.lstrip("#")
        entry = self._cards.get(int(number)) if number.isdigit() and invocation.account in self.callers else None
        channel = self.all_channels.get(invocation.channel)
        return entry[3] if entry and not (channel and channel.clearance == "public") else None

    async def home(self, invocation: Invocation) -> Home:
        if self.broken:
            raise DeliveryError(Failure.transient, "the store does not answer")
        return self.homes.get(invocation.account, Home())

    def watch(self, chat: Updates, channel: Channel, ref: str, card: Card) -> None:
        """From now on commands on this card's number edit it."""
        self._cards[card.number] = (chat, channel, ref, card)

    def _lines(self) -> dict[str, str]:
        numbered = {f"ack {number}": entry[3].title for number, entry in self._cards.items()}
        return {**VERBS, **numbered}

    async def _preview(self, invocation: Invocation) -> Reply:
        return Reply('It would mute 1 firing alert now: {a="b"}', matchers='{a="b"}')

    async def _edit_card(self, invocation: Invocation) -> Reply:
        verb, _, rest = invocation.text.partition(" ")
        number, _, words = rest.replace("-- ", "", 1).lstrip("#").partition(" ")
        entry = self._cards.get(int(number)) if number.isdigit() else None
        if verb not in VERBS or entry is None:
            return Reply(f"There is no {invocation.text!r}.", ok=False)
        chat, channel, ref, card = entry
        after = after_command(card, verb, words, self.caller(invocation.account).name, self.clock)
        self.watch(chat, channel, ref, after)
        await chat.update(channel, ref, after)
        return Reply(f"#{number}: {verb} done")


def after_command(card: Card, verb: str, words: str, who: str, now: float) -> Card:
    """The card as it looks after a command."""
    n = card.number
    changes: dict[str, dict[str, object]] = {
        "ack": {"state": State.acknowledged, "owner": who, "note": words or card.note},
        "unack": {"state": State.firing, "owner": ""},
        "resolve": {"state": State.resolved, "resolved_at": now, "resolved_by": who, "buttons": ()},
        "note": {"note": words},
        "snooze": {"snoozed_until": now + 1800.0},
        "silence": {"silenced": words},
    }
    after: Card = msgspec.structs.replace(card, revision=card.revision + 1, **changes[verb])
    swap = {"ack": Button("unack", "Unack", f"unack {n}"), "unack": Button("ack", "Ack", f"ack {n}")}
    return replace(after, buttons=(swap[verb], *after.buttons[1:])) if verb in swap else after
