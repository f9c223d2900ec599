"""One writer at a time; concurrency comes from batching. Everything that waits shares the next transaction and its one commit."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

T = TypeVar("T")
R = TypeVar("R")
Handler = Callable[[Connection, Sequence[T]], Sequence[R]]
"""Does all items in one transaction; one result per item, in order. A result that is an exception is raised to its submitter."""
Transact = Callable[[Callable[[Connection], list[Any]]], Awaitable[list[Any]]]
"""Runs a function in a transaction, commits it and returns its result; rolls back if it raises."""

MOST_WAITING = 10_000
MOST_TOGETHER = 1000
"""Weight of the items in one transaction: about 30 ms of work, in which the event loop does nothing else."""


class StoreUnavailable(Exception):
    """The store cannot take it now (locked, full, away). Nothing was written; the sender may try again."""


class Job(NamedTuple):
    handler: Handler[Any, Any]
    item: Any
    weight: int
    done: asyncio.Future[Any]


class Writer:
    def __init__(self, transact: Transact) -> None:
        self._transact = transact
        self._queue: asyncio.Queue[Job | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.trouble = ""  # why the last transaction failed, if it was the database's fault

    @property
    def backlog(self) -> int:
        return self._queue.qsize()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="store-writer")

    async def do(self, handler: Handler[T, R], item: T, weight: int = 1) -> R:
        """The result for this item, once it is committed. Raises StoreUnavailable."""
        if self._stopping:
            raise StoreUnavailable("Tocsin is stopping; try again soon")
        if self._queue.qsize() >= MOST_WAITING:
            raise StoreUnavailable(f"{MOST_WAITING} writes are waiting already; try again soon")
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(Job(handler, item, weight, done))
        return await done

    async def stop(self) -> None:
        """Finishes what is queued; takes nothing more."""
        self._stopping = True
        self._queue.put_nowait(None)
        if self._task:
            await self._task

    async def _run(self) -> None:
        while (job := await self._queue.get()) is not None:
            jobs, weight = [job], job.weight
            while weight < MOST_TOGETHER and not self._queue.empty():
                more = self._queue.get_nowait()
                if more is None:
                    self._queue.put_nowait(None)
                    break
                jobs.append(more)
                weight += more.weight
            await self._together(jobs)

    async def _together(self, jobs: Sequence[Job]) -> None:
        """All jobs in one transaction; if that fails, each in its own, so that none suffers for its neighbour."""
        try:
            results = await self._transact(partial(_run_all, jobs))
        except Exception as problem:  # noqa: BLE001 - whatever it was, it goes to the one who caused it, and to nobody else
            if is_away(problem):
                self.trouble = reason_of(problem)
                unavailable = StoreUnavailable(f"the store cannot write: {self.trouble}")
                for job in jobs:
                    _settle(job, unavailable)
            elif len(jobs) == 1:
                _settle(jobs[0], problem)
            else:
                for job in jobs:
                    await self._together([job])
        else:
            self.trouble = ""
            for job, result in zip(jobs, results, strict=True):
                _settle(job, result)


def _run_all(jobs: Sequence[Job], conn: Connection) -> list[Any]:
    results: list[Any] = []
    for handler, run in groupby(jobs, key=lambda job: job.handler):
        results += handler(conn, [job.item for job in run])
    return results


def _settle(job: Job, result: Any) -> None:
    if job.done.done():  # the submitter was cancelled; the write stands
        return
    if isinstance(result, BaseException):
        job.done.set_exception(result)
    else:
        job.done.set_result(result)


AWAY = ("08", "25006", "40", "53", "55P03", "57", "58")
"""How PostgreSQL's codes begin that tell of its own state: connection lost, read-only, rolled back (a deadlock), full, locked,
shutting down, disk."""

SQL_ERROR = 1
"""SQLite's code for a statement that makes no sense: not its own state."""


def is_away(problem: BaseException) -> bool:
    """Whether the database cannot take anything now, rather than not this."""
    if isinstance(problem, StoreUnavailable | OSError | InterfaceError | PoolTimeout | sqlite3.OperationalError):
        return True
    if not isinstance(problem, DBAPIError):
        return False
    if code := getattr(problem.orig, "sqlstate", None):
        return problem.connection_invalidated or code.startswith(AWAY)
    return problem.connection_invalidated or (
        isinstance(problem, OperationalError) and getattr(problem.orig, "sqlite_errorcode", None) != SQL_ERROR
    )


def reason_of(problem: BaseException) -> str:
    """What the database says, without the statement and its values."""
    if isinstance(problem, DBAPIError):
        return str(problem.orig)
    return str(problem) or type(problem).__name__
