"""What goes on after a platform had its first answer: every task is known, so that a stop can wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger()


class Work:
    """Tasks under way."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, what: str, doing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs it apart from the caller. What it raises goes to the log: whoever waited for it has its acknowledgement."""
        task = asyncio.create_task(doing, name=what)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()):
            log.error("chat_work_failed", what=task.get_name(), exc_info=problem)

    async def finish(self, seconds: float) -> None:
        """Waits until everything is done, also what is started meanwhile; after `seconds` ends the rest."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while self._tasks and (left := end - loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=left)
        for task in list(self._tasks):
            log.warning("chat_work_cut_off", what=task.get_name(), after=seconds)
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
