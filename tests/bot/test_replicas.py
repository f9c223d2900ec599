"""Several replicas at work on one PostgreSQL: whatever reaches whichever of them, the end is that of one process."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest
from sqlalchemy import select

from adapters import registry
from adapters.source import Request
from bot.config import Config, load
from bot.heard import Heard
from bot.intake import Intake
from bot.notice import Notices
from bot.policy import Policy
from bot.renewal import Renewal
from bot.store import alerts, audit, incidents
from bot.store.engine import Store
from bot.store.news import News
from bot.store.tables import audit as audit_table
from bot.store.tables import deliveries, members
from rules.audit_entry import START, Entry, Event, link
from tests.bot.world import NOW
from tests.standins.stores import postgres_server

pytestmark = pytest.mark.real

CONFIG = """
people: {ana: {name: Ana Petrova, token: token-of-ana}}
groups: {sre: {members: [ana]}}
admin: {groups: [sre]}
chats: {console: {type: console}}
channels: {ops: {chat: console}}
sources: {backups: {type: generic, auth: none}}
route: {channels: [ops], group_by: [alertname], group_wait: 0s, reopen_within: 0s, resolve_after: 0s}
"""
SENDERS, GROUPS, REPORTS = 12, 4, 40


class Replica:
    """A process as far as alerts go. `heard`: what other replicas told it."""

    def __init__(self, store: Store, config: Config, clock: Callable[[], float]) -> None:
        self.store = store
        policy = Policy(config)
        self._source = registry.load(registry.SOURCES["generic"])("backups", config.sources["backups"])
        self.intake = Intake(store, lambda: policy, clock, lambda _: None, Heard(store, Notices(), clock))
        self.renewal = Renewal(store, clock, self.intake.expiry)
        assert store.line
        store.line.heard, store.line.missed = self._hears, self.intake.forget_all

    def _hears(self, news: News) -> None:
        for key in news.changed:
            self.intake.forget(*key)
        if news.all_changed:
            self.intake.forget_all()

    async def takes(self, name: str, firing: bool) -> None:
        """One report without times, sent once, by somebody who goes on when it was accepted."""
        said = {"title": name, "id": name, "status": "firing" if firing else "resolved"}
        headers = {"Content-Type": "application/json"}
        answer = await self.intake.take("backups", self._source, Request("POST", "", headers, msgspec.json.encode(said), "", {}))
        assert answer.status == 200, answer

    async def acts(self, what: str) -> None:
        await self.store.write(audit.note, [Entry(NOW, Event.act, "ana", body={"what": what})])


@asynccontextmanager
async def replicas(tmp_config: Config, count: int, clock: Callable[[], float]) -> AsyncIterator[list[Replica]]:
    url = postgres_server().create_database()
    stores = [await Store.open(url) for _ in range(count)]
    try:
        yield [Replica(store, tmp_config, clock) for store in stores]
    finally:
        for store in stores:
            await store.close()


@pytest.fixture
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    path = tmp_path_factory.mktemp("config") / "config.yaml"
    path.write_text(CONFIG)
    return load(path, {})


async def test_what_was_accepted_last_is_the_state_wherever_it_arrived(config: Config, seed: int) -> None:
    """Each sender goes on only when it was answered, to any replica: what one of them remembers must be true by then."""
    dice, now = random.Random(seed), NOW
    last: dict[str, bool] = {}

    def clock() -> float:
        nonlocal now
        now += 0.001
        return now

    async with replicas(config, 3, clock) as all_of_them:

        async def send(sender: str) -> None:
            for i in range(REPORTS):
                name = f"{sender}-{i * GROUPS // REPORTS}"
                last[name] = dice.random() < 0.5
                one = dice.choice(all_of_them)
                await one.takes(name, last[name])
                if i % 10 == 0:
                    await one.acts(f"{name} {i}")

        await asyncio.gather(*(send(f"alert{i}") for i in range(SENDERS)))
        for one in all_of_them:
            await check(one.store, last)


async def check(store: Store, last: dict[str, bool]) -> None:
    rows = await store.read(alerts.firing_after, 0, 1000)
    assert {row.alert.title for row in rows} == {name for name, firing in last.items() if firing}
    numbers = [row.incident.number for row in reversed(await store.read(incidents.listed, False, 10_000))]
    assert numbers == list(range(1, len(numbers) + 1)), "numbers without a gap, none twice"
    assert len(numbers) > SENDERS, "this tested nothing"
    await check_audit(store)
    places = await store.read(lambda conn: conn.execute(select(deliveries.c.incident, deliveries.c.channel)).all())
    assert len(places) == len(set(places)) == len(numbers)
    belong = await store.read(lambda conn: conn.execute(select(members)).all())
    for row in await store.read(incidents.listed, False, 10_000):
        mine = [one for one in belong if one.incident == row.incident.number]
        assert (row.incident.total, row.incident.firing_count) == (len(mine), sum(one.firing for one in mine))


async def check_audit(store: Store) -> None:
    rows = await store.read(lambda conn: list(audit.rows(conn, audit_table.c.id > 0)))
    assert [row.id for row in rows] == list(range(1, len(rows) + 1))
    before = START
    for row in rows:
        assert row.hash == link(before, row)
        before = row.hash


async def test_a_report_that_is_being_written_while_it_is_overtaken_is_not_relied_on(config: Config) -> None:
    """Its commit came first, but the news of the second one may be read before the first knows that it is done."""
    now = itertools.count(NOW)
    async with replicas(config, 2, lambda: next(now)) as (first, second):
        await first.takes("PgDown", True)

        async def overtaken(store: Store) -> None:
            await second.takes("PgDown", False)
            assert store.line
            assert await store.line.current()

        await asyncio.gather(first.takes("PgDown", True), overtaken(first.store))
        await second.takes("PgDown", False)
        await first.takes("PgDown", True)
        assert [row.alert.title for row in await second.store.read(alerts.firing_after, 0, 10)] == ["PgDown"]


async def test_what_only_one_replica_heard_does_not_expire(config: Config) -> None:
    now = NOW
    async with replicas(config, 2, lambda: now) as (first, _):
        await first.takes("PgDown", True)
        (row,) = await first.store.read(alerts.firing_after, 0, 10)
        if not row.state.expires_at:
            await _expires(first.store, row.id, NOW + 30)
        first.intake._known["backups"]._echoes[next(iter(first.intake._known["backups"]._echoes))].ends_at = NOW + 300
        await first.renewal.once()
        (row,) = await first.store.read(alerts.firing_after, 0, 10)
        assert row.state.expires_at == NOW + 300


async def _expires(store: Store, alert: int, at: float) -> None:
    def extend(conn: object, batches: Sequence[None]) -> list[None]:
        alerts.extend(conn, [(alert, at)])  # type: ignore[arg-type]  # a Connection
        return [None for _ in batches]

    await store.write(extend, None)
