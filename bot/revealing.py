"""Breaking the glass: somebody sees an incident beyond their clearance for a while, with a reason, before the admins' eyes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection

from adapters.chat import Reply
from bot import answers
from bot.drawing import cleared_groups
from bot.notice import Key, Notice
from bot.policy import Policy
from bot.store import audit, grants, incidents
from bot.store.engine import Store
from bot.store.grants import Grant
from bot.witness import Origin
from rules.access import Caller, may_reveal
from rules.audit_entry import Entry, Event
from rules.command import Command

REVEALED = "TocsinRevealed"
"""The name of the alert of Tocsin's own that tells the admins."""


class Revealing:
    def __init__(self, store: Store, policy: Callable[[], Policy], clock: Callable[[], float]) -> None:
        self._store, self._policy, self._clock = store, policy, clock

    async def run(self, caller: Caller, command: Command, origin: Origin) -> Reply:
        """Lets the caller see the incident for a while. Not ok if the config does not; else what there is to say beside it."""
        policy, now, number = self._policy(), self._clock(), command.numbers[0]
        rule = policy.config.reveal
        if rule is None or not caller.groups.intersection(rule.groups):
            who = f"Members of {', '.join(rule.groups)} may." if rule else "Nobody may: the config has no `reveal`."
            return Reply(f"You may not reveal anything. {who}", ok=False)
        row = (await self._store.read(incidents.load, [number])).get(number)
        if row is None:
            return Reply(f"There is no incident #{number}. To list those you see anyway: incidents", ok=False)
        level = row.incident.sensitivity
        if policy.may_see(caller, level):
            return Reply(f"You may see #{number} anyway.")
        if not may_reveal(caller, level, rule, policy.sensitivity):
            who = ", ".join(cleared_groups(policy, row.incident))
            ask = f"Ask {who}." if who else "Nobody may see it."
            return Reply(f"#{number} is more secret than may be revealed. {ask}", ok=False)
        until = now + rule.lasts
        await self._store.write(_grant, (Grant(caller.key, number, now, until, command.text), origin))
        return Reply(f"You see #{number} until {answers.clock(until)} UTC. The admins are told of it, and of your reason.")

    async def notices(self) -> Mapping[Key, Notice]:
        """One for each grant in force. What is seen stands in none."""
        policy = self._policy()
        found = await self._store.read(grants.current, self._clock())
        return {(REVEALED, f"#{one.incident} to {one.person}"): Notice(_told(one, policy)) for one in found}


def _told(grant: Grant, policy: Policy) -> str:
    name = policy.names.get(grant.person, grant.person)
    until = answers.clock(grant.until)
    return f"{name} looks at #{grant.incident} beyond their clearance, until {until} UTC. Their reason: {grant.reason}"


def _grant(conn: Connection, new: Sequence[tuple[Grant, Origin]]) -> list[None]:
    for grant, origin in new:
        grants.add(conn, grant)
        body = {"reason": grant.reason, "until": grant.until, "via": origin.via}
        audit.append(conn, [Entry(grant.at, Event.reveal, grant.person, origin.channel, grant.incident, body)])
    return [None for _ in new]
