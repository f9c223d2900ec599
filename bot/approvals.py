"""Acts that wait for a second person: asked for, listed, decided, over. Who decides may never be the one who asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from adapters.chat import Reply
from bot import answers
from bot.absorb import Told
from bot.notice import Key, Notice
from bot.policy import Policy
from bot.settling import key_of, settle
from bot.silencing import PAGE, Silencing, labels_of
from bot.store import alerts, audit, incidents, members, requests
from bot.store.engine import Store
from bot.store.requests import Asked, Decision, Request
from bot.witness import Origin
from rules.access import Caller
from rules.approval import Approval, Touched, asks, refusal
from rules.audit_entry import Entry, Event
from rules.command import MOST_TEXT, Command, Usage, parse, render
from rules.duration import format_duration
from rules.matcher import Matcher, match_all

MOST_OPEN = 20
"""Requests of one person that may wait at the same time."""


class Touch(NamedTuple):
    """What a command touches. `command`: as it is kept, so that it touches the same later on. `level`: the most secret of it."""

    command: Command
    touched: Sequence[Touched]
    fixed: tuple[Matcher, ...]
    level: str


class Approvals:
    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        clock: Callable[[], float],
        silencing: Silencing,
        told: Callable[[Told], None],
    ) -> None:
        self._store, self._policy, self._clock, self._silencing, self._told = store, policy, clock, silencing, told

    async def ask(self, caller: Caller, command: Command, origin: Origin) -> Reply | None:
        """Has a command wait that needs a second person. None: it may go on, or is refused anyway. Raises Usage."""
        needs = await self.needs(caller, command)
        if needs is None:
            return None
        (touch, rule, why), now = needs, self._clock()
        line = render(touch.command)
        if len(line) > MOST_TEXT:
            raise Usage("That is too long to wait for a second person. Please say it shorter.")
        asked = Asked(why, rule.groups, command.verb, touch.level, origin.channel)
        request = await self._store.write(_ask, Request(0, caller.key, line, now, now + rule.within, asked))
        if request is None:
            return Reply(f"{MOST_OPEN} requests of yours wait already. Let them be decided first: requests", ok=False)
        left = format_duration(float(round(request.until - now)))
        return Reply(
            f"That needs a second person, so it waits as request {request.id} for {left}, until "
            f"{answers.clock(request.until)} UTC: {line}\nMembers of {', '.join(request.asked.groups)} may: approve {request.id}"
        )

    async def needs(self, caller: Caller, command: Command) -> tuple[Touch, Approval, str] | None:
        """What a command touches that needs a second person, by which rule, and why; None for one that does not. Raises Usage."""
        policy = self._policy()
        if not any(command.verb in rule.verbs for rule in policy.config.approvals):
            return None
        touch = await self._touch(caller, command)
        needed = _needed(touch, policy) if touch else None
        return (touch, *needed) if touch and needed else None

    async def listed(self, caller: Caller) -> Reply:
        """What waits, as far as this person asked for it or may decide on it."""
        policy, now = self._policy(), self._clock()
        found = [one for one in await self._store.read(requests.waiting, now) if _concerns(one, caller, policy)]
        return Reply("\n".join(_told(one, caller, policy, now) for one in found) or "Nothing waits for a second person.")

    async def waiting(self, caller: Caller, number: int) -> Request | Reply:
        """The request, if this person may approve it now, and who asked may still do it; else why not."""
        policy = self._policy()
        request = await self._open(number)
        if isinstance(request, Reply):
            return request
        asked_by = policy.caller(request.by)
        touch = await self._touch(asked_by, parse(request.line))
        if touch is None:
            return Reply(f"{asked_by.name} may not do this any more, so request {number} ends by itself.", ok=False)
        needed = _needed(touch, policy)
        groups = needed[0].groups if needed else request.asked.groups
        level = policy.sensitivity.highest(touch.level, request.asked.level)
        refused = _may_not(caller, request, groups, level, policy)
        return Reply(refused, ok=False) if refused else request

    async def deny(self, caller: Caller, command: Command) -> Reply:
        """Ends a request without doing it: who may approve it, or who asked for it."""
        request = await self._open(command.request)
        if isinstance(request, Reply):
            return request
        asked, own = request.asked, caller.key == request.by
        if not own and (refused := _may_not(caller, request, asked.groups, asked.level, self._policy())):
            return Reply(refused, ok=False)
        decision = Decision(request.id, "denied", caller.key, self._clock(), command.text)
        told = await self._store.write(self._decide, decision)
        if told is None:
            return Reply(requests.TOO_LATE, ok=False)
        self._told(told)
        return Reply(f"Request {request.id} is {'withdrawn' if own else 'denied'}. Nothing was done.")

    def _decide(self, conn: Connection, decisions: Sequence[Decision]) -> list[Told | None]:
        return [settle(conn, decision, self._policy(), self._store.run) for decision in decisions]

    async def notices(self) -> Mapping[Key, Notice]:
        """One for each request that waits. Those that are over are marked so meanwhile."""
        now, policy = self._clock(), self._policy()
        if over := await self._store.read(requests.over, now):
            await self._store.write(_end, (now, over))
        found = await self._store.read(requests.waiting, now)
        return {key_of(one.id): Notice(_asked_for(one, policy), one.asked.channel) for one in found}

    async def _open(self, number: int) -> Request | Reply:
        """The request, if it can still be decided; `by` is the key that whoever asked has now."""
        policy, request = self._policy(), await self._store.read(requests.load, number)
        if request is None or request.state != "open" or request.until <= self._clock():
            return _decided(request, number, policy)
        return msgspec.structs.replace(request, by=policy.key_now(request.by))

    async def _touch(self, caller: Caller, command: Command) -> Touch | None:
        """What the command touches, of what the caller may use it on; None for nothing. Raises Usage."""
        if command.verb == "silence":
            return await self._touch_by_matchers(caller, command)
        policy = self._policy()
        rows = await self._store.read(incidents.load, command.numbers)
        found = [row.incident for n, row in rows.items() if not answers.refusal(caller, command.verb, row.incident, n, policy)]
        if not found:
            return None
        touched = await self._store.read(_of_incidents, [one.number for one in found])
        touched += [Touched(one.labels, 0, one.severity) for one in found]
        return Touch(command, touched, (), max((one.sensitivity for one in found), key=policy.sensitivity.rank))

    async def _touch_by_matchers(self, caller: Caller, command: Command) -> Touch | None:
        matchers = await self._silencing.matchers(caller, command)
        if isinstance(matchers, Reply):
            return None
        sensitivity = self._policy().sensitivity
        touched, level, last = list[Touched](), sensitivity.of(labels_of(matchers)), 0
        while rows := await self._store.read(alerts.firing_after, last, PAGE):
            for row in rows:
                if match_all(matchers, row.alert.labels):
                    touched.append(Touched(row.alert.labels, 1, row.alert.severity))
                    level = sensitivity.highest(level, row.sensitivity)
            last = rows[-1].id
        return Touch(msgspec.structs.replace(command, numbers=(), matchers=matchers), touched, matchers, level)


def _may_not(caller: Caller, request: Request, groups: Sequence[str], level: str, policy: Policy) -> str:
    """Why this person may not decide, empty if they may: whoever decides must be let see what it is about."""
    if refused := refusal(caller, request.by, groups):
        return refused
    if policy.may_see(caller, level):
        return ""
    known = {name: group for name, group in policy.config.groups.items() if name in groups}
    cleared = ", ".join(name for name, group in known.items() if policy.sensitivity.may_see(group.clearance, level))
    who = f"Members of {cleared} may." if cleared else "Nobody may who would be asked: ask an admin."
    return f"You may not see what this is about, so you may not decide on it. {who}"


def _needed(touch: Touch, policy: Policy) -> tuple[Approval, str] | None:
    return asks(touch.command.verb, touch.touched, touch.fixed, policy.config.approvals)


def _of_incidents(conn: Connection, numbers: Sequence[int]) -> list[Touched]:
    """What fires in these incidents."""
    places = [place for number in numbers for place in members.firing_in(conn, number)]
    rows = alerts.load_ids(conn, [place.alert for place in places])
    return [Touched(rows[one.alert].alert.labels, 1, one.member.severity) for one in places if one.alert in rows]


def _concerns(request: Request, caller: Caller, policy: Policy) -> bool:
    may_decide = caller.groups.intersection(request.asked.groups) and policy.may_see(caller, request.asked.level)
    return request.by == caller.key or bool(may_decide)


def _told(request: Request, caller: Caller, policy: Policy, now: float) -> str:
    """Two lines on a request. Why it waits is kept from who may not see what it touches."""
    left, asked = format_duration(float(max(1, round(request.until - now)))), request.asked
    why = f" It {asked.why}." if policy.may_see(caller, asked.level) else ""
    name = policy.names.get(request.by, request.by)
    who = f"Members of {', '.join(asked.groups)} may: approve {request.id}"
    return f"{request.id}  {name}: {request.line}\n   {left} left.{why} {who}"


def _decided(request: Request | None, number: int, policy: Policy) -> Reply:
    if request is None:
        return Reply(f"There is no request {number}. To see them: requests", ok=False)
    if request.state in ("open", "ended"):
        return Reply(f"Request {number} ended at {answers.clock(request.until)} UTC: nobody decided in time.", ok=False)
    who = policy.names.get(request.decided_by, request.decided_by)
    return Reply(f"Request {number} is {request.state} already, by {who}.", ok=request.state == "approved")


def _asked_for(request: Request, policy: Policy) -> str:
    """What the card says. What it is about only if whoever sees such a card may see that, too."""
    asked, name = request.asked, policy.names.get(request.by, request.by)
    who = f"Members of {', '.join(asked.groups)} may approve it until {answers.clock(request.until)} UTC, {name} may not."
    if policy.sensitivity.rank(asked.level) > policy.sensitivity.rank(policy.own_level):
        return f"{name} asks for a second person, to {asked.verb} something {asked.level}. Read it with: requests. {who}"
    return f"{name} asks for a second person: {request.line}. It {asked.why}. {who}"


def _ask(conn: Connection, new: Sequence[Request]) -> list[Request | None]:
    return [_ask_one(conn, request) for request in new]


def _ask_one(conn: Connection, request: Request) -> Request | None:
    """The request as it is kept; that of before if the same waits already; None if too many do."""
    mine = [one for one in requests.waiting(conn, request.at) if one.by == request.by]
    if same := next((one for one in mine if one.line == request.line), None):
        return same
    if len(mine) >= MOST_OPEN:
        return None
    kept, asked = requests.add(conn, request), request.asked
    body = {"request": kept.id, "state": "open", "line": request.line, "why": asked.why, "until": request.until}
    audit.append(conn, [Entry(request.at, Event.request, request.by, asked.channel, 0, body)])
    return kept


def _end(conn: Connection, batches: Sequence[tuple[float, Sequence[Request]]]) -> list[None]:
    for now, over in batches:
        requests.end(conn, [one.id for one in over], now)
        bodies = [{"request": one.id, "state": "ended", "asked_by": one.by, "verb": one.asked.verb} for one in over]
        audit.append(conn, [Entry(now, Event.request, body=body) for body in bodies])
    return [None for _ in batches]

