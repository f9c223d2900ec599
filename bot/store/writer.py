"""One writer at a time; concurrency comes from batching. Everything that waits shares the next transaction and its one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError

T = TypeVar("T")
R = TypeVar("R")
Handler = Callable[[Connection, Sequence[T]], Sequence[R]]
"""Does all items in one transaction; one result per item, in order. A result that is an exception is raised to its submitter."""

MOST_WAITING = 10_000
MOST_TOGETHER = 256


class StoreUnavailable(Exception):
    """The store cannot take it now (locked, full, away). Nothing was written; the sender may try again."""


class Job(NamedTuple):
    handler: Handler[Any, Any]
    item: Any
    done: asyncio.Future[Any]


class Writer:
    """`begin()` gives an async context manager around a connection: commits at its end, rolls back on an exception."""

    def __init__(self, begin: Callable[[], Any]) -> None:
        self._begin = begin
        self._queue: asyncio.Queue[Job | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    @property
    def backlog(self) -> int:
        return self._queue.qsize()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="store-writer")

    async def do(self, handler: Handler[T, R], item: T) -> R:
        """The result for this item, once it is committed. Raises StoreUnavailable."""
        if self._queue.qsize() >= MOST_WAITING:
            raise StoreUnavailable(f"{MOST_WAITING} writes are waiting already; try again soon")
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(Job(handler, item, done))
        return await done

    async def stop(self) -> None:
        """Finishes what is queued."""
        self._queue.put_nowait(None)
        if self._task:
            await self._task

    async def _run(self) -> None:
        while (job := await self._queue.get()) is not None:
            jobs = [job]
            while len(jobs) < MOST_TOGETHER and not self._queue.empty():
                more = self._queue.get_nowait()
                if more is None:
                    self._queue.put_nowait(None)
                    break
                jobs.append(more)
            await self._together(jobs)

    async def _together(self, jobs: Sequence[Job]) -> None:
        """All jobs in one transaction; if that fails, each in its own, so that none suffers for its neighbour."""
        try:
            async with self._begin() as conn:
                results = await conn.run_sync(_run_all, jobs)
        except (OperationalError, InterfaceError, OSError) as problem:
            unavailable = StoreUnavailable(f"the store cannot write: {problem.__cause__ or problem}")
            for job in jobs:
                _settle(job, unavailable)
        except Exception as problem:  # whatever it was, it belongs to the one who caused it, and to nobody else
            if len(jobs) == 1:
                _settle(jobs[0], problem)
                return
            for job in jobs:
                await self._together([job])
        else:
            for job, result in zip(jobs, results, strict=True):
                _settle(job, result)


def _run_all(conn: Connection, jobs: Sequence[Job]) -> list[Any]:
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
