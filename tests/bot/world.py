"""A store, a policy and a clock, with nothing around them: what reports do to rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot import recheck
from bot.absorb import Absorbed, absorb
from bot.config import load
from bot.policy import Policy
from bot.store import deliveries, incidents, members, silences, tables, timeline
from bot.store.deliveries import Delivery
from bot.store.engine import Store
from bot.store.incidents import IncidentRow
from rules.alert import Alert, Severity, Verdict, fingerprint
from rules.change import Kind
from rules.incident import Incident
from rules.matcher import parse_matchers
from rules.mute import Silence
from tests.standins.stores import write

NOW = 1_700_000_000.0  # a Tuesday, 22:13:20 UTC

HEAD = """
people: {ana: {name: Ana}}
groups: {sre: {members: [ana], clearance: restricted}}
admin: {groups: [sre], channel: ops}
chats: {console: {type: console}}
channels:
  ops: {chat: console, clearance: internal}
  db: {chat: console, clearance: internal}
  vault: {chat: console, clearance: restricted}
sources: {prom: {type: generic, auth: none}}
"""
ROUTE = """
route: {channels: [ops], group_by: [alertname], group_wait: 10s, resolve_after: 30s, reopen_within: 10m, repeat_interval: 4h}
"""


def policy(folder: Path, text: str = ROUTE, head: str = HEAD) -> Policy:
    path = folder / "config.yaml"
    path.write_text(head + text)
    return Policy(load(path, {}))


def alert(name: str = "DiskFull", firing: bool = True, at: float = NOW, expires: float = 0.0, **labels: str) -> Alert:
    """An alert that began at NOW; `at`: when a resolved one ended. Labels given as `annotation_x` are annotations."""
    texts = {key.removeprefix("annotation_"): labels.pop(key) for key in list(labels) if key.startswith("annotation_")}
    severity = Severity[labels.get("severity", "warning")]
    named = {"alertname": name, **labels}
    identity = {key: value for key, value in named.items() if key != "severity"}
    return Alert("prom", fingerprint(identity), named, texts, severity, firing, NOW if firing else at, expires if firing else at)


class World:
    def __init__(self, store: Store, policy: Policy) -> None:
        self.store, self.policy, self.now = store, policy, NOW

    async def report(self, *alerts: Alert) -> list[Verdict]:
        """One request; returns what each alert of it meant."""
        return (await self.requests(alerts))[0].verdicts

    async def requests(self, *requests: Sequence[Alert]) -> list[Absorbed]:
        """Several requests in one commit."""
        return await write(self.store, absorb, requests, self.policy, self.store.run, self.now)

    async def passes(self, seconds: float) -> None:
        """Time goes by, and everything due by then is done."""
        end = self.now + seconds
        while (due := await self.store.read(incidents.next_due)) <= end:
            self.now = max(self.now, due)
            await write(self.store, recheck.tick_due, self.policy, self.store.run, self.now)
        self.now = end

    async def expires(self, **known: float) -> list[str]:
        """The names of the alerts that expire now; `known`: later expiries, by name, that rows do not tell."""
        names = {row.fingerprint: row.labels for row in await self._all(tables.alerts)}

        def expiry(source: str, key: str) -> float:
            return next((at for name, at in known.items() if f'"{name}"' in names[key]), 0.0)

        _, keys = await write(self.store, recheck.expire_due, self.policy, self.store.run, self.now, expiry)
        return sorted(names[key].split('"')[3] for _, key in keys)

    async def silence(self, matchers: str, seconds: float) -> None:
        await self._change_silence(
            silences.add, Silence("s1", parse_matchers(matchers), self.now, self.now + seconds, "ana", "why")
        )

    async def unsilence(self) -> None:
        await self._change_silence(silences.end, "s1", self.now)

    async def _change_silence(self, change: Any, *args: Any) -> None:
        await write(self.store, change, *args)
        await write(self.store, incidents.check_all, self.now)

    async def incidents(self) -> list[Incident]:
        rows = await self.store.read(incidents.listed, False, 1000)
        return [row.incident for row in reversed(rows)]

    async def incident(self) -> Incident:
        (one,) = await self.incidents()
        return one

    async def rows(self) -> list[IncidentRow]:
        return list(reversed(await self.store.read(incidents.listed, False, 1000)))

    async def cards(self, *channels: str) -> list[Delivery]:
        rows = await self._all(tables.deliveries)
        found = await self.store.read(deliveries.load, [row.id for row in rows])
        return sorted((row for row in found if not channels or row.channel in channels), key=lambda row: row.id)

    async def shown(self) -> None:
        """Every card that is due is delivered."""
        done = [row for row in await self.cards() if row.behind and row.due_at <= self.now]
        for row in done:
            row.shown, row.thread_shown, row.shown_at, row.ref = row.wanted, row.thread_wanted, self.now, "ref"
        await write(self.store, deliveries.record, done)

    async def told(self, number: int = 1) -> list[Kind]:
        return [change.kind for _, change in await self.store.read(timeline.told, number)]

    async def muted(self) -> list[str]:
        """Why each firing member is muted, by alert."""
        found = [one for row in await self.rows() for one in await self.store.read(members.firing_in, row.incident.number)]
        return [one.member.muted for one in sorted(found, key=lambda one: one.alert)]

    async def counts_add_up(self) -> None:
        """What incidents count is what their members say."""
        all_members = await self._all(tables.members)
        for incident in await self.incidents():
            own = [row for row in all_members if row.incident == incident.number]
            assert incident.total == len(own)
            assert incident.firing == tuple(sum(row.firing and row.severity == severity for row in own) for severity in Severity)
            assert incident.muted == sum(bool(row.firing and row.muted) for row in own)

    async def _all(self, table: Any) -> Sequence[Any]:
        return await self.store.read(lambda conn: conn.execute(select(table)).all())
