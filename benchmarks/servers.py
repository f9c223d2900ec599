"""The processes that are measured: started in a folder of their own, asked, killed, started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import requests

from benchmarks import configs
from benchmarks.configs import Plan

ROOT = Path(__file__).parents[1]
START_SECONDS = 60.0
TOKEN = "a-token-that-only-this-benchmark-uses"
"""Both get it; Alertmanager does not look at it."""


class Failed(Exception):
    """A server that did not do what a row needs; the text says which and why."""


class Process:
    """A server on a port of its own. Its output goes to a file in `folder`, which it may keep its data in as well."""

    name: ClassVar[str]
    ready_path: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        if self._process is None:
            raise Failed(f"{self.name} does not run")
        return self._process.pid

    def start(self) -> float:
        """Starts it and waits until it is ready. Returns how many seconds that took. Raises Failed."""
        began = time.monotonic()
        with (self.folder / "output.txt").open("ab") as output:
            environ = {**os.environ, "TOCSIN_BENCHMARK_TOKEN": TOKEN}
            self._process = subprocess.Popen(self.command(), stdout=output, stderr=output, cwd=ROOT, env=environ)
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() - began > START_SECONDS:
                self.stop()
                raise Failed(f"{self.name} did not start: {self._last_words()}")
            time.sleep(0.01)
        return time.monotonic() - began

    def kill(self) -> None:
        """As a power cut does, except that the disk's own cache survives."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        return msgspec.json.decode(self._get(path).content)

    def memory(self, field: str = "VmRSS") -> float:
        """MB in memory now, or at most so far (`VmHWM`)."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024 / 1e6

    def known(self) -> int:
        """How many firing alerts it knows."""
        raise NotImplementedError

    def _get(self, path: str) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=60)

    def _ready(self) -> bool:
        try:
            return self._get(self.ready_path).status_code == 200
        except requests.ConnectionError:
            return False

    def _end(self, number: signal.Signals) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _last_words(self) -> str:
        lines = (self.folder / "output.txt").read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"


class SinkProcess(Process):
    name = "the sink"
    ready_path = "/counts"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def limit(self, faults: object) -> None:
        """Breaks from now on with these faults, for either server."""
        requests.post(f"{self.url}/faults", data=msgspec.json.encode(faults), timeout=60).raise_for_status()

    def command(self) -> list[str]:
        return [sys.executable, "-m", "benchmarks.sink", "--port", str(self.port)]


class Server(Process):
    """One of the two."""

    def __init__(self, folder: Path, sink: SinkProcess, plan: Plan) -> None:
        super().__init__(folder)
        (folder / "config.yaml").write_text(self.config(plan, sink.url))

    def config(self, plan: Plan, sink: str) -> str:
        raise NotImplementedError


class Alertmanager(Server):
    name = "Alertmanager"
    ready_path = "/-/ready"

    @staticmethod
    def program() -> str | None:
        return shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")

    def command(self) -> list[str]:
        listen = [f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="]
        files = [f"--config.file={self.folder / 'config.yaml'}", f"--storage.path={self.folder / 'data'}"]
        return [self.program() or "alertmanager", *listen, *files]

    def config(self, plan: Plan, sink: str) -> str:
        return configs.alertmanager(plan, sink)

    def known(self) -> int:
        """Its metrics leave out what it has not told yet."""
        return len(self.get("/api/v2/alerts"))


class Tocsin(Server):
    name = "Tocsin"
    ready_path = "/readyz"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.standins.run", "run", "-c", str(self.folder / "config.yaml")]

    def config(self, plan: Plan, sink: str) -> str:
        return configs.tocsin(plan, self.port, f"sqlite:///{self.folder / 'tocsin.db'}", sink)

    def known(self) -> int:
        """Read from the file beside the running process, which sees what is committed and nothing else."""
        connection = sqlite3.connect(f"file:{self.folder / 'tocsin.db'}?mode=ro", uri=True)
        try:
            return int(connection.execute("SELECT count(*) FROM alerts WHERE firing").fetchone()[0])
        finally:
            connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
