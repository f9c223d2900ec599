"""The calls of the port, one of each, and what became of them."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from adapters.chat import Chat, DeliveryError, Failure, ThreadNote
from rules.card import Card
from rules.channel import Channel
from tests.adapters.chat_bench import Bench
from tests.adapters.chat_cards import a_card

CREATES = ("post", "reply_in_thread", "direct_message")
ASKS = ("update", "find", "find in a thread", "inspect", "clear_thread", "name_of", "members_of")
OF_NO_CHANNEL = ("direct_message", "name_of", "members_of")
"""They spend no budget that is known beforehand, either."""
OPS = (*CREATES, *ASKS)
NOTE = ThreadNote(42, ("severity rose", "acknowledged by Ana"))


class Outcome(NamedTuple):
    """`failure`: None where the call did its work. `written`: all that a log may say of it."""

    failure: Failure | None
    retry_after: float | None = None
    lane: str = ""
    written: str = ""


def calls(bench: Bench, ref: str, key: str) -> Mapping[str, Callable[[], Awaitable[object]]]:
    """Every call that a delivery makes, about the card `ref` in `ops` or, where it posts, under `key`."""
    chat, ops = bench.chat, bench.channels["ops"]
    return {
        "post": lambda: chat.post(ops, a_card(), key),
        "reply_in_thread": lambda: chat.reply_in_thread(ops, ref, NOTE, f"{key}-2"),
        "direct_message": lambda: chat.direct_message(bench.account, "you are on call", f"{key}-dm"),
        "update": lambda: chat.update(ops, ref, a_card(revision=2)),
        "find": lambda: chat.find(ops, key),
        "find in a thread": lambda: chat.find(ops, f"{key}-2", ref),
        "inspect": lambda: chat.inspect(ops),
        "clear_thread": lambda: chat.clear_thread(ops, ref),
        "name_of": lambda: chat.name_of(bench.account),
        "members_of": lambda: chat.members_of(bench.group),
    }


async def outcome(call: Awaitable[object]) -> Outcome:
    """Nothing but DeliveryError may come out of a call."""
    try:
        await call
    except DeliveryError as problem:
        written = "".join(traceback.format_exception(problem)) + repr(problem) + repr(problem.__dict__)
        return Outcome(problem.kind, problem.retry_after, problem.lane, written)
    return Outcome(None)


async def outcomes(bench: Bench, ref: str, key: str) -> dict[str, Outcome]:
    """All of them at once, as a busy outbox makes them."""
    made = calls(bench, ref, key)
    return dict(zip(made, await asyncio.gather(*(outcome(call()) for call in made.values())), strict=True))


async def posted(bench: Bench, card: Card | None = None, key: str = "k-1") -> str:
    return await bench.chat.post(bench.channels["ops"], card or a_card(), key)


async def reached(chat: Chat, channel: Channel) -> bool:
    """Whether a question is answered. It also ends connections of which the chat does not know yet that they are dead."""
    return (await outcome(chat.find(channel, "nothing"))).failure is None
