"""The dead man's switch: a source, or a named alert of it, that must be heard now and then and is not becomes an alert.

Silence is counted in the time in which Tocsin listened: neither a restart nor a clock that is set makes somebody seem silent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from bot import metrics
from bot.config import Config
from bot.notice import NOT_HEARD, Key, Notice, Notices
from bot.store import heard
from bot.store.engine import Store
from bot.store.heard import Silence
from bot.store.writer import StoreUnavailable
from rules.alert import Alert, Report
from rules.duration import format_duration
from rules.matcher import Matchers, match_all

log = structlog.get_logger()

FLUSH_SECONDS = 10.0
"""A kill forgets at most this much of a silence, and of what was heard."""

MOST_KEYS = 100_000
"""Alerts of one source that are known to count, by the sender's bytes. An expectation is meant for a handful."""


class Expected(NamedTuple):
    """`name`: what people are told is silent. `match`: which alerts count; None: any request of the source."""

    name: str
    every: float
    match: Matchers | None


class Heard:
    """`monotonic` gives seconds that only grow. `leads`: whether this process speaks for all replicas."""

    def __init__(
        self, store: Store, notices: Notices, monotonic: Callable[[], float], leads: Callable[[], bool] = lambda: True
    ) -> None:
        self._store, self._notices, self._monotonic, self._leads = store, notices, monotonic, leads
        self._expected: Mapping[str, Sequence[Expected]] = {}
        self._names: dict[str, dict[bytes, tuple[str, ...]]] = {}  # source -> the key of a report -> what it is a sign of
        self._last: dict[str, float] = {}  # on `monotonic`
        self._news: set[str] = set()  # heard since the last flush
        self._late: set[str] = set()  # whose silence the admins are told of

    def look_at(self, config: Config) -> None:
        """What is expected from now on. What was not expected before counts as heard just now."""
        self._expected = expectations(config)
        self._names = {source: {} for source in self._expected}
        now, before = self._monotonic(), self._last
        self._last = {one.name: before.get(one.name, now) for ones in self._expected.values() for one in ones}
        metrics.SILENT.clear()
        for name in self._last:
            metrics.SILENT.labels(name).set_function(partial(self.silence, name))

    def learn(self, source: str, report: Report, alert: Alert) -> None:
        """An alert was opened: from now on its reports are known by their key."""
        expected = self._expected.get(source)
        if not expected:
            return
        signs = [one.name for one in expected if one.match and match_all(one.match, alert.labels)]
        if signs:
            names = self._names[source]
            if len(names) >= MOST_KEYS:
                del names[next(iter(names))]
            names[report.key] = tuple(signs)

    def hear(self, source: str, reports: Sequence[Report]) -> None:
        """A request of the source was accepted and all in it is stored."""
        expected = self._expected.get(source)
        if not expected:
            return
        names, heard_now = self._names[source], {one.name for one in expected if one.match is None}
        if names:
            for report in reports:
                if report.firing and report.key in names:
                    heard_now.update(names[report.key])
        now = self._monotonic()
        for name in heard_now:
            self._last[name] = now
        self._news |= heard_now
        if heard_now & self._late:
            self._notices.changed.set()

    def silence(self, name: str) -> float:
        """For how many seconds it was not heard; 0.0 for what need not be."""
        return max(0.0, self._monotonic() - self._last[name]) if name in self._last else 0.0

    def late(self) -> list[Expected]:
        """What is silent for longer than it may be."""
        return [one for ones in self._expected.values() for one in ones if self.silence(one.name) > one.every]

    async def notices(self) -> Mapping[Key, Notice]:
        late = self.late()
        self._late = {one.name for one in late}
        return {(NOT_HEARD, one.name): Notice(text_of(one)) for one in late}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.flush()
            except StoreUnavailable as problem:
                log.warning("hearing_waits_for_store", reason=str(problem))
            await asyncio.sleep(FLUSH_SECONDS)

    async def flush(self) -> None:
        """Learns what other processes heard, also those before this one; tells them what it did. Raises StoreUnavailable."""
        if self._last or self._leads():
            await self._store.write(self._exchange, None)

    def _exchange(self, conn: Connection, items: Sequence[None]) -> list[None]:
        now, rows = self._monotonic(), heard.known(conn)
        for name, row in rows.items():
            if row.by != self._store.process and name in self._last and name not in self._news:
                self._last[name] = now - row.seconds
        mine = set(self._last) if self._leads() else self._news & set(self._last)
        gone = [name for name in rows if name not in self._last] if self._leads() else []
        heard.keep(conn, {name: Silence(self.silence(name), self._store.process) for name in mine}, gone)
        self._news.clear()
        return [None for _ in items]


def text_of(one: Expected) -> str:
    return f"{one.name} was not heard for more than {format_duration(one.every)}: is it down, or cut off from Tocsin?"


def expectations(config: Config) -> dict[str, list[Expected]]:
    """By source. Sources of which nothing is expected are left out."""
    found: dict[str, list[Expected]] = {}
    for source, written in config.sources.items():
        whole = [Expected(source, written.expect_every, None)] if written.expect_every else []
        alerts = [Expected(f"{source} {{{', '.join(map(str, one.match))}}}", one.every, one.match) for one in written.expect]
        if whole or alerts:
            found[source] = [*whole, *alerts]
    return found
