"""The machine fails in the middle of a storm: its database is locked or away, its disk is full, its clock jumps.

What was accepted is shown, once; what cannot be stored is refused, so that senders come again; and it goes on by itself.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.conftest import PROFILE
from tests.stories.machine import MORE_MEMORY, Shape, memory, raging

FULL = PROFILE == "nightly"
SHAPE = Shape(960, 30.0, 20, 1.0) if FULL else Shape(240, 3.0, 4, 40.0)
PATIENCE = 180.0 if FULL else 20.0
LOCKED = 20.0 if FULL else 6.0
"""Seconds; a write waits for 5 before it is refused."""

pytestmark = pytest.mark.timeout(400)

Tell = object


@asynccontextmanager
async def locked(path: Path, how: str) -> AsyncIterator[None]:
    """Another program writes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"BEGIN {how}")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
async def test_the_database_is_locked(tmp_path: Path, how: str, record_property: pytest.FixtureRequest) -> None:
    async with raging(tmp_path, SHAPE) as (process, storm):
        await storm.fires("first")
        before = memory(process)
        sending = asyncio.create_task(storm.rages())
        await asyncio.sleep(SHAPE.seconds / 3)
        async with locked(tmp_path / "tocsin.db", how):
            await asyncio.sleep(LOCKED)
            ready = await storm.get("/readyz")
            assert ready == {"status": "unavailable", "store": "the store cannot write: database is locked"}
        await sending
        assert storm.refused()[503], "nobody was refused: this tested nothing"
        figures = await storm.ends_well(PATIENCE)
        await storm.fires("last")
        await storm.ends_well(PATIENCE)
        more = memory(process) - before
        assert more < MORE_MEMORY
        record_property("tell", f"locked ({how}) for {LOCKED:g} s: {figures}; {more:.0f} MB more")
