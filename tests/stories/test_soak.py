"""However long it runs: what Tocsin takes of memory and files stays what it was."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import linear_regression
from typing import NamedTuple

import aiohttp
import pytest

from tests.conftest import PROFILE
from tests.standins.httpchat import HttpChatServer, serving
from tests.stories.process import Process, free_port
from tests.stories.soaking import ALIVE, ANA, Life
from tests.stories.story import PEOPLE, config_text
from tests.stories.until import until


class Form(NamedTuple):
    """Seconds: of the whole, until it counts, between two samples, `pace` (see Life), `keep` (of resolved incidents).

    `kilobytes`, `objects`, `files`: by how much what is fitted through the samples may grow.
    """

    lasts: float
    warm_up: float
    every: float
    pace: float
    keep: float
    kilobytes: float
    objects: float
    files: float


FORM = (
    Form(600.0, 150.0, 3.0, 0.1, 5.0, 2560, 2500, 3)
    if PROFILE == "nightly"
    else Form(5.5, 2.0, 0.15, 0.03, 0.5, 3072, 4000, 12)
)

CONFIG = f"""
keep: {FORM.keep * 1000:.0f}ms
{PEOPLE}
chats: {{work: CHAT, desk: {{type: console}}}}
channels:
  ops: {{chat: work, id: ops, clearance: internal}}
  desk: {{chat: desk, clearance: internal}}
sources:
  prometheus: {{type: alertmanager, auth: {{bearer: token-of-prometheus}}}}
route:
  channels: [ops, desk]
  group_by: [alertname]
  group_wait: 0s
  group_interval: 100ms
  repeat_interval: 5s
  resolve_after: 100ms
  reopen_within: 0s
"""


class Sample(NamedTuple):
    """After its garbage was collected. `rss`, `pss`: kilobytes. `objects`: that the collector follows. `files`: open ones."""

    at: float
    rss: float
    pss: float
    objects: float
    files: float


class Soaked(Process):
    """A process that clears up all the time and can be measured."""

    async def sample(self) -> Sample:
        before = self._counted()
        self.tell(signal.SIGUSR1)

        async def look() -> int:
            return len(self._counted()) > len(before)

        await until(look, what="a count of objects")
        words = _text(Path(f"/proc/{self.pid}/smaps_rollup")).split()
        rss, pss = (float(words[words.index(name) + 1]) for name in ("Rss:", "Pss:"))
        return Sample(time.monotonic(), rss, pss, float(self._counted()[-1]), len(os.listdir(f"/proc/{self.pid}/fd")))

    def _counted(self) -> list[str]:
        return _text(Path(f"{self.config}.objects")).splitlines()


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[HttpChatServer, Soaked]]:
    async with AsyncExitStack() as stack:
        platform = HttpChatServer()
        url, port = await stack.enter_async_context(serving(platform.application())), free_port()
        config = tmp_path / "config.yaml"
        config.write_text(config_text(tmp_path, f"{{type: httpchat, url: '{url}'}}", CONFIG, port))
        process = Soaked(config, port, (sys.executable, "-m", "tests.standins.soaked", "run", "-c"))
        process.start()
        try:
            await process.ready()
            yield platform, process
        finally:
            process.end()
        process.check()


@pytest.mark.timeout(FORM.lasts + 120)
async def test_a_steady_life(
    place: tuple[HttpChatServer, Soaked], seed: int, record_property: Callable[[str, object], None]
) -> None:
    platform, process = place
    life, samples, began = Life(process.url, platform, FORM.pace, random.Random(seed)), list[Sample](), time.monotonic()
    living = asyncio.create_task(life.run())
    while time.monotonic() < began + FORM.lasts:
        await asyncio.sleep(FORM.every)
        assert not living.done(), living.exception()
        samples.append(await process.sample())
    life.ending = True
    await living
    seen = [one for one in samples if one.at > began + FORM.warm_up]
    grown = {name: growth(seen, name) for name in Sample._fields[1:]}
    figures = ", ".join(f"{name} {getattr(seen[-1], name):,.0f} ({by:+,.0f})" for name, by in grown.items())
    told = f"soak, {FORM.lasts:g} s, {len(seen)} samples: {figures}; {life.counts}"
    record_property("tell", told)
    assert min(life.counts.values()) > 0, told
    await until(lambda: cleared(process), FORM.keep + 20, "everything is cleared up")
    assert grown["rss"] < FORM.kilobytes, told
    assert grown["objects"] < FORM.objects, told
    assert grown["files"] < FORM.files, told


def growth(samples: Sequence[Sample], name: str) -> float:
    """By how much it grew from the first sample to the last, as a line through all of them says."""
    slope = linear_regression([one.at for one in samples], [getattr(one, name) for one in samples]).slope
    return slope * (samples[-1].at - samples[0].at)


async def cleared(process: Soaked) -> bool:
    """Of all that came, only what still fires is left."""
    async with (
        aiohttp.ClientSession(process.url, headers=ANA) as http,
        http.get("/api/v1/incidents?state=all&limit=1000") as answer,
    ):
        found = (await answer.json())["incidents"]
    assert len(found) < 2 * ALIVE, f"{len(found)} incidents are kept"
    return True
