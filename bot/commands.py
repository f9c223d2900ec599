"""Commands: authorised, made as moves in one transaction, attributed in the timeline, answered in plain words (G6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection

from adapters.chat import Home, Reply, Suggestion
from bot import answers, metrics
from bot.absorb import Told
from bot.home import card_for, home_of
from bot.moves import Move, Moves
from bot.policy import Policy
from bot.silencing import Silencing
from bot.store import audit, incidents
from bot.store.engine import Store
from bot.store.writer import StoreUnavailable
from bot.witness import UNKNOWN, Origin, Witness, act, refusal
from rules import handling
from rules.access import Caller
from rules.audit_entry import Entry
from rules.card import Card
from rules.change import Kind
from rules.channel import Channel
from rules.command import VERBS, Command, Usage, help_text, parse, render
from rules.incident import Incident, State
from rules.suggestion import suggest

log = structlog.get_logger()

MOST_SUGGESTED = 50


class Order(NamedTuple):
    """A command that changes incidents, on its way to the writer."""

    caller: Caller
    command: Command
    origin: Origin


class Done(NamedTuple):
    """What one order came to: the reply, what happened, and how long first acknowledgements took, in seconds."""

    reply: Reply
    told: Told
    ack_seconds: list[float]


class Commands:
    """`told` is called with the changes of each commit, `wake` when the mutes of incidents are to be looked at again."""

    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        clock: Callable[[], float],
        told: Callable[[Told], None],
        wake: Callable[[], None],
    ) -> None:
        self._store, self._policy, self._clock, self._told, self._wake = store, policy, clock, told, wake
        self._silencing = Silencing(store, policy, clock)
        self.witness = Witness(store, policy, clock)

    async def run(self, person: str, text: str, origin: Origin = UNKNOWN) -> Reply:
        """The answer to a line from a person of the config (empty: somebody unknown). Never raises."""
        verb, reply = await self._answer(person, text, partial(self._witnessed, origin))
        metrics.COMMANDS.labels(verb, "ok" if reply.ok else "refused").inc()
        return reply

    async def preview(self, person: str, text: str) -> Reply:
        """What the line would do, without doing it. Never raises."""
        return (await self._answer(person, text, self._preview))[1]

    async def _answer(self, person: str, text: str, work: Callable[[Caller, Command], Awaitable[Reply]]) -> tuple[str, Reply]:
        """(verb, reply)."""
        caller, verb = self._policy().caller(person), "unknown"
        try:
            command = parse(text)
            verb = command.verb
            return verb, await work(caller, command)
        except Usage as problem:
            return verb, Reply(str(problem), ok=False)
        except StoreUnavailable as problem:
            log.warning("command_failed", person=person, verb=verb, reason=str(problem))
            what = "The database does not answer right now, so nothing was changed. Please try again in a moment."
            return verb, Reply(what, ok=False)
        except Exception:  # a fault in one command must not silence the others; the person is told, the log has the traceback
            log.exception("command_failed", person=person, verb=verb)
            return verb, Reply("Something went wrong here, and it is in Tocsin's log. Nothing was changed.", ok=False)

    async def card(self, person: str, number: int, channel: Channel | None, origin: Origin = UNKNOWN) -> Card | None:
        """The card of an incident for a person and, if it is to be shown in a channel, for that. Raises StoreUnavailable."""
        policy = self._policy()
        found = await self._store.read(card_for, policy.caller(person), number, channel, policy, self._clock())
        if found:
            await self.witness.shown_to(person, [number], origin)
        return found

    async def home(self, person: str, origin: Origin = UNKNOWN) -> Home:
        """A person's own page. Raises StoreUnavailable."""
        policy = self._policy()
        caller = policy.caller(person)
        silences = await self._silencing.visible(caller) if caller.key else []
        page = await self._store.read(home_of, caller, silences, policy, self._clock())
        await self.witness.shown_to(person, [card.number for card in (*page.mine, *page.forgotten)], origin)
        return page

    async def suggest(self, person: str, text: str) -> Sequence[Suggestion]:
        """How the line may go on, with incidents that this person may see."""
        policy = self._policy()
        caller = policy.caller(person)
        if not caller.key:
            return []
        rows = await self._store.read(incidents.listed, True, MOST_SUGGESTED)
        seen = [row.incident for row in rows if policy.may_see(caller, row.incident.sensitivity)]
        known = await self._silencing.visible(caller)
        lines = suggest(
            text,
            [(incident.number, incident.state.value, incident.title) for incident in seen],
            list(policy.config.people),
            [(silence.id, answers.matchers_text(silence.matchers)) for silence in known],
        )
        return [Suggestion(line, hint) for line, hint in lines]

    async def _witnessed(self, origin: Origin, caller: Caller, command: Command) -> Reply:
        """The answer, when the audit log has what there is to say of it. Moves and silences tell it as they happen."""
        reply = await self._run(caller, command, origin)
        if not reply.ok and (command.verb not in _MOVES or not caller.key):
            await self._store.write(audit.note, [refusal(caller, command, origin, self._clock(), reply.text)])
        elif command.verb in answers.QUERIES:
            await self.witness.shown_to(caller.key, command.numbers, origin)
        return reply

    async def _run(self, caller: Caller, command: Command, origin: Origin) -> Reply:
        verb, policy = command.verb, self._policy()
        if verb == "help":
            return Reply(help_text(command.topic))
        if verb == "whoami":
            return Reply(answers.whoami(caller, policy))
        if not caller.key:
            return Reply(answers.stranger(policy), ok=False)
        if verb in _MOVES:
            return await self._order(Order(caller, command, origin))
        if verb in ("silence", "unsilence", "silences"):
            reply = await self._silencing.run(caller, command, origin)
            self._wake()
            return reply
        query = answers.QUERIES[verb]
        return await self._store.read(query, caller, command, policy, self._clock())

    async def _preview(self, caller: Caller, command: Command) -> Reply:
        policy, verb = self._policy(), command.verb
        if not caller.key:
            return Reply(answers.stranger(policy), ok=False)
        if verb == "silence":
            return await self._silencing.preview(caller, command)
        rows = await self._store.read(incidents.load, command.numbers) if command.numbers else {}
        found = {number: row.incident for number, row in rows.items()}
        refusals = [answers.refusal(caller, verb, found.get(number), number, policy) for number in command.numbers]
        refused = "\n".join(refusal for refusal in refusals if refusal)
        return Reply(refused or f"It would {VERBS[verb].summary}: {render(command)}", ok=not refused)

    async def _order(self, order: Order) -> Reply:
        done = await self._store.write(self._carry_out, order)
        for seconds in done.ack_seconds:
            metrics.ACK_SECONDS.observe(seconds)
        self._told(done.told)
        return done.reply

    def _carry_out(self, conn: Connection, orders: Sequence[Order]) -> list[Done]:
        entries: list[Entry] = []
        done = [self._one(conn, order, entries) for order in orders]
        audit.append(conn, entries)
        return done

    def _one(self, conn: Connection, order: Order, entries: list[Entry]) -> Done:
        """Carries out one order; what the audit log keeps of it goes to `entries`."""
        policy, now = self._policy(), self._clock()
        together = Moves(conn, policy, self._store.run, now)
        together.load(order.command.numbers)
        lines: list[str] = []
        ok, ack_seconds = True, list[float]()
        for number in order.command.numbers:
            row = together.rows.get(number)
            refused = answers.refusal(order.caller, order.command.verb, row.incident if row else None, number, policy)
            if row is None or refused:
                ok, lines = False, [*lines, refused]
                entries.append(refusal(*order, now, refused, number))
                continue
            before = row.incident
            changes = together.move(number, _move(order, policy, now))
            lines.append(_result(order, before, together.rows[number].incident, bool(changes), policy, now))
            entries.append(act(*order, now, lines[-1], number))
            if any(change.kind == Kind.acknowledged for change in changes) and not before.acked_at:
                ack_seconds.append(now - before.started_at)
        return Done(Reply("\n".join(lines), ok), together.save(), ack_seconds)


def _move(order: Order, policy: Policy, now: float) -> Move:
    return partial(_MOVES[order.command.verb], order=order, policy=policy, now=now)


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


_MOVES: Mapping[str, Callable[..., Any]] = {
    "ack": _ack, "unack": _unack, "resolve": _resolve, "snooze": _snooze, "assign": _assign, "note": _note,
}  # fmt: skip


def _result(order: Order, before: Incident, after: Incident, changed: bool, policy: Policy, now: float) -> str:
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


assert set(_MOVES) <= set(VERBS), "a move without a verb"
