"""Where costs are measured: Tocsin on SQLite, and one or more replicas of it on a PostgreSQL that keeps what it commits."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it brings no types

from benchmarks import configs
from benchmarks.configs import Plan
from benchmarks.servers import SinkProcess, Tocsin
from tests.standins.postgres import PostgresServer

MB = 1e6


class Place:
    """Tocsin's processes and their store, not started. `name`: how the tables call it."""

    name = "SQLite"

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder = folder
        self.sink = SinkProcess(folder / "sink")
        self.replicas: list[Tocsin] = self._build(plan)

    def _build(self, plan: Plan) -> list[Tocsin]:
        return [Tocsin(self._folder / "server", self.sink, plan)]

    @property
    def database(self) -> int:
        """The process id of a database of its own; 0 if there is none."""
        return 0

    def start(self) -> None:
        for process in (self.sink, *self.replicas):
            process.start()

    def stop(self) -> None:
        for process in (*self.replicas, self.sink):
            process.stop()

    def size(self) -> float:
        """Bytes of what is stored, indexes and all."""
        connection = sqlite3.connect(f"file:{self._folder / 'server' / 'tocsin.db'}?mode=ro", uri=True)
        try:
            pages, page = (connection.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size"))
        finally:
            connection.close()
        return float(pages * page)

    def written(self) -> float:
        """Bytes written to the disk so far."""
        lines = Path(f"/proc/{self.replicas[0].pid}/io").read_text().splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith("write_bytes:")))


class OnPostgres(Place):
    """`replicas` of them."""

    def __init__(self, folder: Path, plan: Plan, replicas: int) -> None:
        self.name = f"PostgreSQL, {replicas} replica{'s' * (replicas > 1)}"
        self._count = replicas
        self._server = PostgresServer(durable=True)
        self._server.start()
        self._url = self._server.create_database()
        super().__init__(folder, plan)

    def _build(self, plan: Plan) -> list[Tocsin]:
        return [_Replica(self._folder / f"server{n}", self.sink, plan, self._url) for n in range(self._count)]

    @property
    def database(self) -> int:
        return self._server.pid

    def stop(self) -> None:
        super().stop()
        self._server.remove()

    def size(self) -> float:
        return float(self._ask("SELECT pg_database_size(current_database())"))

    def written(self) -> float:
        """Of the log alone; pages follow later, once for many changes."""
        return float(self._ask("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"))

    def _ask(self, question: str) -> Any:
        async def ask() -> Any:
            connection = await asyncpg.connect(self._url)
            try:
                return await connection.fetchval(question)
            finally:
                await connection.close()

        return asyncio.run(ask())


class _Replica(Tocsin):
    """One that shares a store."""

    def __init__(self, folder: Path, sink: SinkProcess, plan: Plan, store: str) -> None:
        self._store = store
        super().__init__(folder, sink, plan)

    def config(self, plan: Plan, sink: str) -> str:
        return configs.tocsin(plan, self.port, self._store, sink)
