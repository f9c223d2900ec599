"""The verbs silence, unsilence and silences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from adapters.chat import Reply
from bot import answers
from bot.absorb import Told
from bot.disclosure import eyes_of
from bot.policy import Policy
from bot.settling import settle
from bot.store import alerts, audit, incidents, requests, silences
from bot.store.engine import Store
from bot.store.requests import Decision
from bot.witness import Origin, act
from rules.access import Caller
from rules.audit_entry import Entry
from rules.command import Command, Usage
from rules.duration import format_duration
from rules.incident import Incident
from rules.matcher import Matcher, match_all
from rules.mute import Silence

PAGE = 1000
"""Firing alerts looked at without a pause, when counting what a silence mutes."""


class New(NamedTuple):
    silence: Silence
    entry: Entry
    approval: Decision | None


class Ending(NamedTuple):
    id: str
    at: float
    entry: Entry


class Silencing:
    def __init__(
        self, store: Store, policy: Callable[[], Policy], clock: Callable[[], float], told: Callable[[Told], None]
    ) -> None:
        self._store, self._policy, self._clock, self._told = store, policy, clock, told

    async def run(self, caller: Caller, command: Command, origin: Origin, approval: Decision | None = None) -> Reply:
        """`approval`: what a second person said to a silence that waited."""
        if command.verb == "silence":
            return await self._silence(caller, command, origin, approval)
        if command.verb == "unsilence":
            return await self._unsilence(caller, command, origin)
        return Reply(answers.silences_text(await self.visible(caller), self._policy(), self._clock()))

    async def visible(self, caller: Caller) -> list[Silence]:
        """Silences that say nothing which this person may not see."""
        policy = self._policy()
        found = await self._store.read(silences.current, self._clock())
        return [s for s in found if eyes_of(caller, policy).cleared_for(level_of(s, policy))]

    async def muted_by(self, caller: Caller, command: Command, matchers: Sequence[Matcher]) -> int:
        """How many alerts fire now that these matchers of the command mute, of those that this person may see.

        What they may not read of those does not match what they wrote themselves: no sounding out of secrets.
        """
        return (await self.weigh(caller, command, matchers))[0]

    async def weigh(self, caller: Caller, command: Command, matchers: Sequence[Matcher]) -> tuple[int, str]:
        """The same, and how secret a silence of that is."""
        muted = await self._muted(caller, command, matchers)
        return sum(muted.values()), await self._level(command, muted)

    async def _muted(self, caller: Caller, command: Command, matchers: Sequence[Matcher]) -> Mapping[str, int]:
        """How many of each level."""
        eyes, last = eyes_of(caller, self._policy()), 0
        counts: Counter[str] = Counter()
        match = match_all if command.numbers else eyes.match
        while rows := await self._store.read(alerts.firing_after, last, PAGE):
            counts.update(
                row.sensitivity for row in rows if eyes.cleared_for(row.sensitivity) and match(matchers, row.alert.labels)
            )
            last = rows[-1].id
        return counts

    async def _level(self, command: Command, muted: Mapping[str, int]) -> str:
        """How secret a silence is: what is said of an incident as much as that, matchers as the least secret alert they fit.

        A label that stands in nothing else than secret alerts is a secret like them.
        """
        policy = self._policy()
        found = await self._store.read(incidents.load, command.numbers)
        levels = [row.incident.sensitivity for row in found.values()]
        return next(iter(levels), "") or min(muted, key=policy.sensitivity.rank, default="")

    async def preview(self, caller: Caller, command: Command) -> Reply:
        """What `silence` would mute, without doing it. Raises Usage."""
        found = await self.matchers(caller, command)
        if isinstance(found, Reply):
            return found
        written, count = answers.matchers_text(found), await self.muted_by(caller, command, found)
        return Reply(f"It would mute {_counted(count)} now: {written}", matchers=written)

    async def _silence(self, caller: Caller, command: Command, origin: Origin, approval: Decision | None) -> Reply:
        matchers = await self.matchers(caller, command)
        if isinstance(matchers, Reply):
            return matchers
        (count, level), now = await self.weigh(caller, command, matchers), self._clock()
        duration = command.duration or 0.0
        reason = command.text
        if approval:
            reason = f"{reason} (approved by {self._policy().names.get(approval.by, approval.by)})".strip()
        silence = Silence(silences.new_id(), matchers, now, now + duration, caller.key, reason, level)
        done = (
            f"Silence {silence.id} for {format_duration(duration)} on {answers.matchers_text(matchers)}. "
            f"It mutes {_counted(count)} now."
        )
        told = await self._store.write(self._add, New(silence, act(caller, command, origin, now, done), approval))
        if told is None:
            return Reply(requests.TOO_LATE, ok=False)
        self._told(told)
        nothing = "" if count else " Nothing of it fires any more, or yet."
        return Reply(f"{done}{nothing}\nTo end it: unsilence {silence.id}")

    def _add(self, conn: Connection, new: Sequence[New]) -> list[Told | None]:
        """What became of the cards that asked; None for a silence whose approval came too late."""
        return [self._add_one(conn, *one) for one in new]

    def _add_one(self, conn: Connection, silence: Silence, entry: Entry, approval: Decision | None) -> Told | None:
        told = settle(conn, approval, self._policy(), self._store.run) if approval else []
        if told is not None:
            silences.add(conn, silence)
            incidents.check_all(conn, silence.starts_at)
            audit.append(conn, [entry])
        return told

    async def matchers(self, caller: Caller, command: Command) -> tuple[Matcher, ...] | Reply:
        """What the command asks to mute, or why this person may not. Raises Usage."""
        policy = self._policy()
        if command.numbers:
            row = (await self._store.read(incidents.load, command.numbers)).get(command.numbers[0])
            refusal = answers.refusal(caller, "silence", row.incident if row else None, command.numbers[0], policy)
            return Reply(refusal, ok=False) if row is None or refusal else matchers_for(row.incident)
        refusal = answers.refusal_for(caller, "silence", labels_of(command.matchers), policy)
        return Reply(refusal, ok=False) if refusal else command.matchers

    async def _unsilence(self, caller: Caller, command: Command, origin: Origin) -> Reply:
        found = [s for s in await self.visible(caller) if s.id.startswith(command.silence)]
        if len(found) != 1:
            known = ", ".join(s.id for s in found)
            what = f"several silences begin with that: {known}" if found else "no silence in force has that id"
            return Reply(f'"{command.silence}": {what}. To see them: silences', ok=False)
        if refused := answers.refusal_for(caller, "unsilence", labels_of(found[0].matchers), self._policy()):
            return Reply(refused, ok=False)
        now, done = self._clock(), f"Silence {found[0].id} on {answers.matchers_text(found[0].matchers)} is over."
        await self._store.write(end, Ending(found[0].id, now, act(caller, command, origin, now, done)))
        return Reply(done)


def matchers_for(incident: Incident) -> tuple[Matcher, ...]:
    """What silences this incident: every label that all its alerts share. Raises Usage if there is none."""
    if not incident.labels:
        raise Usage(
            f"The alerts of #{incident.number} share no label. Write matchers instead, such as silence alertname=X for 2h"
        )
    return tuple(Matcher(name, "=", value) for name, value in sorted(incident.labels.items()))


def level_of(silence: Silence, policy: Policy) -> str:
    """How secret what a silence says is, by the config as it is now."""
    named = policy.sensitivity.of(labels_of(silence.matchers))
    return policy.sensitivity.highest(named, silence.level) if silence.level else named


def _counted(count: int) -> str:
    return f"{count} firing {'alert' if count == 1 else 'alerts'}"


def labels_of(matchers: Sequence[Matcher]) -> Mapping[str, str]:
    """The labels that matchers fix, for permissions and sensitivity: a `where` must be asked for outright."""
    return {matcher.name: matcher.value for matcher in matchers if matcher.op == "="}


def end(conn: Connection, endings: Sequence[Ending]) -> list[None]:
    """Ends silences, for Store.write."""
    for ending in endings:
        silences.end(conn, ending.id, ending.at)
        incidents.check_all(conn, ending.at)
    audit.append(conn, [ending.entry for ending in endings])
    return [None for _ in endings]
