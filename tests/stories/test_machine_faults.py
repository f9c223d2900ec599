"""The machine fails in the middle of a storm: its database is locked or away, its disk is full, its clock jumps.

What was accepted is shown, once; what cannot be stored is refused, so that senders come again; and it goes on by itself.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import aiohttp
import asyncpg  # type: ignore[import-untyped]  # it brings no types
import pytest

from tests.conftest import PROFILE
from tests.standins.faults import Fault
from tests.standins.postgres import PostgresServer
from tests.standins.stores import postgres_server
from tests.stories.machine import MORE_MEMORY, Shape, Storm, memory, raging, raging_here
from tests.stories.process import Process
from tests.stories.until import until

FULL = PROFILE == "nightly"
SHAPE = Shape(960, 30.0, 20, 1.0) if FULL else Shape(120, 2.0, 4, 40.0)
PATIENCE = 180.0 if FULL else 20.0
LOCKED = 20.0 if FULL else 6.0
"""Seconds; a write waits for 5 before it is refused."""

pytestmark = pytest.mark.timeout(400)

Tell = Callable[[str, object], None]
FULL_DISK = AWAY = 20.0 if FULL else 2.0
HOUR = 3600.0
HOWS = ("IMMEDIATE", "EXCLUSIVE") if FULL else ("IMMEDIATE",)


@asynccontextmanager
async def locked(path: Path, how: str) -> AsyncIterator[None]:
    """Another program writes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"BEGIN {how}")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize("how", HOWS)
async def test_the_database_is_locked(tmp_path: Path, how: str, record_property: Tell) -> None:
    async with raging(tmp_path, SHAPE) as (process, storm):
        await storm.fires("first")
        before = memory(process.pid)
        sending = asyncio.create_task(storm.rages())
        await asyncio.sleep(SHAPE.seconds / 3)
        async with locked(tmp_path / "tocsin.db", how):
            await asyncio.sleep(LOCKED)
            assert await unwell(storm, "the store cannot write: database is locked")
        await accepted_all(sending)
        assert storm.refused()[503], "nobody was refused: this tested nothing"
        figures = await storm.ends_well(PATIENCE)
        await storm.fires("last")
        await storm.ends_well(PATIENCE)
        more = memory(process.pid) - before
        assert more < MORE_MEMORY
        record_property("tell", f"locked ({how}) for {LOCKED:g} s: {figures}; {more:.0f} MB more")


async def test_killed_while_the_database_is_locked(tmp_path: Path, record_property: Tell) -> None:
    """What was posted meanwhile stands in no row: the next process asks the chat."""
    async with raging(tmp_path, SHAPE) as (process, storm):
        await storm.fires("first")
        sending = asyncio.create_task(storm.rages())
        await until(lambda: posted(storm, 10))
        async with locked(tmp_path / "tocsin.db", "IMMEDIATE"):
            await asyncio.sleep(LOCKED / 12)
            await process.kill()
        process.start()
        await process.ready()
        await accepted_all(sending)
        figures = await storm.ends_well(PATIENCE)
        record_property("tell", f"killed while locked: {figures}")


async def posted(storm: Storm, count: int) -> bool:
    return len(storm.platform.posts) >= count


class Disk:
    """The disk under a process: full, and freed again. No file of it can grow, not its log either; a quota does just that."""

    def __init__(self, process: Process, folder: Path) -> None:
        self._process, self._folder = process, folder

    def fill(self) -> None:
        self._limit(min((self._folder / name).stat().st_size for name in ("tocsin.db", "tocsin.db-wal", "config.log")))

    def free(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        _, most = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (size, most))


