"""What the engine offers a chat: the clock, its channels, who people are, and commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from adapters.chat import DeliveryError, Failure, Home, Invocation, MessageLog, Reply, Sessions, Suggestion
from bot.commands import Commands
from bot.policy import Policy
from bot.rollcall import Rollcall
from bot.standings import Standings
from bot.store.writer import StoreUnavailable
from bot.witness import Origin
from rules.access import Caller
from rules.card import Card
from rules.channel import Channel


class Desk:
    """Implements adapters.chat.Desk. `relay` tells other replicas of a change: chat, place, account, of a group."""

    def __init__(
        self,
        policy: Callable[[], Policy],
        clock: Callable[[], float],
        messages: MessageLog,
        sessions: Sessions,
        commands: Commands,
        rollcall: Rollcall | None = None,
        standings: Standings | None = None,
        relay: Callable[[str, str, str, bool], None] = lambda chat, place, account, group: None,
    ) -> None:
        self._policy, self._clock, self._commands = policy, clock, commands
        self._rollcall, self._standings, self._relay = rollcall, standings, relay
        self.messages, self.sessions = messages, sessions

    @property
    def public_url(self) -> str:
        return self._policy().config.public_url

    def now(self) -> float:
        return self._clock()

    def channels(self, chat: str) -> Mapping[str, Channel]:
        return {name: channel for name, channel in self._policy().channels.items() if channel.chat == chat}

    def caller(self, person: str) -> Caller:
        return self._policy().caller(person)

    def may_read(self, person: str, channel: Channel) -> bool:
        return self._policy().may_read(person, channel)

    def channel_changed(self, chat: str, channel_id: str = "", account: str = "") -> None:
        if self._standings:
            self._standings.channel_changed(chat, channel_id)
        self._relay(chat, channel_id, account, False)

    def group_changed(self, chat: str, group: str = "") -> None:
        if self._rollcall:
            self._rollcall.ask(chat, group)
        self._relay(chat, group, "", True)

    async def command(self, invocation: Invocation) -> Reply:
        return await self._commands.run(self._person(invocation), invocation.text, _origin(invocation))

    async def suggest(self, invocation: Invocation) -> Sequence[Suggestion]:
        return await self._commands.suggest(self._person(invocation), invocation.text)

    async def preview(self, invocation: Invocation) -> Reply:
        return await self._commands.preview(self._person(invocation), invocation.text)

    async def card(self, invocation: Invocation) -> Card | None:
        number = invocation.text.strip().removeprefix("#")
        if not (number.isascii() and number.isdecimal() and len(number) < 10):
            return None
        channel = self.channels(invocation.chat).get(invocation.channel)
        if invocation.channel and channel is None:
            return None
        with _no_store_is_transient():
            return await self._commands.card(self._person(invocation), int(number), channel, _origin(invocation))

    async def home(self, invocation: Invocation) -> Home:
        with _no_store_is_transient():
            return await self._commands.home(self._person(invocation), _origin(invocation))

    def _person(self, invocation: Invocation) -> str:
        return self._policy().person_of(invocation.chat, invocation.account)


def _origin(invocation: Invocation) -> Origin:
    return Origin(f"{invocation.chat}:{invocation.account}", invocation.channel)


@contextmanager
def _no_store_is_transient() -> Iterator[None]:
    try:
        yield
    except StoreUnavailable as problem:
        raise DeliveryError(Failure.transient, str(problem)) from problem
