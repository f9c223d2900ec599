"""A storm as a test sees it: Tocsin in a process of its own, the chats in this one, alerts in, cards out.

async with storming(folder, slack=25, discord=25) as storm:
    await storm.fires(storm.alert("Down", "s0", "critical"))
    await storm.passes(60.0)
    storm.shown("s0")
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec

from bot.store import deliveries
from bot.store.look import look
from tests.standins.discord import Discord
from tests.standins.discord_state import born
from tests.standins.httpchat import HttpChatServer, serving
from tests.standins.slack import Slack
from tests.stories import views, views_discord, views_slack
from tests.stories.process import free_port
from tests.stories.storm_process import Engine
from tests.stories.story import PEOPLE, iso
from tests.stories.until import until
from tests.stories.views import Seen

REAL = 0.05
"""Seconds of the machine that each second of the story takes, at least: time for what is due to be done."""
FIRST_DISCORD = 41771983423144000


class Alert(msgspec.Struct):
    """One alert, an incident of its own unless another one has its `name`. `accepted`: when its first 200 came."""

    name: str
    channel: str
    severity: str
    began: float
    instance: str = "0"
    firing: bool = False
    accepted: float = 0.0

    def body(self, now: float) -> dict[str, Any]:
        labels = {"alertname": self.name, "channel": self.channel, "severity": self.severity, "instance": self.instance}
        state = {"status": "firing"} if self.firing else {"status": "resolved", "endsAt": iso(now)}
        return {**state, "labels": labels, "startsAt": iso(self.began)}


class Shown(NamedTuple):
    """A card that stands in a channel. `at`: when it was posted there."""

    channel: str
    at: float
    seen: Seen

    @property
    def is_storm(self) -> bool:
        return self.seen.number == 0


class Storm:
    """`alerts`: all that were ever sent, by name and instance.

    Channels `s0`, `s1`, … are Slack's, `d0`, `d1`, … Discord's; `h0` is that of a chat without limits.
    """

    http: aiohttp.ClientSession

    def __init__(
        self, slack: Slack, discord: Discord, other: HttpChatServer, engine: Engine, places: Mapping[str, str]
    ) -> None:
        self.slack, self.discord, self.other, self.engine, self.places = slack, discord, other, engine, places
        self.alerts: dict[tuple[str, str], Alert] = {}

    @property
    def channels(self) -> list[str]:
        return list(self.places)

    def now(self) -> float:
        return self.slack.clock.now()

    async def passes(self, seconds: float, step: float = 1.0) -> None:
        """So much time passes, a little after the other, the platforms' first: to them, Tocsin is never early."""
        for _ in range(max(1, round(seconds / step))):
            self.slack.clock.jump(step)
            self.discord.clock.jump(step)
            await self.engine.passes(step)
            await asyncio.sleep(REAL * step)

    def alert(self, name: str, channel: str, severity: str = "warning", instance: str = "0") -> Alert:
        return self.alerts.setdefault((name, instance), Alert(name, channel, severity, self.now(), instance))

    async def fires(self, *alerts: Alert) -> None:
        """They fire, or are sent again."""
        for one in alerts:
            one.began = one.began if one.firing else self.now()
            one.firing = True
        await self._accepts(alerts)

    async def resolves(self, *alerts: Alert) -> None:
        for one in alerts:
            one.firing = False
        await self._accepts(alerts)

    async def _accepts(self, alerts: Sequence[Alert]) -> None:
        for first in range(0, len(alerts), 100):
            some = alerts[first : first + 100]
            body = {"version": "4", "alerts": [one.body(self.now()) for one in some]}
            async with self.http.post("/webhooks/prometheus", json=body, headers=_bearer("prometheus")) as answer:
                assert answer.status == 200, await answer.text()
            for one in some:
                one.accepted = one.accepted or self.now()

    async def order(self, person: str, text: str) -> bool:
        """Whether the command was taken."""
        async with self.http.post("/api/v1/commands", json={"text": text}, headers=_bearer(person)) as answer:
            assert answer.status == 200, await answer.text()
            return bool((await answer.json())["ok"])

    async def incidents(self) -> list[dict[str, Any]]:
        """The last thousand, as Ana sees them."""
        async with self.http.get("/api/v1/incidents?state=all&limit=1000", headers=_bearer("ana")) as answer:
            assert answer.status == 200, await answer.text()
            found: list[dict[str, Any]] = (await answer.json())["incidents"]
            return found

    def shown(self, *channels: str) -> list[Shown]:
        """The cards that stand in these channels, or in all."""
        return [one for channel in channels or self.channels for one in self._in(channel)]

    def _in(self, channel: str) -> list[Shown]:
        place = self.places[channel]
        if channel.startswith("h"):
            return [Shown(channel, one.versions[0].at, views.read_card(one)) for one in self.other.posts.values()]
        if channel.startswith("s"):
            posts = [post for post in self.slack.messages(place) if post.attachments]
            return [Shown(channel, float(post.ts), views_slack.read_card(post)) for post in posts]
        cards = [post for post in self.discord.messages(place) if post.embeds]
        return [Shown(channel, born(post.id), views_discord.read_card(post)) for post in cards]

    async def behind(self) -> Mapping[str, int]:
        """How many cards do not show the latest, by channel."""
        return await look(f"sqlite:///{self.engine.config.with_name('tocsin.db')}", deliveries.backlog)

    async def settles(self, within: float) -> float:
        """Time passes until all cards show the latest; returns how much."""
        began = self.now()
        while behind := await self.behind():
            assert self.now() - began < within, f"after {within} s these are behind: {behind}"
            await self.passes(1.0)
        return self.now() - began

    async def lives(self, name: str, *channels: str, within: float = 30.0) -> None:
        """A fresh alert in each of these channels is shown there."""
        fresh = [self.alert(f"{name}-{channel}", channel, "critical") for channel in channels]
        await self.fires(*fresh)
        for _ in range(round(within)):
            await self.passes(1.0)
            if {one.name for one in fresh} <= {card.seen.title for card in self.shown(*channels)}:
                return
        raise AssertionError(f"a fresh alert was not shown within {within} s in {channels}: {self.shown(*channels)}")

    async def restart(self) -> None:
        """kill -9, and again."""
        await self.engine.kill()
        self.engine.end()
        await self.start()

    async def start(self) -> None:
        self.engine.start()
        await self.engine.ready()
        await self.slack.connected()
        await self.discord.connected()

    @property
    def refused(self) -> Counter[str]:
        """Answers of 429 that the platforms gave for their own limits, by call."""
        return self.slack.rates.refused + self.discord.rates.refused

    @property
    def calls(self) -> int:
        return len(self.slack.requests) + len(self.discord.requests)


