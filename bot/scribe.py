"""Writes into the audit log what nobody waits for: kept until the store takes it."""

from __future__ import annotations

import asyncio

import structlog

from bot.store import audit
from bot.store.engine import Store
from bot.store.writer import StoreUnavailable
from rules.audit_entry import Entry

log = structlog.get_logger()

AGAIN_SECONDS = 1.0


class Scribe:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._entries: asyncio.Queue[Entry] = asyncio.Queue()

    def note(self, entry: Entry) -> None:
        self._entries.put_nowait(entry)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._write(await self._entries.get())

    async def _write(self, entry: Entry) -> None:
        while True:
            try:
                await self._store.write(audit.note, [entry])
            except StoreUnavailable as problem:
                log.warning("audit_waits_for_store", reason=str(problem))
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return


async def warm_up() -> None:
    """Beside the event loop: what takes a moment, is not needed to be ready, and must not keep waiting who needs it first."""
    await asyncio.to_thread(audit.without_secrets, "")
