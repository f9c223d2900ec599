"""A storm that goes on while the machine fails, and what must hold afterwards: accepted = shown, one card each, the worst first.

Senders tell each alert again until it is accepted, as Prometheus does. The chat takes so many messages a second in each channel.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import aiohttp
from structlog.testing import capture_logs

from adapters.registry import CHATS
from bot.app import App
from bot.config import load
from tests.standins.faults import Fault
from tests.standins.httpchat import HttpChatServer, Post, serving
from tests.stories.process import Process, free_port
from tests.stories.story import PEOPLE, iso
from tests.stories.telling import OURS
from tests.stories.until import until

AGAIN = 0.25
"""Seconds from a refusal to the next try."""

CRITICAL_EVERY, AT_ONCE = 25, 5
IN_FLIGHT = 16
"""Cards that a courier may be about to post when a critical comes."""
OVERTAKEN = 2 * IN_FLIGHT
"""What may be posted before a critical that was just accepted: what is in flight, and what takes the
places of those that landed while it was read."""

MORE_MEMORY = 80.0
"""Megabytes that the worst of it may cost."""


class Shape(NamedTuple):
    """How much comes how fast: alerts over so many seconds, in channels that take `rate` messages a second each."""

    alerts: int
    seconds: float
    channels: int
    rate: float


class Told(NamedTuple):
    """An answer that a sender got: when it had asked, how long that took, and what it was (0: none in time)."""

    at: float
    took: float
    status: int


class Storm:
    """`accepted`: when each alert got its 2xx, by name, on the monotonic clock. `bare`: refusals without a Retry-After.

    `ahead`: of this machine's clock, the clock that senders and Tocsin share.
    """

    def __init__(self, url: str, shape: Shape, platform: HttpChatServer) -> None:
        self.url, self.shape, self.platform = url, shape, platform
        self.accepted: dict[str, float] = {}
        self.told: list[Told] = []
        self.bare = 0
        self.ahead = 0.0
        self._began: dict[int | str, str] = {}

    async def rages(self) -> None:
        """Sends all of it, and returns when all of it is accepted."""
        began = time.monotonic()
        async with aiohttp.ClientSession(self.url, timeout=aiohttp.ClientTimeout(total=15)) as http, asyncio.TaskGroup() as group:
            for first in range(0, self.shape.alerts, AT_ONCE):
                await asyncio.sleep(began + self.shape.seconds * first / self.shape.alerts - time.monotonic())
                group.create_task(self._insist(http, range(first, min(first + AT_ONCE, self.shape.alerts))))

    async def again(self) -> None:
        """Tells again of everything that fires, as all senders do."""
        async with aiohttp.ClientSession(self.url) as http:
            for first in range(0, self.shape.alerts, 100):
                await self._insist(http, range(first, min(first + 100, self.shape.alerts)))

    async def fires(self, name: str) -> None:
        """One more, critical, in the first channel."""
        async with aiohttp.ClientSession(self.url) as http:
            await self._insist(http, [name])

    async def _insist(self, http: aiohttp.ClientSession, some: Sequence[int | str]) -> None:
        alerts = {name_of(one): self._alert(one) for one in some}
        while not await self._tell(http, list(alerts.values())):  # noqa: ASYNC110 - the pace of a sender
            await asyncio.sleep(AGAIN)
        for name in alerts:
            self.accepted.setdefault(name, time.monotonic())

    async def _tell(self, http: aiohttp.ClientSession, alerts: list[dict[str, Any]]) -> bool:
        began, status = time.monotonic(), 0
        headers = {"Authorization": "Bearer token-of-prometheus"}
        for alert in alerts:
            alert["endsAt"] = iso(time.time() + self.ahead + 300.0)
        try:
            async with http.post("/api/v2/alerts", json=alerts, headers=headers) as answer:
                status = answer.status
                assert status in (200, 503), f"{status}: {await answer.text()}"
                self.bare += status == 503 and "Retry-After" not in answer.headers
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            pass  # it was not accepted, as far as the sender knows
        self.told.append(Told(began, time.monotonic() - began, status))
        return status == 200

    def _alert(self, one: int | str) -> dict[str, Any]:
        number, began = one if isinstance(one, int) else 0, self._began.setdefault(one, iso(time.time() + self.ahead))
        channel = (number + number // CRITICAL_EVERY) % self.shape.channels
        severity = "critical" if is_critical(one) else "warning"
        labels = {"alertname": name_of(one), "channel": f"c{channel}", "severity": severity, "cluster": f"eu{number % 3}"}
        return {"labels": labels, "annotations": {}, "startsAt": began}

    def refused(self) -> Counter[int]:
        return Counter(one.status for one in self.told if one.status != 200)

    async def ends_well(self, within: float) -> str:
        """Waits until all that was accepted is shown, and looks that the worst came first. The figures, in words."""
        await until(self._shown, within, "every accepted alert on its card")
        late = max(post.versions[0].at for post in self.platform.posts.values()) - max(self.accepted.values())
        overtaken = self._overtaken()
        assert max(overtaken.values()) <= OVERTAKEN, f"posted after a critical was accepted, before its card: {overtaken}"
        assert self.bare == 0, f"{self.bare} refusals did not say when to come again"
        waits = sorted(self.first(name) - self.accepted[name] for name in overtaken)
        own = sum(not post.shown["storm"] for post in self.platform.posts.values())
        return (
            f"{len(self.accepted)} accepted = shown, {own} on cards of their own, the last {late:.1f} s after it was accepted; "
            f"{len(waits)} criticals, the slowest after {waits[-1]:.2f} s, overtaken by {max(overtaken.values())} at most; "
            f"refused {dict(self.refused())}, slowest answer {max(one.took for one in self.told):.1f} s; "
            f"429s: {self.platform.answers[429]}"
        )

    async def _shown(self) -> bool:
        found = {one["title"]: one for one in await self._incidents()}
        lost = self.accepted.keys() - found.keys()
        assert not lost, f"accepted and lost: {sorted(lost)[:10]}"
        behind = [one["number"] for one in found.values() if any(row["wanted"] != row["shown"] for row in one["deliveries"])]
        assert not behind, f"{len(behind)} are not shown yet: {behind[:10]}"
        nowhere = [one["number"] for one in found.values() if not one["deliveries"]]
        assert not nowhere, f"nobody is told of {nowhere[:10]}"
        numbers = Counter(post.shown["number"] for post in self.platform.posts.values() if not post.shown["storm"])
        twice = [number for number, count in numbers.items() if count > 1]
        assert not twice, f"posted more than once: {twice}"
        over = [one["title"] for one in found.values() if one["state"] != "firing"]
        assert not over, f"nobody resolved them: {over[:10]}"
        carried = await self._carried()
        assert len(numbers) + carried == len(found), f"{len(numbers)} cards and {carried} carried are not {len(found)}"
        return True

    async def _incidents(self) -> list[dict[str, Any]]:
        found = await self.get("/api/v1/incidents?state=all&limit=1000")
        incidents: list[dict[str, Any]] = found["incidents"]
        return incidents

    async def _carried(self) -> int:
        """How many stand on storm cards only, as Tocsin itself says."""
        told = (await self.get("/readyz"))["degraded"]
        return sum(int(text.split("carries ")[1].split()[0]) for name, text in told.items() if name.endswith(", storm"))

    async def get(self, path: str) -> dict[str, Any]:
        return await self._asked("GET", path)

    async def order(self, text: str) -> dict[str, Any]:
        """What a person is answered."""
        return await self._asked("POST", "/api/v1/commands", {"text": text})

    async def by_chat(self, text: str) -> str:
        """What a person is answered who types it in the chat, or presses a button that says so."""
        told = {"account": "account-of-ana", "text": text, "channel": "c0"}
        return str((await self._asked("POST", "/httpchat/work/command", told))["text"])

    async def _asked(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        headers = {"Authorization": "Bearer token-of-ana"}
        async with aiohttp.ClientSession(self.url) as http, http.request(method, path, json=body, headers=headers) as answer:
            found: dict[str, Any] = await answer.json()
            return found

    def _cards(self) -> Mapping[str, Post]:
        return {post.shown["title"]: post for post in self.platform.posts.values() if not post.shown["storm"]}

    def first(self, name: str) -> float:
        """When its card was posted."""
        return self._cards()[name].versions[0].at

    def _overtaken(self) -> dict[str, int]:
        """Of each critical, how many lesser ones were posted in its channel while it waited."""
        cards, found = self._cards(), dict[str, int]()
        missing = [name for name in self.accepted if name.startswith("critical") and name not in cards]
        assert not missing, f"no card of its own: {missing}"
        for name in (one for one in self.accepted if one.startswith("critical")):
            card = cards[name]
            others = [post.versions[0].at for title, post in cards.items() if title[0] == "w" and post.channel == card.channel]
            found[name] = sum(self.accepted[name] < at < card.versions[0].at for at in others)
        return found


def is_critical(one: int | str) -> bool:
    return isinstance(one, str) or one % CRITICAL_EVERY == CRITICAL_EVERY // 2


def name_of(one: int | str) -> str:
    return f"{'critical' if is_critical(one) else 'warning'}-{one}"


def config(folder: Path, port: int, sink: str, shape: Shape, store: str = "") -> str:
    """Nothing is grouped, and a label of the alert names its channel."""
    names = [f"c{n}" for n in range(shape.channels)]
    places = "\n".join(f"  {name}: {{chat: work, id: {name}, clearance: internal, audience: [sre]}}" for name in names)
    routes = "\n".join(f"    - {{match: ['channel=\"{name}\"'], channels: [{name}]}}" for name in names)
    return f"""\
