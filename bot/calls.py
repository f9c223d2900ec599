"""Calls to one chat: paced by its lanes, bounded in time, counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from adapters.chat import Chat, DeliveryError, Failure, Lane
from bot import metrics
from bot.pace import Pace
from bot.store.deliveries import IN_HAND, URGENT, Call, Delivery
from rules.channel import Channel

R = TypeVar("R")

CALL_SECONDS = 15.0
"""A call that took longer may or may not have arrived."""


class Later(Exception):
    """A call must wait for its lane, in seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"in {wait:.2f} s")
        self.wait = wait


class Calls:
    """`clock`: seconds that do not jump."""

    def __init__(self, chat: Chat, clock: Callable[[], float]) -> None:
        self._chat, self._pace = chat, Pace(clock)
        self._paid: dict[int, tuple[Call, Sequence[Lane]]] = {}  # calls whose tokens are spent already, by the card's id

    def wait(self, op: str, name: str, channel: Channel, row: Delivery | None = None) -> float:
        """The seconds until a call may be made in a channel of that name; 0.0: now. Without a `row`, for the most urgent card."""
        lanes = self._chat.lanes(Call.post if op == URGENT else op, channel, row.ref or "" if row else "")
        return max(self._pace.held(_all_of(name)), self._pace.wait(lanes, row is None or _is_urgent(op, row)))

    def pay(self, row: Delivery, op: Call, channel: Channel) -> None:
        """Spends the tokens of the first call of a card that is about to be delivered, so that no other card gets them."""
        lanes = self._chat.lanes(op, channel, row.ref or "")
        self._pace.spend(lanes)
        self._paid[row.id] = op, lanes

    def landed(self, card: int) -> None:
        """The delivery is over; a call that it did not make is free for others."""
        if unused := self._paid.pop(card, None):
            self._pace.give_back(unused[1])

    def refused(self, name: str, lane: str, seconds: float) -> None:
        """The platform asks for patience: in one lane, or (`lane` empty) in all of the channel of that name."""
        self._pace.hold(lane or _all_of(name), seconds)

    async def make(self, op: str, row: Delivery, channel: Channel, call: Callable[[], Awaitable[R]]) -> R:
        """Raises Later if one of its lanes is full, and DeliveryError."""
        lanes = self._spend(op, row, channel)
        outcome = "ok"
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await call()
        except TimeoutError as problem:
            outcome = Failure.unknown_outcome
            raise DeliveryError(Failure.unknown_outcome, f"no answer to {op} within {CALL_SECONDS:.0f} s") from problem
        except DeliveryError as problem:
            outcome = problem.kind
            raise
        finally:
            self._pace.answered(lanes)
            metrics.DELIVERIES.labels(row.channel, op, outcome).inc()

    def _spend(self, op: str, row: Delivery, channel: Channel) -> Sequence[Lane]:
        paid = self._paid.get(row.id)
        if paid and paid[0] == op:
            del self._paid[row.id]
            return paid[1]
        lanes = self._chat.lanes(op, channel, row.ref or "")
        if wait := self._pace.wait(lanes, _is_urgent(op, row)):
            raise Later(wait)
        self._pace.spend(lanes)
        return lanes


def _is_urgent(op: str, row: Delivery) -> bool:
    """Whether it may spend the last tokens of a lane. Only what comes new is held back: edits end storms, and are few."""
    return row.urgency <= IN_HAND or op not in (Call.post, Call.reply_in_thread)


def _all_of(channel: str) -> str:
    """What a hold on a whole channel is called, beside those on single lanes."""
    return f"all of {channel}"
