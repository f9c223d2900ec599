"""The dead man's switch, on each database: what must be heard and is not, through restarts and beside other replicas."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from adapters.source import Rejected, Request
from adapters.sources.alertmanager import Alertmanager, AlertmanagerConfig
from bot.config import Config, load
from bot.heard import Heard
from bot.intake import Intake
from bot.notice import NOT_HEARD, Notices
from bot.policy import Policy
from bot.store import heard as rows
from bot.store.engine import Store
from tests.bot.world import HEAD, NOW, ROUTE
from tests.standins.stores import statements
from tests.standins.stores import store as store
from tests.standins.stores import store_url as store_url

EXPECTED = "{type: alertmanager, auth: none, expect_every: 10m, expect: [{match: ['alertname=\"Watchdog\"'], every: 5m}]}"
WATCHDOG = 'prom {alertname="Watchdog"}'


def config(folder: Path, prom: str = EXPECTED) -> Config:
    path = folder / "config.yaml"
    path.write_text(HEAD.replace("{prom: {type: generic, auth: none}}", f"{{prom: {prom}}}") + ROUTE)
    return load(path, {})


class Ear:
    """One process. `now`: its own seconds, which begin anywhere."""

    def __init__(self, store: Store, config: Config, now: float, leads: bool = True, run: str = "") -> None:
        self.now, self.store = now, store
        self.store.process = run or self.store.process
        self.notices = Notices()
        self.heard = Heard(store, self.notices, lambda: self.now, lambda: leads)
        self.heard.look_at(config)
        rules = Policy(config)
        self.intake = Intake(store, lambda: rules, lambda: NOW, lambda told: None, self.heard)
        self._source = Alertmanager("prom", AlertmanagerConfig.model_validate({"auth": "none"}))

    async def gets(self, *names: str, status: str = "firing") -> None:
        alerts = [{"status": status, "labels": {"alertname": name}, "startsAt": "2023-11-14T22:00:00Z"} for name in names]
        body = msgspec.json.encode({"version": "4", "alerts": alerts})
        await self.intake.take("prom", self._source, Request("POST", "", {}, body, "127.0.0.1"))

    async def late(self) -> list[str]:
        """What the admins are told is silent."""
        found = await self.heard.notices()
        assert all(name == NOT_HEARD for name, _ in found)
        return [about for _, about in found]


async def test_what_is_not_heard_is_told_until_it_is_heard(store: Store, tmp_path: Path) -> None:
    ear = Ear(store, config(tmp_path), 1000.0)
    await ear.gets("Watchdog")
    ear.now += 300
    assert await ear.late() == []
    ear.now += 1
    assert await ear.late() == [WATCHDOG]
    ear.now += 298
    await ear.gets("DiskFull")  # a sign of the source, not of the alert
    ear.now += 2
    assert await ear.late() == [WATCHDOG]
    assert not ear.notices.changed.is_set()
    with statements() as seen:
        await ear.gets("Watchdog")  # repeats what is known: nobody looks inside, nothing is written
    assert seen == [] and await ear.late() == []
    assert ear.notices.changed.is_set()  # it is told at once that it is over
    ear.now += 601
    assert await ear.late() == ["prom", WATCHDOG]
    (text,) = {notice.text for (_, about), notice in (await ear.heard.notices()).items() if about == "prom"}
    assert text == "prom was not heard for more than 10m: is it down, or cut off from Tocsin?"


async def test_an_alert_that_is_over_is_no_sign(store: Store, tmp_path: Path) -> None:
    ear = Ear(store, config(tmp_path), 0.0)
    await ear.gets("Watchdog")
    ear.now += 200
    await ear.gets("Watchdog", status="resolved")
    ear.now += 101
    assert await ear.late() == [WATCHDOG]


async def test_a_request_that_makes_no_sense_is_no_sign(store: Store, tmp_path: Path) -> None:
    ear = Ear(store, config(tmp_path), 0.0)
    ear.now += 601
    with pytest.raises(Rejected):
        await ear.intake.take("prom", ear._source, Request("POST", "", {}, b'{"alerts": [{"labels": 5}]}', "127.0.0.1"))
    assert await ear.late() == ["prom", WATCHDOG]


async def test_a_restart_goes_on_counting_where_the_process_before_ended(store: Store, tmp_path: Path) -> None:
    before = Ear(store, config(tmp_path), 1000.0)
    await before.gets("Watchdog")
    before.now += 250
    await before.heard.flush()
    await before.gets("DiskFull")  # killed before this was flushed
    after = Ear(store, config(tmp_path), 7.0, run="after")  # another boot, hours later: nobody listened meanwhile
    await after.heard.flush()
    assert await after.late() == []
    assert after.heard.silence(WATCHDOG) == after.heard.silence("prom") == 250
    after.now += 51
    assert await after.late() == [WATCHDOG]
    await after.heard.flush()
    third = Ear(store, config(tmp_path), 0.0, run="third")
    await third.heard.flush()
    assert await third.late() == [WATCHDOG]  # it stays told
    await third.gets("Watchdog")
    await third.heard.flush()
    assert await Ear(store, config(tmp_path), 0.0, run="fourth").late() == []


async def test_what_another_replica_hears_is_heard(store: Store, tmp_path: Path) -> None:
    leader, follower = Ear(store, config(tmp_path), 0.0), Ear(store, config(tmp_path), 5000.0, leads=False)
    leader.store, process = store, store.process

    async def flush(ear: Ear, name: str) -> None:
        store.process = name
        await ear.heard.flush()
        store.process = process

    for _ in range(40):
        leader.now += 60
        follower.now += 60
        await follower.gets("Watchdog")
        await flush(follower, "follower")
        await flush(leader, "leader")
        assert await leader.late() == []
    for _ in range(6):  # rows that the leader wrote itself make nothing look younger
        leader.now += 60
        follower.now += 60
        await flush(follower, "follower")
        await flush(leader, "leader")
    assert await leader.late() == [WATCHDOG]
    assert follower.heard.silence(WATCHDOG) == 300  # one flush behind: it could lead on at once


async def test_a_reload_expects_something_else(store: Store, tmp_path: Path) -> None:
    ear = Ear(store, config(tmp_path), 0.0)
    await ear.gets("Watchdog")
    ear.now += 290
    other = config(tmp_path, EXPECTED.replace("10m", "6m").replace("Watchdog", "Alive"))
    ear.heard.look_at(other)
    ear.now += 100
    assert await ear.late() == ["prom"]  # counted on; the new one from the reload
    await ear.heard.flush()
    assert set(await store.read(rows.known)) == {"prom", 'prom {alertname="Alive"}'}
    ear.heard.look_at(config(tmp_path, "{type: alertmanager, auth: none}"))
    await ear.heard.flush()
    assert await ear.late() == [] and await store.read(rows.known) == {}
