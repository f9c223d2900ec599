"""What things cost Tocsin on this machine, on SQLite and on PostgreSQL: the constants of the load model."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.configs import Plan
from benchmarks.load import Job, Outcome, measure, spent_by, spent_by_family
from benchmarks.places import OnPostgres, Place
from benchmarks.servers import TOKEN, Failed

PLACES: dict[str, Callable[[Path, Plan], Place]] = {
    "sqlite": Place,
    "postgres": lambda folder, plan: OnPostgres(folder, plan, 1),
    "postgres2": lambda folder, plan: OnPostgres(folder, plan, 2),
}
SOON, LATER = 50.0, 600.0
"""Seconds until alerts expire: so soon that replicas renew them at once, and so late that they do not."""


class Amounts(msgspec.Struct):
    """How much of each is done. `apart`: incidents of one alert each. `patience`: seconds in which replicas renew."""

    alerts: int = 100_000
    resent: int = 6_400
    seconds: float = 5.0
    apart: int = 3_000
    renewed: int = 20_000
    patience: float = 8.0


TINY = Amounts(alerts=1_000, resent=128, seconds=0.3, apart=50, renewed=200, patience=0.2)


class Measured(msgspec.Struct):
    """Rates are of alerts a second, `single` of requests. `_us`: CPU of Tocsin, all replicas together, per piece; `_db_us`: of
    PostgreSQL. `_disk`: bytes that the store grows by, `_log`: bytes written at once. Memory: of one replica. `renew_`: 0.0 where
    it was not measured.
    """

    place: str
    new_rate: float
    new_us: float
    new_db_us: float
    resent_rate: float
    resent_us: float
    single_rate: float
    single_us: float
    single_db_us: float
    incident_us: float
    incident_db_us: float
    renew_us: float
    renew_db_us: float
    base_mb: float
    alert_memory: float
    alert_disk: float
    alert_log: float
    incident_disk: float
    incident_log: float
    renew_log: float
    other_cpu: float


def measured(name: str, amounts: Amounts, told: Callable[[str], None]) -> Measured:
    """Some minutes of work. `told` gets a word on what is being done."""
    with tempfile.TemporaryDirectory(prefix="tocsin-costs-") as folder:
        place = PLACES[name](Path(folder), Plan("1s"))
        try:
            place.start()
            return _Work(place, amounts, told).all()
        finally:
            place.stop()


class _Work:
    def __init__(self, place: Place, amounts: Amounts, told: Callable[[str], None]) -> None:
        self._place, self._amounts, self._told = place, amounts, told
        self._others: list[float] = []

    def all(self) -> Measured:
        self._do("to warm up", Job("once", 2000, per_request=100, connections=8, first=10_000_000))
        new = self._new()
        return msgspec.convert(
            {"place": self._place.name, **new, **self._again(), **self._incidents(), **self._renewals(),
             "other_cpu": max(self._others)}, Measured,
        )  # fmt: skip

    def _new(self) -> dict[str, float]:
        count = self._amounts.alerts
        base, size, written = self._memory(), self._place.size(), self._place.written()
        done = self._do("new alerts", Job("once", count, per_request=100, connections=8))
        return {
            "new_rate": done.alerts / done.seconds,
            "new_us": _each(done.server_cpu, done.seconds, count),
            "new_db_us": _each(done.database_cpu, done.seconds, count),
            "base_mb": base,
            "alert_memory": (self._memory() - base) * 1e6 / count * len(self._place.replicas),
            "alert_disk": (self._place.size() - size) / count,
            "alert_log": (self._place.written() - written) / count,
        }

    def _again(self) -> dict[str, float]:
        seconds = self._amounts.seconds
        job = Job("resend", self._amounts.resent, per_request=64, connections=8, warm_up=2.0, seconds=seconds)
        many = self._do("re-sent, 64 a request", job)
        single = self._do("re-sent, one a request", msgspec.structs.replace(job, alerts=1000, per_request=1, connections=32))
        return {
            "resent_rate": many.alerts / many.seconds,
            "resent_us": _each(many.server_cpu, many.seconds, many.alerts),
            "single_rate": single.requests / single.seconds,
            "single_us": _each(single.server_cpu, single.seconds, single.requests),
            "single_db_us": _each(single.database_cpu, single.seconds, single.requests),
        }

    def _incidents(self) -> dict[str, float]:
        count = self._amounts.apart
        size, written = self._place.size(), self._place.written()
        spent, database = self._spent()
        self._do("incidents", Job("once", count, per_request=10, connections=8, first=20_000_000, apart=True))
        self._wait_for_cards(count)
        now, now_database = self._spent()
        return {
            "incident_us": (now - spent) * 1e6 / count,
            "incident_db_us": (now_database - database) * 1e6 / count,
            "incident_disk": (self._place.size() - size) / count,
            "incident_log": (self._place.written() - written) / count,
        }

    def _renewals(self) -> dict[str, float]:
        """Only replicas renew soon; one process on SQLite does the same in its own time."""
        if not self._place.database:
            return {"renew_us": 0.0, "renew_db_us": 0.0, "renew_log": 0.0}
        count = self._amounts.renewed
        job = Job("once", count, per_request=100, connections=8, first=30_000_000, firing_for=SOON,
                  started_at=time.time())  # fmt: skip
        self._do("alerts that expire soon", job)
        self._do("the same, later", msgspec.structs.replace(job, firing_for=LATER))
        written = self._place.written()
        spent, database = self._spent()
        self._told("their expiry is renewed")
        time.sleep(self._amounts.patience)
        now, now_database = self._spent()
        return {
            "renew_us": (now - spent) * 1e6 / count,
            "renew_db_us": (now_database - database) * 1e6 / count,
            "renew_log": (self._place.written() - written) / count,
        }

    def _wait_for_cards(self, count: int) -> None:
        """Raises Failed when they do not all come."""
        give_up = time.monotonic() + 60.0
        while len(self._place.sink.get("/arrivals")["arrived"]) < count:
            if time.monotonic() > give_up:
                raise Failed(f"not all of {count} incidents have a card after a minute")
            time.sleep(1.0)

    def _do(self, what: str, job: Job) -> Outcome:
        self._told(what)
        ports, pids = (tuple(getattr(one, name) for one in self._place.replicas) for name in ("port", "pid"))
        place = {"ports": ports, "servers": pids, "sink": self._place.sink.pid, "database": self._place.database}
        outcome = measure(msgspec.structs.replace(job, token=TOKEN, **place))
        if outcome.refused:
            raise Failed(f"{outcome.refused} of {outcome.requests} requests were refused ({what})")
        self._others.append(outcome.other_cpu)
        return outcome

    def _memory(self) -> float:
        return sum(one.memory() for one in self._place.replicas) / len(self._place.replicas)

    def _spent(self) -> tuple[float, float]:
        return sum(spent_by(one.pid) for one in self._place.replicas), spent_by_family(self._place.database)


def _each(cores: float, seconds: float, count: int) -> float:
    """Microseconds of CPU per piece."""
    return cores * seconds * 1e6 / count


def show(found: list[Measured], console: Console) -> None:
    table = Table(title="What things cost")
    table.add_column("")
    for one in found:
        table.add_column(one.place, justify="right")
    for field in msgspec.structs.fields(Measured)[1:]:
        table.add_row(field.name, *(f"{getattr(one, field.name):,.1f}" for one in found))
    console.print(table)