listen: 127.0.0.1:{port}
store: {store or f"sqlite:///{folder / 'tocsin.db'}"}
{PEOPLE.replace("channel: ops", "channel: c0")}
chats: {{work: {{type: httpchat, url: "{sink}", per_second: {shape.rate}, burst: 1}}}}
channels:
{places}
sources: {{prometheus: {{type: alertmanager, auth: {{bearer: token-of-prometheus}}}}}}
route:
  channels: [c0]
  group_by: [alertname, channel]
  group_wait: 0s
  routes:
{routes}
"""


@asynccontextmanager
async def raging(folder: Path, shape: Shape, store: str = "") -> AsyncIterator[tuple[Process, Storm]]:
    """A Tocsin as a process, ready, and the storm that is to come."""
    platform = HttpChatServer()
    platform.break_with(Fault("rate", per_second=shape.rate, burst=2))  # the loop here may be late to read
    async with serving(platform.application()) as sink:
        port, path = free_port(), folder / "config.yaml"
        path.write_text(config(folder, port, sink, shape, store))
        process = Process(path, port)
        try:
            process.start()
            await process.ready()
            yield process, Storm(process.url, shape, platform)
        finally:
            process.end()
        process.check()


@asynccontextmanager
async def raging_here(folder: Path, shape: Shape) -> AsyncIterator[Storm]:
    """The same in this process, so that the clock of the storm, which senders share, can be set."""
    platform = HttpChatServer()
    platform.break_with(Fault("rate", per_second=shape.rate, burst=2))
    with patch.dict(CHATS, OURS), capture_logs() as logs:
        async with serving(platform.application()) as sink:
            path, storm = folder / "config.yaml", Storm("", shape, platform)
            path.write_text(config(folder, 0, sink, shape))
            app = App(load(path, {}), path, clock=lambda: time.time() + storm.ahead, ticks=time.monotonic)
            await app.start()
            storm.url = f"http://127.0.0.1:{app.port}"
            try:
                yield storm
            finally:
                await app.stop()
    faults = [entry for entry in logs if "exc_info" in entry or entry["event"] == "worker_ended"]
    assert not faults, faults


def memory(pid: int) -> float:
    """Megabytes that a process has in the machine's memory, at most so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024.0
