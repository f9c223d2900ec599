"""Silences as tools ask for them by Alertmanager's API: with a start of their own, changed later, ended by their id.

The same store, rights, second persons and audit log as those of chat (bot/silencing.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection

from adapters.source import Rejected
from bot import answers, metrics
from bot.approvals import Approvals
from bot.disclosure import eyes_of
from bot.policy import Policy
from bot.silencing import Ending, Silencing, end, labels_of, level_of
from bot.store import audit, incidents, silences
from bot.store.engine import Store
from bot.witness import Origin, act, refusal
from rules.access import Caller
from rules.command import Command, Usage
from rules.duration import format_duration
from rules.matcher import Matcher
from rules.mute import Silence

NOT_FOUND = "silence not found"


class Wanted(NamedTuple):
    """A silence as a tool asks for it. `id`: of the one that it changes, or empty. `author`: whom the tool names as its maker.

    Times are seconds since the epoch; one that should have begun begins now.
    """

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: float
    ends_at: float
    author: str
    reason: str


class Change(NamedTuple):
    """On its way to the writer. `silence`: as it is asked for. `changes`: the id of the one from before, or empty."""

    silence: Silence
    changes: str
    caller: Caller
    command: Command
    origin: Origin


class Imposing:
    """`wake`: has the mutes of incidents looked at again. `asked`: a second person is asked for."""

    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        clock: Callable[[], float],
        silencing: Silencing,
        approvals: Approvals,
        wake: Callable[[], None],
        asked: Callable[[], None],
    ) -> None:
        self._store, self._policy, self._clock, self._silencing, self._approvals = store, policy, clock, silencing, approvals
        self._wake, self._asked = wake, asked

    async def find(self, caller: Caller, silence_id: str) -> Silence | None:
        """The silence, also one that is over, if this person may see it."""
        found, policy = await self._store.read(silences.load, silence_id), self._policy()
        return found if found and eyes_of(caller, policy).cleared_for(level_of(found, policy)) else None

    async def listed(self, caller: Caller, after: float) -> list[Silence]:
        """All that this person may see and that ended after a time, or not yet."""
        found, policy = await self._store.read(silences.ended_after, after), self._policy()
        return [one for one in found if eyes_of(caller, policy).cleared_for(level_of(one, policy))]

    async def impose(self, caller: Caller, wanted: Wanted, origin: Origin) -> str:
        """Makes or changes a silence; the id by which it goes from now on.

        Raises Rejected: 404 for an id that is not there, 403 for who may not, 400 where a second person must be asked first.
        """
        now = self._clock()
        starts_at = max(now, wanted.starts_at)
        command = Command("silence", duration=wanted.ends_at - starts_at, text=wanted.reason, matchers=wanted.matchers)
        before = await self.find(caller, wanted.id) if wanted.id else None
        if wanted.id and before is None:
            raise Rejected(404, NOT_FOUND)
        for matchers in (wanted.matchers, *([before.matchers] if before else [])):
            await self._check(caller, command, origin, matchers)
        if before is None or not _mutes_no_more(before, wanted, now):
            await self._second_person(caller, command, origin, starts_at > now)
        _, level = await self._silencing.weigh(caller, command, wanted.matchers)
        times, said = (wanted.starts_at, wanted.ends_at), (wanted.reason, level, wanted.author)
        silence = Silence(silences.new_id(), wanted.matchers, *times, caller.key, *said, updated_at=now)
        kept = await self._store.write(_set, Change(silence, wanted.id, caller, command, origin))
        self._done()
        return kept

    async def lift(self, caller: Caller, silence_id: str, origin: Origin) -> None:
        """Ends a silence; one that is over stays so. Raises Rejected: 404 for one that is not there, 403 for who may not."""
        found, now = await self.find(caller, silence_id), self._clock()
        if found is None:
            raise Rejected(404, NOT_FOUND)
        command = Command("unsilence", silence=silence_id)
        await self._check(caller, command, origin, found.matchers)
        if found.ends_at > now:
            done = f"Silence {found.id} on {answers.matchers_text(found.matchers)} is over."
            await self._store.write(end, Ending(found.id, now, act(caller, command, origin, now, done)))
            self._done()

    def _done(self) -> None:
        metrics.COMMANDS.labels("silence", "ok").inc()
        self._wake()

    async def _check(self, caller: Caller, command: Command, origin: Origin, matchers: Sequence[Matcher]) -> None:
        if refused := answers.refusal_for(caller, command.verb, labels_of(matchers), self._policy()):
            await self._refuse(403, caller, command, origin, refused)

    async def _second_person(self, caller: Caller, command: Command, origin: Origin, later: bool) -> None:
        """Has it wait, where the config asks for somebody else. A request says how long, not from when."""
        try:
            if later and await self._approvals.needs(caller, command):
                what = "This needs a second person, who can only be asked for a silence that begins now. Nothing was done."
                await self._refuse(400, caller, command, origin, what)
            waits = await self._approvals.ask(caller, command, origin)
        except Usage as problem:
            raise Rejected(400, str(problem)) from problem
        if waits:
            self._asked()
            raise Rejected(400, eyes_of(caller, self._policy()).text(waits.text))

    async def _refuse(self, status: int, caller: Caller, command: Command, origin: Origin, why: str) -> None:
        metrics.COMMANDS.labels(command.verb, "refused").inc()
        await self._store.write(audit.note, [refusal(caller, command, origin, self._clock(), why)])
        raise Rejected(status, why)


def fits(before: Silence, starts_at: float, matchers: Sequence[Matcher], now: float) -> bool:
    """Whether a silence can become this one and keep its id: Alertmanager's rule, which never changes what was."""
    if before.ends_at <= now or before.matchers != tuple(matchers):
        return False
    return int(starts_at) == int(before.starts_at) if before.starts_at <= now else starts_at >= now


def _mutes_no_more(before: Silence, wanted: Wanted, now: float) -> bool:
    """Whether nothing is muted that was not before: somebody agreed to it, or needed not be asked."""
    narrower = wanted.ends_at <= before.ends_at and max(now, wanted.starts_at) >= before.starts_at
    return before.ends_at > now and before.matchers == wanted.matchers and narrower


def _set(conn: Connection, changes: Sequence[Change]) -> list[str]:
    return [_set_one(conn, *one) for one in changes]


def _set_one(conn: Connection, silence: Silence, changes: str, caller: Caller, command: Command, origin: Origin) -> str:
    """Changes the silence from before where that does, else ends it and makes another. The id that counts."""
    now = silence.updated_at
    before, told = silences.load(conn, changes) if changes else None, f"for {format_duration(command.duration or 0.0)}"
    if before and fits(before, silence.starts_at, silence.matchers, now):
        starts_at = before.starts_at if before.starts_at <= now else silence.starts_at
        kept = replace(silence, id=before.id, starts_at=starts_at, by=before.by, level=before.level)
        silences.change(conn, kept)
        done = f"Silence {kept.id} goes on {told}."
    else:
        kept = replace(silence, starts_at=max(now, silence.starts_at))
        done = f"Silence {silence.id} {told} on {answers.matchers_text(silence.matchers)}."
        if before and before.ends_at > now:
            silences.end(conn, before.id, now)
            done += f" It takes the place of {before.id}, which is over."
        silences.add(conn, kept)
    incidents.check_all(conn, now)
    audit.append(conn, [act(caller, command, origin, now, done)])
    return kept.id
