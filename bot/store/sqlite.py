"""SQLite behind the store: statements run on the event loop's own thread, only what may wait for a disk or a lock runs beside it.

Why: the sqlite3 module gives up the interpreter at every row it steps over, and another thread that wants it back from a busy
event loop waits milliseconds for it, row by row. Measured beside a busy loop: 138 new alerts a second that way.
"""

from __future__ import annotations

import asyncio
import fcntl
import sqlite3
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Transaction, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from bot.store.writer import StoreUnavailable

R = TypeVar("R")

LOOK_AGAIN_SECONDS = 0.02
"""Between two looks whether another program has done with the file."""

SHORTLY = 0.5
"""How long a write waits for it when the one before has given up: senders hear of it before they do so themselves."""

SWITCH_SECONDS = 0.0005
"""How long the thread that commits waits for a busy event loop. At Python's own 5 ms, a commit beside one took up to seconds."""

READER_BUSY_SECONDS = 0.05
"""Readers hardly ever wait in WAL mode, and must not: the event loop waits with them."""


class Sqlite:
    """One connection that writes, one that reads. Raises StoreUnavailable if another Tocsin has the file."""

    line = None  # there is no other replica

    def __init__(self, path: Path, busy_seconds: float) -> None:
        self._busy_seconds = self._patience = busy_seconds
        sys.setswitchinterval(SWITCH_SECONDS)
        self._lock = _lock_file(path)
        try:
            self._writing = _engine(path, "BEGIN IMMEDIATE", 0.0).connect()
            self._reading = _engine(path, "BEGIN", READER_BUSY_SECONDS).connect()
        except BaseException:
            self._lock.close()
            raise
        self._beside = ThreadPoolExecutor(1, "store")

    async def transact(self, work: Callable[[Connection], R]) -> R:
        """Runs `work` in a transaction and returns what it returned, after the commit. No two at the same time."""
        transaction = await self._begin()
        try:
            result = work(self._writing)
            await self._commit()
        except BaseException:
            transaction.rollback()
            raise
        transaction.commit()  # nothing is left to do for it but to know
        return result

    async def _begin(self) -> Transaction:
        """Waits for another program that writes, but not for ever; who comes after one that gave up, not as long again."""
        give_up_at = time.monotonic() + self._patience
        while True:
            try:
                began = self._writing.begin()
            except OperationalError as problem:
                code = problem.orig.sqlite_errorcode if isinstance(problem.orig, sqlite3.Error) else 0
                if code != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up_at:
                    self._patience = min(SHORTLY, self._busy_seconds)
                    raise
            else:
                self._patience = self._busy_seconds
                return began
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _commit(self) -> None:
        """Waits for the disk beside the event loop, in one bare call: each step of a thread may have to wait for the loop."""
        raw = self._writing.connection.dbapi_connection
        if raw is not None:
            await asyncio.get_running_loop().run_in_executor(self._beside, raw.commit)

    async def read(self, query: Callable[[Connection], R]) -> R:
        """Runs `query` on one state of what is committed."""
        await asyncio.sleep(0)  # a caller that reads in a loop lets others go first
        with self._reading.begin():
            return query(self._reading)

    async def close(self) -> None:
        self._reading.close()
        await asyncio.get_running_loop().run_in_executor(self._beside, self._writing.close)  # the last one tidies up the file
        self._beside.shutdown()
        self._lock.close()


def _engine(path: Path, begin: str, busy_seconds: float) -> Engine:
    url = URL.create("sqlite", database=str(path))
    options = {"check_same_thread": False, "timeout": busy_seconds}
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=options)  # errors go to logs
    event.listen(engine, "connect", _settings)
    event.listen(engine, "begin", lambda conn: conn.exec_driver_sql(begin))
    return engine


def _settings(raw: Any, _record: Any) -> None:
    raw.isolation_level = None  # transactions begin where we say so
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-16000", "wal_autocheckpoint=8000"):
        raw.execute(f"PRAGMA {pragma}")


def _lock_file(path: Path) -> IO[str]:
    """One process per SQLite file: a second one would deliver every card twice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = open(f"{path}.lock", "w")  # noqa: SIM115 - held open for the life of the process
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        lock.close()
        raise StoreUnavailable(
            f"{path} is in use by another Tocsin. Stop that one first, or give this one a file of its own."
        ) from problem
    return lock
