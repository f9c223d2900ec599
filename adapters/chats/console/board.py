"""How many cards of a channel are open, and how bad the worst is, without reading the log at every change."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from adapters.chat import MessageLog
from rules.alert import Severity
from rules.card import Card
from rules.incident import State

MOST_CARDS = 500
FRESH = 15.0  # seconds until the log is read again: another replica may have posted


class Tally(msgspec.Struct, frozen=True):
    """`worst` is the name of a severity, empty when nothing is open."""

    count: int
    worst: str


class Board:
    """The open cards of each channel of one chat."""

    def __init__(self, chat: str, messages: MessageLog, now: Callable[[], float]) -> None:
        self._chat = chat
        self._messages = messages
        self._now = now
        self._open: dict[str, dict[int, Severity]] = {}
        self._read_at: dict[str, float] = {}

    async def tally(self, channel: str) -> Tally:
        if self._now() >= self._read_at.get(channel, 0.0) + FRESH:
            await self._read(channel)
        worst = min(self._open[channel].values(), default=None)
        return Tally(len(self._open[channel]), "" if worst is None else worst.name)

    def learn(self, channel: str, message_id: int, card: Card) -> None:
        """A card was posted or edited."""
        known = self._open.get(channel, {})
        known.pop(message_id, None)
        if card.state != State.resolved:
            known[message_id] = card.severity

    async def _read(self, channel: str) -> None:
        rows = await self._messages.cards(self._chat, channel, MOST_CARDS)
        cards = {row.id: msgspec.json.decode(row.body, type=Card) for row in rows}
        self._open[channel] = {key: card.severity for key, card in cards.items() if card.state != State.resolved}
        self._read_at[channel] = self._now()
