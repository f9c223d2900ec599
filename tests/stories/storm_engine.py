"""Tocsin as a process of its own whose clock can be moved, so that an hour of a storm takes minutes.

python -m tests.stories.storm_engine CONFIG SECONDS PATIENCE

`SECONDS`: how far its clock is ahead of the machine's. Each line on standard input, a number of seconds, moves it further, and is
answered with a line; the end of it ends Tocsin. `PATIENCE`: how long an answer of a chat is waited for; 0 leaves that as it is.
Nothing else is different: sleeps are cut short when the clock moves, as they are when something happens.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

import aiohttp
import uvloop

import adapters.chats.discord.rest as discord
import adapters.chats.slack.client as slack
import bot.calls
import bot.fallback
import bot.watch
from adapters.registry import CHATS
from bot import log
from bot.app import App
from bot.config import load
from bot.process import _run  # it lives as it always does
from tests.stories.telling import OURS


class Engine:
    """`ahead`: of the machine's clock, in seconds."""

    def __init__(self, path: Path, ahead: float) -> None:
        self._ahead = ahead
        self._app = App(load(path, {}), path, clock=lambda: time.time() + self._ahead)

    async def run(self) -> int:
        listening = asyncio.create_task(self._listen())
        try:
            return await _run(self._app)
        finally:
            listening.cancel()

    async def _listen(self) -> None:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            self._ahead += float(line)
            self._app.wake()
            sys.stdout.write("moved\n")
            sys.stdout.flush()
        signal.raise_signal(signal.SIGTERM)  # whoever started it is gone


def main(path: str, ahead: str, patience: str) -> int:
    CHATS.update(OURS)
    bot.fallback.EVERY_SECONDS = bot.watch.EVERY_SECONDS = 0.25  # nobody wakes them when the clock moves
    if seconds := float(patience):
        bot.calls.CALL_SECONDS = 1.5 * seconds
        slack.TIMEOUT = discord.TIMEOUT = aiohttp.ClientTimeout(total=seconds)
    log.set_up()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Engine(Path(path), float(ahead)).run())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
