"""Tocsin as a process of its own, to be killed and signalled."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp

from tests.stories.until import until

ROOT = Path(__file__).parents[2]
RUN = (sys.executable, "-m", "tests.standins.run", "run", "-c")
"""The command line, with the stand-in among the chats."""


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Different ones: asked for one after the other, the same port may come twice."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


class Process:
    """`config`: the YAML, which listens on `port`. `log`: what it wrote, of all its lives. `run`: the command line but for it."""

    def __init__(self, config: Path, port: int, run: Sequence[str] = RUN) -> None:
        self.config, self.url, self._run = config, f"http://127.0.0.1:{port}", run
        self.log = config.with_suffix(".log")
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            env = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
            self._running = subprocess.Popen([*self._run, str(self.config)], cwd=ROOT, stdout=log, stderr=log, env=env)

    @property
    def pid(self) -> int:
        assert self._running
        return self._running.pid

    async def ready(self, within: float = 20.0) -> float:
        """Waits until /readyz says 200; returns the seconds that took."""
        began = time.monotonic()
        async with aiohttp.ClientSession(self.url) as http:
            await until(lambda: self._ready(http), within, "ready")
        return time.monotonic() - began

    async def _ready(self, http: aiohttp.ClientSession) -> bool:
        assert self._running and self._running.poll() is None, f"it ended: {self.log.read_text()[-3000:]}"
        try:
            async with http.get("/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def tell(self, number: signal.Signals) -> None:
        assert self._running
        self._running.send_signal(number)

    async def ended(self, within: float = 20.0) -> int:
        """Waits until it ended; returns its exit code."""
        assert self._running
        running = self._running

        async def look() -> bool:
            assert running.poll() is not None, f"it goes on; it wrote: {self.log.read_text()[-3000:]}"
            return True

        await until(look, within, "the end")
        return int(running.returncode)

    async def kill(self) -> None:
        """kill -9."""
        self.tell(signal.SIGKILL)
        await self.ended()

    def end(self) -> None:
        """Whatever happened, it does not outlive the test."""
        if self._running and self._running.poll() is None:
            self._running.kill()
            self._running.wait(10)

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == event]

    def check(self) -> None:
        """Nothing went wrong inside."""
        text = self.log.read_text()
        assert "Traceback" not in text and '"exception"' not in text, text[-5000:]


async def told(process: Process, event: str, count: int = 1) -> dict[str, Any]:
    """Waits until it logged this; returns the last of those lines."""

    async def look() -> dict[str, Any]:
        found = process.logged(event)
        assert len(found) >= count, f"{event} was logged {len(found)} times"
        return found[-1]

    return await until(look)


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def open_slowly(url: str, path: str, headers: dict[str, str], length: int) -> Streams:
    """Begins a POST whose body is yet to come."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {length}", *(f"{k}: {v}" for k, v in headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    await writer.drain()
    return reader, writer