async def test_the_disk_is_full(tmp_path: Path, record_property: Tell) -> None:
    async with raging(tmp_path, SHAPE) as (process, storm):
        await storm.fires("first")
        before, disk = memory(process.pid), Disk(process, tmp_path)
        sending = asyncio.create_task(storm.rages())
        await asyncio.sleep(SHAPE.seconds / 3)
        disk.fill()
        accepted = len(storm.accepted)
        await until(lambda: unwell(storm, "the store cannot write: disk I/O error"))
        await asyncio.sleep(FULL_DISK)
        assert len(storm.accepted) - accepted <= 20, "it is not full: this tested nothing"
        told = "The database does not answer right now, so nothing was changed. Please try again in a moment."
        assert await storm.by_chat("ack 1") == (await storm.order("ack 1"))["text"] == told
        disk.free()
        await accepted_all(sending)
        assert await lost_lines(process), "its log still found room: this tested less"
        assert storm.refused()[503]
        figures = await storm.ends_well(PATIENCE)
        await storm.fires("last")
        await storm.ends_well(PATIENCE)
        assert await storm.by_chat("ack 1") == "#1 is acknowledged by Ana Petrova."
        more = memory(process.pid) - before
        assert more < MORE_MEMORY
        record_property("tell", f"disk full for {FULL_DISK:g} s: {figures}; {more:.0f} MB more")


@pytest.mark.parametrize("jumps", [(-HOUR,), (HOUR,), (HOUR, -HOUR)] if FULL else [(-HOUR,), (HOUR,)])
async def test_the_clock_is_set(tmp_path: Path, jumps: Sequence[float], record_property: Tell) -> None:
    async with raging_here(tmp_path, SHAPE) as storm:
        await storm.fires("first")
        before = memory(os.getpid())
        rate, failing = storm.platform.script.faults[0], Fault("status", op="post", p=0.2)
        storm.platform.break_with(rate, failing)  # so that some cards wait for their next try
        sending = asyncio.create_task(storm.rages())
        for jump in jumps:
            await asyncio.sleep(SHAPE.seconds / 3)
            storm.ahead += jump
        await accepted_all(sending)
        storm.platform.break_with(rate)
        await storm.again()
        figures = await storm.ends_well(PATIENCE)
        await storm.fires("last")
        await storm.ends_well(PATIENCE)
        more = memory(os.getpid()) - before
        assert more < MORE_MEMORY
        record_property("tell", f"clock set by {', '.join(f'{jump:+g} s' for jump in jumps)}: {figures}; {more:.0f} MB more")


async def accepted_all(sending: asyncio.Task[None]) -> None:
    async with asyncio.timeout(PATIENCE):
        await sending


async def lost_lines(process: Process) -> float:
    async with aiohttp.ClientSession(process.url) as http, http.get("/metrics") as answer:
        found = [line for line in (await answer.text()).splitlines() if line.startswith("tocsin_log_lines_lost_total")]
        return float(found[0].split()[1])


async def unwell(storm: Storm, why: str) -> bool:
    """Whether /readyz says so."""
    return await storm.get("/readyz") == {"status": "unavailable", "store": why}


@asynccontextmanager
async def server(own: bool) -> AsyncIterator[PostgresServer]:
    """A PostgreSQL; of its `own` if it is to be stopped."""
    shared = postgres_server()  # skips where there is none
    if not own:
        yield shared
        return
    found = PostgresServer()
    try:
        found.start()
        yield found
    finally:
        found.remove()


@pytest.mark.real
@pytest.mark.parametrize("how", ["locked", "stopped", "killed"] if FULL else ["locked", "killed"])
async def test_postgresql_does_not_answer(tmp_path: Path, how: str, record_property: Tell) -> None:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(server(how != "locked"))
        url = database.create_database()
        process, storm = await stack.enter_async_context(raging(tmp_path, SHAPE, url))
        await storm.fires("first")
        before = memory(process.pid)
        sending = asyncio.create_task(storm.rages())
        await asyncio.sleep(SHAPE.seconds / 3)
        if how == "locked":
            other = await asyncpg.connect(url)
            async with other.transaction():
                await other.execute("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE")
                await asyncio.sleep(LOCKED)
            await other.close()
        else:
            await asyncio.to_thread(database.stop, "fast" if how == "stopped" else "immediate")
            await asyncio.sleep(AWAY)
            assert (await storm.get("/readyz"))["status"] == "unavailable"
            await asyncio.to_thread(database.start)
        await accepted_all(sending)
        assert storm.refused()[503], "nobody was refused: this tested nothing"
        figures = await storm.ends_well(PATIENCE)
        await storm.fires("last")
        await storm.ends_well(PATIENCE)
        more = memory(process.pid) - before
        assert more < MORE_MEMORY
        record_property("tell", f"PostgreSQL {how} for {LOCKED if how == 'locked' else AWAY:g} s: {figures}; {more:.0f} MB more")
