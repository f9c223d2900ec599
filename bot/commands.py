"""Commands: authorised, made as moves in one transaction, attributed in the timeline, answered in plain words (G6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from adapters.chat import Home, Reply, Suggestion
from bot import answers, metrics
from bot.absorb import Told
from bot.acts import MOVES, Order, move, result
from bot.approvals import Approvals
from bot.disclosure import caller_now, eyes_of
from bot.home import card_for, home_of
from bot.imposing import Imposing
from bot.moves import Moves
from bot.notice import Notices
from bot.policy import Policy
from bot.revealing import Revealing
from bot.settling import settle
from bot.silencing import Silencing
from bot.store import audit, incidents, requests
from bot.store.engine import Store
from bot.store.requests import Decision
from bot.store.writer import StoreUnavailable
from bot.witness import UNKNOWN, Origin, Witness, act, refusal
from rules import handling
from rules.access import STRANGER, Caller
from rules.audit_entry import Entry
from rules.card import Card
from rules.change import Kind
from rules.channel import Channel
from rules.command import VERBS, Command, Usage, help_text, parse, render
from rules.suggestion import suggest

log = structlog.get_logger()

MOST_SUGGESTED = 50


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
        self._silencing = Silencing(store, policy, clock, told)
        self._approvals = Approvals(store, policy, clock, self._silencing, told)
        self._revealing = Revealing(store, policy, clock)
        self.notices = Notices(self._approvals.notices, self._revealing.notices)
        asked = self.notices.changed.set
        self.imposing = Imposing(store, policy, clock, self._silencing, self._approvals, wake, asked)
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
        caller, verb, numbers = self._policy().caller(person), "unknown", tuple[int, ...]()
        try:
            command = parse(text)
            verb, numbers = command.verb, command.numbers
            caller = await self.caller(person)
            reply = await work(caller, command)
            if verb == "reveal":  # sees more now
                caller = await self.caller(person)
        except Usage as problem:
            reply = Reply(str(problem), ok=False)
        except StoreUnavailable as problem:
            log.warning("command_failed", person=person, verb=verb, reason=str(problem))
            what = "The database does not answer right now, so nothing was changed. Please try again in a moment."
            reply = Reply(what, ok=False)
        except Exception:  # a fault in one command must not silence the others; the person is told, the log has the traceback
            log.exception("command_failed", person=person, verb=verb)
            reply = Reply("Something went wrong here, and it is in Tocsin's log. Nothing was changed.", ok=False)
        return verb, eyes_of(caller, self._policy()).reply(reply, numbers)

    async def caller(self, person: str) -> Caller:
        """What is known of a person's key now. Raises StoreUnavailable."""
        if not person:
            return STRANGER
        return await self._store.read(caller_now, person, self._policy(), self._clock())

    async def card(self, person: str, number: int, channel: Channel | None, origin: Origin = UNKNOWN) -> Card | None:
        """The card of an incident for a person and, if it is to be shown in a channel, for that. Raises StoreUnavailable."""
        policy, caller = self._policy(), await self.caller(person)
        found = await self._store.read(card_for, caller, number, channel, policy, self._clock())
        if found:
            await self.witness.shown_to(person, [number], origin)
        return found

    async def home(self, person: str, origin: Origin = UNKNOWN) -> Home:
        """A person's own page. Raises StoreUnavailable."""
        policy, caller = self._policy(), await self.caller(person)
        silences = await self._silencing.visible(caller) if caller.key else []
        page = await self._store.read(home_of, caller, silences, policy, self._clock())
        await self.witness.shown_to(person, [card.number for card in (*page.mine, *page.forgotten)], origin)
        return page

    async def suggest(self, person: str, text: str) -> Sequence[Suggestion]:
        """How the line may go on, with incidents that this person may see."""
        policy, caller = self._policy(), await self.caller(person)
        if not caller.key:
            return []
        eyes = eyes_of(caller, policy)
        rows = await self._store.read(incidents.listed, True, MOST_SUGGESTED)
        seen = [eyes.about(row.incident.number).shown(row.incident) for row in rows if eyes.sees(row.incident)]
        known = await self._silencing.visible(caller)
        lines = suggest(
            text,
            [(incident.number, incident.state.value, incident.title) for incident in seen],
            list(policy.config.people),
            [(silence.id, eyes.text(answers.matchers_text(silence.matchers))) for silence in known],
        )
        return [Suggestion(line, hint) for line, hint in lines]

    async def _witnessed(self, origin: Origin, caller: Caller, command: Command) -> Reply:
        """The answer, when the audit log has what there is to say of it. Moves and silences tell it as they happen."""
        reply = await self._run(caller, command, origin)
        if not reply.ok and (command.verb not in MOVES or not caller.key):
            await self._store.write(audit.note, [refusal(caller, command, origin, self._clock(), reply.text)])
        elif command.verb in answers.QUERIES or command.verb == "reveal":
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
        if verb == "requests":
            return await self._approvals.listed(caller)
        if verb in ("approve", "deny"):
            return await self._decide(caller, command)
        if verb == "reveal":
            return await self._reveal(caller, command, origin)
        if waits := await self._approvals.ask(caller, command, origin):
            self.notices.changed.set()
            return waits
        return await self._do(caller, command, origin)

    async def _do(self, caller: Caller, command: Command, origin: Origin, approval: Decision | None = None) -> Reply:
        """What needs nobody else, or has their `approval`, which then counts from the same moment on."""
        if command.verb in MOVES:
            return await self._order(Order(caller, command, origin, approval))
        if command.verb in ("silence", "unsilence", "silences"):
            reply = await self._silencing.run(caller, command, origin, approval)
            self._wake()
            return reply
        return await self._store.read(answers.QUERIES[command.verb], caller, command, self._policy(), self._clock())

    async def _decide(self, caller: Caller, command: Command) -> Reply:
        if command.verb == "deny":
            reply = await self._approvals.deny(caller, command)
        else:
            reply = await self._approve(caller, command.request)
        self.notices.changed.set()
        return reply

    async def _approve(self, caller: Caller, number: int) -> Reply:
        """Does what somebody else asked for, as them. Raises Usage if it makes no sense any more."""
        found = await self._approvals.waiting(caller, number)
        if isinstance(found, Reply):
            return found
        decision, asked_by = Decision(number, "approved", caller.key, self._clock()), await self.caller(found.by)
        reply = await self._do(asked_by, parse(found.line), Origin(f"request {number}", found.asked.channel), decision)
        return Reply(f"Request {number} of {asked_by.name} is approved:\n{reply.text}", reply.ok)

    async def _reveal(self, caller: Caller, command: Command, origin: Origin) -> Reply:
        """What the incident is, to somebody whom the admins watch from now on."""
        reply = await self._revealing.run(caller, command, origin)
        if not reply.ok:
            return reply
        self.notices.changed.set()
        seer = await self.caller(caller.key)
        shown = await self._store.read(answers.show_incident, seer, command, self._policy(), self._clock())
        return Reply(f"{reply.text}\n\n{shown.text}", shown.ok)

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
        told = settle(conn, order.approval, policy, self._store.run) if order.approval else []
        if told is None:
            return Done(Reply(requests.TOO_LATE, ok=False), [], [])
        together = Moves(conn, policy, self._store.run, now)
        together.load(order.command.numbers)
        lines: list[str] = []
        ok, ack_seconds = True, list[float]()
        for number in order.command.numbers:
            row = together.rows.get(number)
            refused = answers.refusal(order.caller, order.command.verb, row.incident if row else None, number, policy)
            if row is None or refused:
                ok, lines = False, [*lines, refused]
                entries.append(refusal(*order[:3], now, refused, number))
                continue
            before = row.incident
            if order.approval:
                together.move(number, partial(handling.approved, by=order.approval.by, now=now, what=order.command.verb))
            changes = together.move(number, move(order, policy, now))
            lines.append(result(order, before, together.rows[number].incident, bool(changes), policy, now))
            entries.append(act(*order[:3], now, lines[-1], number))
            if any(change.kind == Kind.acknowledged for change in changes) and not before.acked_at:
                ack_seconds.append(max(0.0, now - before.started_at))
        return Done(Reply("\n".join(lines), ok), [*told, *together.save()], ack_seconds)
