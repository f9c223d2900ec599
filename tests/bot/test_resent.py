"""Unchanged re-sends, the bulk of real traffic, cost no statement; what changed costs only its own row."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from adapters.source import Request
from adapters.sources.alertmanager import Alertmanager, AlertmanagerConfig
from bot.heard import Heard
from bot.intake import Intake
from bot.notice import Notices
from bot.store import alerts
from bot.store.engine import Store
from tests.bot.world import NOW, policy
from tests.standins.stores import statements
from tests.standins.stores import store as store
from tests.standins.stores import store_url as store_url


def posted(hosts: int, at: float, **annotations: str) -> bytes:
    """What Prometheus posts of so many firing alerts at that time."""

    def when(seconds: float) -> str:
        return datetime.fromtimestamp(seconds, UTC).isoformat()

    return msgspec.json.encode([
        {
            "labels": {"alertname": "DiskFull", "host": f"h{i}"}, "annotations": annotations if i == 0 else {},
            "startsAt": when(NOW), "endsAt": when(at + 240),
        }
        for i in range(hosts)
    ])  # fmt: skip


class Prometheus:
    """One sender and the intake it talks to."""

    def __init__(self, store: Store, folder: Path) -> None:
        rules = policy(folder)
        self.now = NOW
        heard = Heard(store, Notices(), lambda: self.now)
        self.intake = Intake(store, lambda: rules, lambda: self.now, lambda told: None, heard)
        self._source = Alertmanager("prom", AlertmanagerConfig.model_validate({"auth": "none"}))

    async def sends(self, hosts: int, **annotations: str) -> list[str]:
        """The statements that one request costs."""
        request = Request("POST", "", {}, posted(hosts, self.now, **annotations), "127.0.0.1")
        with statements() as seen:
            assert (await self.intake.take("prom", self._source, request)).status == 200
        self.now += 60
        return [text for text in seen if not text.startswith("BEGIN")]


@pytest.fixture
def prometheus(store: Store, tmp_path: Path) -> Prometheus:
    return Prometheus(store, tmp_path)


def writes(seen: list[str]) -> list[str]:
    """By table, without the facts: replicas count there what they tell each other."""
    tables = (text.split()[1 if text.startswith("UPDATE") else 2] for text in seen if text.startswith(("INSERT", "UPDATE")))
    return sorted(table for table in tables if table != "facts")


async def test_a_resend_costs_no_statement(prometheus: Prometheus, store: Store) -> None:
    assert await prometheus.sends(100)
    for _ in range(5):
        assert await prometheus.sends(100) == []
    (first, *_) = (await store.read(alerts.load_ids, [1])).values()
    assert first.state.expires_at == NOW + 240  # the row lags, and need not know:
    assert prometheus.intake.expiry("prom", first.alert.fingerprint) == NOW + 300 + 240


async def test_new_words_cost_one_row_of_each_table(prometheus: Prometheus) -> None:
    await prometheus.sends(100)
    assert writes(await prometheus.sends(100, summary="worse")) == ["alerts", "deliveries", "incidents", "members"]
    assert await prometheus.sends(100, summary="worse") == []


async def test_after_a_restart_a_resend_is_looked_up_once(prometheus: Prometheus, store: Store, tmp_path: Path) -> None:
    await prometheus.sends(100)
    again = Prometheus(store, tmp_path)
    again.now = prometheus.now
    seen = await again.sends(100)
    assert len(seen) == 1 and seen[0].startswith("SELECT")
    assert await again.sends(100) == []
