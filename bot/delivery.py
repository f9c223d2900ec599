"""Closes the gap between the wanted and the shown revision of cards: worst first, one call in flight per card (G2, G4).

One courier per chat, so that a chat that is slow or down delays no other, and never intake.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from adapters.chat import Chat, DeliveryError, Failure
from bot import metrics
from bot.calls import Calls, Later
from bot.circuit import NO_ANSWER, Circuit
from bot.drawing import STUB, Drawing, Outdated, draw
from bot.policy import Policy
from bot.standings import Standings
from bot.store import deliveries, outages, storms
from bot.store.deliveries import UNTRIED, Call, Delivery
from bot.store.engine import Store
from bot.store.writer import StoreUnavailable
from bot.storm_drawing import draw_storm, should_stand_as
from bot.storming import Storming
from bot.witness import Witness
from rules.channel import Channel
from rules.retry import SLOW, back_off

log = structlog.get_logger()

IN_FLIGHT, MOST_KEPT = 16, 64
"""Calls to one chat at the same time; with those that are over and cannot be written down now, for accepted is to be shown."""

LONGEST_SLEEP, SOON = 5.0, 0.05

LASTING = (Failure.credentials, Failure.channel_unreachable, Failure.payload)
"""What a person must mend: looked at again now and then."""


class Courier:
    """Delivers to one chat. `wake()` after each commit, and when a channel may merit something else. `ticks` do not jump."""

    def __init__(
        self,
        name: str,
        chat: Chat,
        store: Store,
        policy: Callable[[], Policy],
        standings: Standings,
        clock: Callable[[], float],
        ticks: Callable[[], float],
    ) -> None:
        self.name, self._chat, self._store, self._policy, self._clock = name, chat, store, policy, clock
        self._standings, self._witness = standings, Witness(store, policy, clock)
        self._flying: dict[int, asyncio.Task[None]] = {}
        self._keeping: set[int] = set()  # of those, what is only to be kept yet
        self._unkept: set[int] = set()  # of which the store does not hold what became of them
        self._woken = asyncio.Event()
        self._calls, self.circuit = Calls(chat, ticks), Circuit(name, ticks)
        self._storming = Storming(store, policy, chat.lanes, clock)

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled; calls under way are then given up, and asked about at the next start."""
        try:
            while True:
                try:
                    pause = await self._launch()
                except StoreUnavailable as problem:
                    log.warning("delivery_waits_for_store", chat=self.name, reason=str(problem))
                    pause = 1.0
                await self._sleep(pause)
        finally:
            for task in self._flying.values():
                task.cancel()
            await asyncio.gather(*self._flying.values(), return_exceptions=True)

    async def _launch(self) -> float:
        """Starts what may be tried now; returns how long to sleep unless woken, in seconds."""
        now = self._clock()
        free = min(self.circuit.room(IN_FLIGHT) + len(self._keeping), MOST_KEPT) - len(self._flying)
        if free <= 0:
            return max(0.001, min(self.circuit.wait() or LONGEST_SLEEP, LONGEST_SLEEP))
        behind = await self._store.read(deliveries.backlog)
        channels = {name: one for name in self._storming.channels(behind) if (one := self._mine(name))}
        await self._storming.look(channels, behind, (*self._flying, *self._unkept))
        waits = {(name, op): self._calls.wait(op, name, one) for name, one in channels.items() for op in self._ops(name)}
        places = [place for place, wait in waits.items() if not wait]
        rows = await self._store.read(deliveries.pending, places, now, IN_FLIGHT, tuple(self._flying), self._store.run)
        pause = min([LONGEST_SLEEP, self._storming.pause(), *filter(None, waits.values())])
        for row in rows:
            op = Call.ask if row.next_call == Call.post and self._doubtful(row) else row.next_call
            wait = self._calls.wait(op, row.channel, channels[row.channel], row)
            if not wait and free > 0:
                self._start(row, op, channels[row.channel])
                free, wait = free - 1, SOON  # then there may be more
            pause = min(pause, wait or pause)
        if pause <= SOON:
            return max(0.001, pause)
        next_due = await self._store.read(deliveries.next_due, list(channels), now)
        return max(0.001, min(next_due - self._clock(), pause))

    def _ops(self, channel: str) -> Sequence[str]:
        return (deliveries.URGENT if self._storming.rages(channel) else Call.post, Call.update, Call.reply_in_thread)

    def _mine(self, name: str) -> Channel | None:
        """The channel if it is this chat's and may be sent to now: not while it is asked who can read it."""
        channel = self._policy().channels.get(name)
        return channel if channel and channel.chat == self.name and not self._standings.settling(name) else None

    def _start(self, row: Delivery, op: Call, channel: Channel) -> None:
        self._calls.pay(row, op, channel)
        task = asyncio.create_task(self._deliver(row), name=f"deliver-{row.id}")
        self._flying[row.id] = task
        task.add_done_callback(partial(self._landed, row.id))

    def _landed(self, key: int, _: asyncio.Task[None]) -> None:
        del self._flying[key]
        self._keeping.discard(key)
        self._calls.landed(key)
        self._woken.set()

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass  # nothing happened meanwhile: time itself is what was waited for
        self._woken.clear()

    async def _deliver(self, row: Delivery) -> None:
        """One card: shown, or put off with the reason kept. Each step is noted in `row`: no failure undoes an earlier success."""
        drawing, back = None, False
        try:
            drawing = await self._draw(row)
            await self._show(row, drawing)
            back = self.circuit.answered()
        except DeliveryError as problem:
            self._put_off(row, problem)
            back = self.circuit.failed(problem, row.id)
        except Later as later:  # what was done so far is kept
            if row.next_call != Call.reply_in_thread:  # else an edit that is wanted meanwhile need not wait for the thread's turn
                row.retry_at = self._clock() + min(later.wait, 1.0)
        except Outdated:
            pass  # it is drawn anew, as soon as the channel has settled
        except StoreUnavailable as problem:
            log.warning("delivery_waits_for_store", chat=self.name, incident=row.incident, reason=str(problem))
            await asyncio.sleep(1.0)
            if drawing is None:
                return
        except Exception as problem:  # a fault of an adapter must not stop the other cards; it is told and tried again
            log.exception("delivery_failed", chat=self.name, incident=row.incident, channel=row.channel)
            self._put_off(row, DeliveryError(Failure.unknown_outcome, f"{type(problem).__name__} in the adapter"))
        await self._record(row, drawing)
        if back:
            await self._hurry()

    async def _show(self, row: Delivery, drawing: Drawing) -> None:
        """Posts, edits and replies until the channel shows what was wanted when it was drawn."""
        if row.ref is None and self._doubtful(row):
            find = partial(self._chat.find, drawing.channel, self._key(row), since=drawing.since)
            row.ref = await self._calls.make("find", row, drawing.channel, find)
            row.run = self._store.run
        if row.ref is None and row.urgency > deliveries.IN_HAND and self._storming.rages(row.channel):
            raise Later(0.0)  # a storm card carries it
        told = row.thread_shown
        if row.ref is None:
            if row.run == UNTRIED:
                row.run = self._store.run  # from now on it may have arrived, whatever becomes of this process
                await self._store.write(storms.record, (row, ()))
            await self._make_sure(row, drawing)
            row.shown_as = drawing.shown_as
            post = partial(self._chat.post, drawing.channel, drawing.card, self._key(row))
            row.ref = await self._calls.make("post", row, drawing.channel, post)
            self._shown(row, drawing)
            if row.thread_wanted > row.thread_shown:
                await self._record(row, drawing)
        elif row.wanted > row.shown:
            row.ref = await self._edit(row, row.ref, drawing)
            self._shown(row, drawing)
        if drawing.thread_upto > row.thread_shown == told:  # else all of it is to be told anew
            await self._tell_thread(row, row.ref, drawing)
        row.run, row.failures, row.failure, row.error, row.retry_at = self._store.run, 0, "", "", 0.0

    async def _edit(self, row: Delivery, ref: str, drawing: Drawing) -> str:
        """Edits the card. What was said in its thread for other eyes is taken back, to be told anew for those who read it now."""
        await self._make_sure(row, drawing)
        before, after = row.shown_as, drawing.shown_as
        row.shown_as = before if before == after else ""  # until all is done, nobody knows
        clear = partial(self._chat.clear_thread, drawing.channel, ref)
        try:
            update = partial(self._chat.update, drawing.channel, ref, drawing.card)
            ref = await self._calls.make("update", row, drawing.channel, update)
        except DeliveryError as problem:
            if problem.kind == Failure.message_gone and before not in (after, STUB):
                await self._calls.make("clear_thread", row, drawing.channel, clear)  # somebody deleted the card, not its thread
            raise
        if before not in (after, STUB):
            await self._calls.make("clear_thread", row, drawing.channel, clear)
        if before != after != STUB:
            row.thread_shown = 0
        row.shown_as = after
        return ref

    def _doubtful(self, row: Delivery) -> bool:
        """Whether something may have arrived that we do not know of. Stays so, whatever else fails, until the chat has told."""
        return row.run not in (self._store.run, UNTRIED) or row.id in self._unkept

    async def _tell_thread(self, row: Delivery, ref: str, drawing: Drawing) -> None:
        key, note = f"{self._key(row)}-{drawing.thread_upto}", drawing.note
        if note.lines:
            find = partial(self._chat.find, drawing.channel, key, ref, drawing.since)
            if not self._doubtful(row) or await self._calls.make("find", row, drawing.channel, find) is None:
                reply = partial(self._chat.reply_in_thread, drawing.channel, ref, note, key)
                await self._make_sure(row, drawing)
                await self._calls.make("reply_in_thread", row, drawing.channel, reply)
        row.thread_shown = drawing.thread_upto

    def _shown(self, row: Delivery, drawing: Drawing) -> None:
        now = self._clock()
        metrics.DELIVERY_SECONDS.labels(row.channel).observe(max(0.0, now - row.due_at))
        log.info("card_shown", incident=row.incident, channel=row.channel, revision=drawing.card.revision)
        row.shown, row.shown_at = drawing.card.revision, now

    async def _draw(self, row: Delivery) -> Drawing:
        drawn = partial(draw_storm, without=tuple(self._flying)) if row.incident < 0 else draw
        return await self._store.read(drawn, row, self._policy(), self._clock())

    async def _make_sure(self, row: Delivery, drawing: Drawing) -> None:
        """Right before a call that shows something. Raises Outdated if the channel merits something else than was drawn for."""
        if drawing.shown_as != STUB:
            standing = self._standings.of(row.channel)
            readers = [*standing.members, *(f"role {role}" for role in standing.roles)]
            told = drawing.named if drawing.card.storm else [(row.incident, drawing.card.revision, drawing.level)]
            await self._witness.shown_in(row.channel, told, readers)
        if self._policy().clearance(row.channel) != drawing.clearance or self._store.lost:
            raise Outdated

    def _put_off(self, row: Delivery, problem: DeliveryError) -> None:
        """What the failure means for the next try."""
        now, kind = self._clock(), problem.kind
        log.warning("delivery_put_off", incident=row.incident, channel=row.channel, kind=kind.value, reason=problem.reason)
        wait = problem.retry_after if problem.retry_after is not None else back_off(row.failures, random.random())
        if kind in LASTING:
            wait = max(SLOW, wait)
        row.failures, row.failure, row.error = row.failures + 1, kind.value, problem.reason[:500]
        if kind == Failure.message_gone:
            row.ref, row.shown, wait = None, 0, 0.0
        elif kind == Failure.payload and not row.plain:
            row.plain, wait = True, 0.0
        elif kind == Failure.unknown_outcome:
            row.run = ""
        elif kind == Failure.rate_limited:
            self._calls.refused(row.channel, problem.lane, wait)
        row.retry_at = now + wait

    async def _hurry(self) -> None:
        """The chat is back: nothing waits any longer because of the outage."""
        channels = [name for name, channel in self._policy().channels.items() if channel.chat == self.name]
        try:
            await self._store.write(outages.retry_now, (channels, NO_ANSWER))
        except StoreUnavailable as problem:  # they come a little later
            log.warning("delivery_waits_for_store", chat=self.name, reason=str(problem))
        self._woken.set()

    def _key(self, row: Delivery) -> str:
        """Names the post of this card in this channel for ever, in at most 25 characters (Discord's limit for a nonce)."""
        return f"{self._store.name}-{row.id}"

    async def _record(self, row: Delivery, drawing: Drawing | None) -> None:
        """Keeps what was found out. Tries until the store takes it: what was shown must not be forgotten.

        If the channel merits something else by now, this row is drawn anew: bot/redraw.py may have looked at it too early.
        """
        marks = drawing.marks if drawing and row.shown == drawing.card.revision else ()
        while not self._store.lost:  # else it is somebody else's, who asks the chat what became of it
            should = should_stand_as(self._policy(), row.channel, drawing) if drawing else ""
            if drawing and drawing.shown_as != should and not self._standings.settling(row.channel):
                row.shown, row.retry_at = 0, 0.0
            try:
                await self._store.write(storms.record, (row, marks))
            except StoreUnavailable as problem:
                log.warning("delivery_waits_for_store", chat=self.name, incident=row.incident, reason=str(problem))
                self._keeping.add(row.id)
                self._woken.set()
                await asyncio.sleep(1.0)
            except Exception:  # what cannot be kept must not be done twice: the chat is asked before the next try
                log.exception("delivery_not_kept", chat=self.name, incident=row.incident, channel=row.channel)
                self._unkept.add(row.id)
                await asyncio.sleep(1.0)
                return
            else:
                self._unkept.discard(row.id)
                return
