"""Two replicas as processes, on a real PostgreSQL, behind a real haproxy with the configuration that we ship."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import aiohttp
import pytest

from tests.standins.stores import postgres_server
from tests.stories.process import ROOT, Process, free_ports
from tests.stories.story import config_text
from tests.stories.until import until


class Cluster:
    """`url`: that of haproxy. `replicas`: the processes."""

    def __init__(self, url: str, replicas: list[Process]) -> None:
        self.url, self.replicas = url, replicas

    async def role(self, replica: Process) -> str:
        """What it says of itself; empty while it says nothing."""
        try:
            async with aiohttp.ClientSession(replica.url) as http, http.get("/readyz") as answer:
                return str((await answer.json()).get("replica", ""))
        except aiohttp.ClientError:
            return ""

    async def leader(self) -> Process:
        """Waits until one leads."""

        async def look() -> Process | None:
            found = [one for one in self.replicas if await self.role(one) == "leads"]
            assert len(found) <= 1, "two replicas lead at the same time"
            return found[0] if found else None

        found = await until(look, 20.0, "a leader")
        assert found
        return found

    def other(self, replica: Process) -> Process:
        return next(one for one in self.replicas if one is not replica)

    async def hands_over(self, leader: Process, how: signal.Signals, within: float = 20.0) -> float:
        """Waits until the other one leads; returns the seconds that took by its own log, for who looks may be late."""
        other, began = self.other(leader), time.time()
        leader.tell(how)

        async def look() -> bool:
            return await self.role(other) == "leads"

        await until(look, within, "another leader")
        return datetime.fromisoformat(other.logged("leading")[-1]["timestamp"]).timestamp() - began


@asynccontextmanager
async def cluster(folder: Path, chat: str, base: str) -> AsyncIterator[Cluster]:
    haproxy = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if haproxy is None:
        pytest.skip("haproxy is not installed")
    store, (*ports, listen) = postgres_server().create_database(), free_ports(3)
    replicas = []
    for name, port in zip(("first", "second"), ports, strict=True):
        config = folder / f"{name}.yaml"
        config.write_text(config_text(folder, chat, base, port).replace(f"sqlite:///{folder / 'tocsin.db'}", store))
        replicas.append(Process(config, port))
    places = {"LISTEN": f"127.0.0.1:{listen}", "FIRST": f"127.0.0.1:{ports[0]}", "SECOND": f"127.0.0.1:{ports[1]}"}
    proxy = _run(haproxy, folder / "haproxy.log", places)
    try:
        for one in replicas:
            one.start()
        for one in replicas:
            await one.ready()
        found = Cluster(f"http://127.0.0.1:{listen}", replicas)
        await until(lambda: _answers(found.url), 20.0, "an answer through haproxy")
        yield found
    finally:
        for one in replicas:
            one.end()
        proxy.kill()
        await asyncio.to_thread(proxy.wait, 10)
    for one in replicas:
        one.check()


def _run(haproxy: str, log: Path, places: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [haproxy, "-db", "-f", str(ROOT / "deploy/haproxy.cfg")]
    with log.open("wb") as told:
        return subprocess.Popen(command, env={**os.environ, **places}, stdout=told, stderr=told)


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession(url) as http, http.get("/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
