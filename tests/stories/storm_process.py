"""tests/stories/storm_engine.py, as the test that starts it holds it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from tests.stories.process import ROOT, Process


class Engine(Process):
    """`ahead`: how far its clock is ahead of the machine's, in seconds, in all its lives. `patience`: as the engine has it."""

    ahead = 0.0

    def __init__(self, config: Path, port: int, patience: float) -> None:
        super().__init__(config, port)
        self._patience = patience

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.stories.storm_engine", str(self.config), str(self.ahead), str(self._patience)]
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
            )  # fmt: skip

    async def passes(self, seconds: float) -> None:
        """Moves its clock; returns once it is moved."""
        assert self._running and self._running.stdin and self._running.stdout
        self.ahead += seconds
        self._running.stdin.write(f"{seconds}\n".encode())
        self._running.stdin.flush()
        while (line := await asyncio.to_thread(self._running.stdout.readline)) != b"moved\n":
            assert line, f"it ended: {self.log.read_text()[-3000:]}"

    def end(self) -> None:
        super().end()
        for pipe in (self._running.stdin, self._running.stdout) if self._running else ():
            if pipe:
                pipe.close()

    def memory(self) -> tuple[float, float]:
        """What it holds now and what it held at most, in MB."""
        assert self._running
        lines = Path(f"/proc/{self._running.pid}/status").read_text().splitlines()
        found = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "VmHWM"))}
        return int(found["VmRSS"]) / 1024, int(found["VmHWM"]) / 1024