@asynccontextmanager
async def storming(
    folder: Path, slack: int, discord: int, channel: Callable[[str], str] = lambda _: "", patience: float = 0.0
) -> AsyncIterator[Storm]:
    """Starts it all. `channel`: more YAML of the channel of a name. `patience`: see storm_engine.py.

    An alert goes to the channel of its label `channel`; where that is `everywhere`, to all of them.
    """
    async with AsyncExitStack() as stack:
        here = views_slack.move_in(await stack.enter_async_context(Slack()))
        there = views_discord.move_in(await stack.enter_async_context(Discord()))
        other = HttpChatServer()
        url = await stack.enter_async_context(serving(other.application()))
        places = {f"s{n}": f"C0S{n:03}" for n in range(slack)} | {f"d{n}": str(FIRST_DISCORD + n) for n in range(discord)}
        for name, place in places.items():
            (here if name.startswith("s") else there).channel(place, name)
        places["h0"] = "h0"
        port = free_port()
        path = folder / "config.yaml"
        chats = {
            "s": views_slack.config_of(here), "d": views_discord.config_of(there), "h": f"{{type: httpchat, url: '{url}'}}",
            "own": "{type: console}",
        }  # fmt: skip
        path.write_text(_config(folder, port, chats, places, channel))
        engine = Engine(path, port, patience)
        stack.callback(engine.end)
        storm = Storm(here, there, other, engine, places)
        storm.http = await stack.enter_async_context(aiohttp.ClientSession(engine.url))
        await storm.start()
        yield storm
        engine.check()
        assert not engine.logged("worker_ended"), engine.logged("worker_ended")


def _config(
    folder: Path, port: int, chats: Mapping[str, str], places: Mapping[str, str], channel: Callable[[str], str]
) -> str:
    lines = [f"listen: 127.0.0.1:{port}", f"store: sqlite:///{folder / 'tocsin.db'}", PEOPLE, "chats:"]
    lines += [f"  {name}: {chat}" for name, chat in chats.items()]
    lines += ["channels:", "  ops: {chat: own}"]
    lines += [f"  {name}: {{chat: {name[0]}, id: '{place}'{channel(name)}}}" for name, place in places.items()]
    lines += [
        "sources: {prometheus: {type: alertmanager, auth: {bearer: token-of-prometheus}}}", "route:", "  channels: [ops]",
        "  group_by: [alertname]", "  group_wait: 0s", "  group_interval: 5s", "  resolve_after: 5s", "  reopen_within: 20s",
        "  routes:",
    ]  # fmt: skip
    lines += [f"    - {{match: ['channel=\"{name}\"'], channels: [{name}]}}" for name in places]
    lines.append(f"    - {{match: ['channel=\"everywhere\"'], channels: [{', '.join(places)}]}}")
    return "\n".join(lines) + "\n"


def _bearer(who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-of-{who}"}


async def sent(storm: Storm, alerts: Sequence[Alert], seconds: float, senders: int = 4) -> float:
    """They fire, spread over so many seconds of the machine, ten a request; returns how long that took."""
    began, queue = time.monotonic(), iter(range(0, len(alerts), 10))

    async def send() -> None:
        for first in queue:
            await asyncio.sleep(max(0.0, began + seconds * first / len(alerts) - time.monotonic()))
            await storm.fires(*alerts[first : first + 10])

    await asyncio.gather(*(send() for _ in range(senders)))
    return time.monotonic() - began


async def shows(storm: Storm, titles: Iterable[str], within: float) -> None:
    """Waits, while no time passes but the machine's, until each of these has its card."""
    wanted = set(titles)

    async def look_again() -> bool:
        await asyncio.sleep(0.2)
        missing = wanted - {one.seen.title for one in storm.shown()}
        assert not missing, f"{len(missing)} of {len(wanted)} have no card, such as {sorted(missing)[:5]}"
        return True

    await until(look_again, within, "a card for each")
