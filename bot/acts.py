"""What verbs do to an incident, and how that is told to whoever used them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from bot import answers
from bot.moves import Move
from bot.policy import Policy
from bot.store.requests import Decision
from bot.witness import Origin
from rules import handling
from rules.access import Caller
from rules.command import VERBS, Command, Usage
from rules.incident import Incident, State


class Order(NamedTuple):
    """A command that changes incidents, on its way to the writer. `approval`: of one that waited, what the second person said."""

    caller: Caller
    command: Command
    origin: Origin
    approval: Decision | None = None


def move(order: Order, policy: Policy, now: float) -> Move:
    """What the order does to an incident. Raises Usage if it makes no sense."""
    return partial(MOVES[order.command.verb], order=order, policy=policy, now=now)


def _ack(incident: Incident, order: Order, policy: Policy, now: float) -> Any:
    until = now + order.command.duration if order.command.duration else 0.0
    return handling.acknowledge(incident, order.caller.key, now, until, order.command.text)


def _unack(incident: Incident, order: Order, policy: Policy, now: float) -> Any:
    return handling.unacknowledge(incident, order.caller.key, now)


def _resolve(incident: Incident, order: Order, policy: Policy, now: float) -> Any:
    return handling.resolve(incident, order.caller.key, now, order.command.text)


def _snooze(incident: Incident, order: Order, policy: Policy, now: float) -> Any:
    return handling.snooze(incident, order.caller.key, now, now + (order.command.duration or 0.0))


def _assign(incident: Incident, order: Order, policy: Policy, now: float) -> Any:
    owner = policy.person_called(order.command.person)
    if owner is None:
        raise Usage(f'I know nobody called "{order.command.person}". People: {", ".join(policy.config.people)}')
    return handling.assign(incident, order.caller.key, now, owner)


def _note(incident: Incident, order: Order, policy: Policy, now: float) -> Any:
    return handling.add_note(incident, order.caller.key, now, order.command.text)


MOVES: Mapping[str, Callable[..., Any]] = {
    "ack": _ack, "unack": _unack, "resolve": _resolve, "snooze": _snooze, "assign": _assign, "note": _note,
}  # fmt: skip


def result(order: Order, before: Incident, after: Incident, changed: bool, policy: Policy, now: float) -> str:
    """One line on one incident, the same whether it changed something or was so already."""
    number, verb = f"#{after.number}", order.command.verb
    owner = policy.names.get(after.owner, after.owner)
    if before.state == State.resolved and verb in ("ack", "unack", "snooze", "assign"):
        return f"{number} is resolved already; nothing to {verb}."
    until = answers.until_text(after.acked_until, now)
    said = {
        "ack": f"{number} is acknowledged by {owner}{until}.",
        "unack": f"{number} is firing again, and nobody has it.",
        "resolve": f"{number} is resolved." + answers.still_firing(after),
        "snooze": f"{number} is snoozed{answers.until_text(after.snoozed_until, now)}.",
        "assign": f"{number} is assigned to {owner}.",
        "note": f"Noted on {number}.",
    }[verb]
    return said if changed else f"{said} It was so already." if verb != "note" else said


assert set(MOVES) <= set(VERBS), "a move without a verb"
