"""From a request to a commit: nothing is answered with 2xx before its alerts, incidents and wanted cards are stored (G1)."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from prometheus_client import Counter
from sqlalchemy import Connection

from adapters.source import Act, Request, Response, Source, Stamp
from bot import metrics
from bot.absorb import IGNORED, Absorbed, Told, absorb
from bot.heard import Heard
from bot.known import Known
from bot.policy import Policy
from bot.senders import Oddities, carry_out
from bot.store import seen
from bot.store.engine import Store
from rules.alert import Alert, BadAlert, Report, Verdict

TAKEN_BEFORE = Response(200, b'{"status":"ok","taken":"before"}')
"""To a signed request that was taken already. It is 200, for its alerts are kept: an honest sender that lost the first answer
must not think otherwise and give up on them, and whoever recorded it learns nothing and changes nothing."""

MOST_SPOILT = 10_000
"""Alerts that are remembered as changed by something else, for reports of them that are just being written."""


class Taken(NamedTuple):
    """What a request of a source brings: first its alerts, then what was done to alerts on its side."""

    source: str
    alerts: Sequence[Alert]
    acts: Sequence[Act]


Sealed = tuple[Taken, str, float]
"""What a request brings that counts once, its digest, and until when that must be remembered."""


class Intake:
    """`told` is called with the changes of each commit. `policy` gives the rules as they are now. `clock` gives the time."""

    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        clock: Callable[[], float],
        told: Callable[[Told], None],
        heard: Heard,
    ) -> None:
        self._spoilt: OrderedDict[tuple[str, str], int] = OrderedDict()  # alerts that something else changed, and when
        self._moments, self._spoilt_before, self._writing = 0, 0, 0
        self._store, self._policy, self._clock, self._told = store, policy, clock, told
        self._heard = heard
        self._known: dict[str, Known] = defaultdict(Known)
        self._repeated, self._oddities = _Repeated(), Oddities()

    async def take(self, name: str, source: Source, request: Request, stamp: Stamp | None = None) -> Response:
        """Everything after the sender has proven who it is. Raises Rejected, StoreUnavailable. This is the hot path.

        `stamp`: the request counts once.
        """
        now = self._clock()
        batch = source.parse(request, now)
        known = self._known[name]
        fresh = known.fresh(batch.reports) if await self._current() else batch.reports
        self._repeated[name].inc(len(batch.reports) - len(fresh))
        bad = list(batch.bad)
        news = fresh or stamp or batch.acts
        if news and not await self._remembering(self._keep(name, known, fresh, bad, stamp, batch.acts)):
            return TAKEN_BEFORE
        if batch.odd:
            self._oddities.count(name, batch.odd)
        accepted = len(batch.reports) + len(batch.bad) - len(bad)
        if bad:
            metrics.BAD_ALERTS.labels(name).inc(len(bad))
        if accepted or not bad:
            self._heard.hear(name, batch.reports)
        return batch.answer(accepted, bad) if batch.answer else source.reply(accepted, bad)

    async def _remembering(self, keep: Awaitable[bool]) -> bool:
        """Its result. While any report is being written, what something else changes is remembered."""
        self._writing += 1
        try:
            return await keep
        finally:
            self._writing -= 1
            if not self._writing:
                self._spoilt.clear()

    async def _keep(
        self, name: str, known: Known, fresh: Sequence[Report], bad: list[BadAlert], stamp: Stamp | None, acts: Sequence[Act]
    ) -> bool:
        """Stores what is fresh and learns it. False: nothing was stored, because this very request was taken before."""
        opened: list[tuple[Report, Alert]] = []
        for report in fresh:
            try:
                opened.append((report, report.open()))
            except BadAlert as problem:
                bad.append(problem)
        if not opened and not stamp and not acts:
            return True
        taken, moment = Taken(name, [alert for _, alert in opened], acts), self._moments
        weight = len(opened) + len(acts)
        if stamp is None:
            absorbed = await self._store.write(self._absorb, taken, weight=weight)
        else:
            sealed = (taken, f"{name}:{stamp.digest}", stamp.until)
            once = await self._store.write(self._absorb_once, sealed, weight=weight + 1)
            if once is None:
                return False
            absorbed = once
        calm = self._moments == moment  # nothing else changed any alert meanwhile
        for (report, alert), verdict in zip(opened, absorbed.verdicts, strict=True):
            self._heard.learn(name, report, alert)
            if verdict not in IGNORED and (calm or self._is_unspoilt(name, alert.fingerprint, moment)):
                known.learn(report, alert.fingerprint)
        for verdict in set(absorbed.verdicts):
            metrics.ALERTS.labels(name, verdict.value).inc(absorbed.verdicts.count(verdict))
        for seconds in absorbed.ack_seconds:
            metrics.ACK_SECONDS.observe(seconds)
        self._told(absorbed.told)
        return True

    def _is_unspoilt(self, source: str, fingerprint: str, moment: int) -> bool:
        """Whether nothing but its own reports changed an alert since then."""
        return moment >= max(self._spoilt_before, self._spoilt.get((source, fingerprint), 0))

    async def _current(self) -> bool:
        """Whether what is remembered here is still true: another replica may have heard otherwise of an alert."""
        line = self._store.line
        return line is None or await line.current()

    def _absorb(self, conn: Connection, requests: Sequence[Taken]) -> list[Absorbed]:
        policy, run, now = self._policy(), self._store.run, self._clock()
        absorbed = absorb(conn, [taken.alerts for taken in requests], policy, run, now)
        if said := [(taken.source, act) for taken in requests for act in taken.acts]:
            done = carry_out(conn, said, policy, run, now)
            absorbed[0].told += done.told
            absorbed[0].ack_seconds = done.ack_seconds
        return absorbed

    def _absorb_once(self, conn: Connection, requests: Sequence[Sealed]) -> list[Absorbed | None]:
        """In one transaction with the memory of it: taken and remembered, or neither."""
        first = seen.first_time(conn, [(digest, until) for _, digest, until in requests], self._clock())
        taken = [request for (request, _, _), new in zip(requests, first, strict=True) if new]
        absorbed = iter(self._absorb(conn, taken) if taken else ())
        return [next(absorbed) if new else None for new in first]

    def expiry(self, source: str, fingerprint: str) -> float:
        """When an alert expires as its last report says, in seconds since the epoch; 0.0 if its row knows better."""
        known = self._known.get(source)
        return known.expiry(fingerprint) if known else 0.0

    def forget_all(self) -> None:
        """After a reload: sources may name alerts otherwise now."""
        self._known.clear()
        self._moments += 1
        self._spoilt_before = self._moments

    def forget(self, source: str, fingerprint: str) -> None:
        """Its next report is looked at in full, and what is just being written of it is not relied on."""
        self._moments += 1
        if self._writing:
            self._spoilt[source, fingerprint] = self._moments
            self._spoilt.move_to_end((source, fingerprint))
        if len(self._spoilt) > MOST_SPOILT:
            self._spoilt_before = max(self._spoilt_before, self._spoilt.popitem(last=False)[1])
        if source in self._known:
            self._known[source].forget(fingerprint)


class _Repeated(dict[str, Counter]):
    """The counter of repetitions per source: found once, for the hot path."""

    def __missing__(self, source: str) -> Counter:
        counter = self[source] = metrics.ALERTS.labels(source, Verdict.duplicate.value)
        return counter
