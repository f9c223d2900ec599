"""Stories: a whole Tocsin in this process, alerts through its front door, and what people see, press and type.

await story.fires("PgDown", severity="critical")
card = await story.card("ops")
await card.press("Ack", by="ana")
await card.shows(state="acknowledged", who="Ana Petrova")
await story.passes("4h")
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from adapters.chat import Reply
from bot.app import App
from bot.config import load
from bot.store import deliveries
from rules.duration import parse_duration
from tests.standins.discord import Discord
from tests.standins.httpchat import HttpChatServer
from tests.standins.slack import Slack
from tests.stories.until import PATIENCE, until
from tests.stories.views import ConsoleView, HttpChatView, Seen, View
from tests.stories.views_discord import DiscordView
from tests.stories.views_slack import SlackView, passes

PEOPLE = """
people:
  ana: {name: Ana Petrova, token: token-of-ana, httpchat: account-of-ana, slack: U01ANA, discord: '80351110224678912'}
  ben: {name: Ben Okafor, token: token-of-ben, httpchat: account-of-ben, slack: U02BEN, discord: '80351110224678913'}
  cleo: {name: Cleo Marsh, token: token-of-cleo, httpchat: account-of-cleo, slack: U03CLEO, discord: '80351110224678914'}
groups:
  sre: {members: [ana], clearance: restricted}
  dba: {members: [ben], clearance: confidential}
  web: {members: [cleo]}
permissions:
  - {allow: ["*"], groups: [sre]}
  - {allow: [ack, resolve, snooze, note], groups: [dba]}
  - {allow: [note], groups: [web]}
admin: {groups: [sre], channel: ops}
"""
PLACES = """
chats: {work: CHAT}
channels:
  ops: {chat: work, id: ops, clearance: internal, audience: [sre, dba, web]}
  vault: {chat: work, id: vault, clearance: restricted, audience: [sre]}
sources:
  prometheus: {type: alertmanager, auth: {bearer: token-of-prometheus}}
  backups: {type: generic, auth: none}
sensitivity:
  rules:
    - {match: ['team="payments"'], level: confidential}
"""
ROUTE = """
route:
  channels: [ops]
  withheld_to: [vault]
  group_by: [alertname, cluster]
  group_wait: 0s
  group_interval: 10s
  repeat_interval: 4h
  resolve_after: 30s
  reopen_within: 10m
"""
BASE = PEOPLE + PLACES + ROUTE


def config_text(folder: Path, chat: str, base: str = BASE, port: int = 0) -> str:
    """The YAML of a story. `chat`: the chat's own config as YAML, in one line."""
    return f"listen: 127.0.0.1:{port}\nstore: sqlite:///{folder / 'tocsin.db'}\n" + base.replace("CHAT", chat)


class CardOf:
    """One card in one channel, looked at again and again. `view`: of another chat than the story's first."""

    def __init__(self, story: Story, channel: str, number: int, view: View | None = None) -> None:
        self.story, self.channel, self.number = story, channel, number
        self._view = view

    @property
    def view(self) -> View:
        return self._view or self.story.view

    async def seen(self) -> Seen:
        """As it is now. There is never more than one."""
        found = [card for card in await self.view.cards(self.channel) if card.number == self.number]
        assert len(found) == 1, f"{len(found)} cards of #{self.number} in {self.channel}: {found}"
        return found[0]

    async def shows(self, within: float = PATIENCE, text: str = "", **wanted: object) -> Seen:
        """Waits until the card has these values (fields of Seen) and holds the text."""

        async def look() -> Seen:
            seen = await self.seen()
            wrong = {name: getattr(seen, name) for name, value in wanted.items() if getattr(seen, name) != value}
            assert not wrong, f"the card shows {wrong}: {seen}"
            assert text in seen.text, f"no {text!r} in the card: {seen}"
            return seen

        return await until(look, within, f"{wanted} {text} on #{self.number} in {self.channel}")

    async def press(self, label: str, by: str = "ana", **dialog: str) -> Reply:
        """Presses a button that the card has; `dialog`: what one fills in (duration, rest)."""
        command = (await self.seen()).buttons[label]
        return await self.view.says(by, self.channel, command, **dialog)

    async def thread(self) -> list[str]:
        return await self.view.thread(self.channel, (await self.seen()).ref)

    async def tells(self, line: str) -> None:
        """Waits until the thread says so, once."""

        async def look() -> bool:
            lines = await self.thread()
            assert sum(line in one for one in lines) == 1, f"the thread: {lines}"
            return True

        await until(look, what=f"{line!r} in the thread of #{self.number}")


class Story:
    """`config`: the path of the YAML. `server`, `slack`, `discord`: the stand-in platforms that it has.

    `logs`: what Tocsin logged. `heard`: the calls that reached the platform.
    """

    view: View
    logs: list[Any]
    heard: list[Any]

    def __init__(
        self,
        config: Path,
        server: HttpChatServer | None = None,
        slack: Slack | None = None,
        discord: Discord | None = None,
    ) -> None:
        self.path, self.server, self.slack, self.discord = config, server, slack, discord
        self.offset = self.passed = 0.0
        self._began: dict[str, float] = {}

    def now(self) -> float:
        return time.time() + self.offset

    def ticks(self) -> float:
        """Seconds that do not jump."""
        return time.monotonic() + self.passed

    async def start(self) -> None:
        self.app = App(load(self.path, {}), self.path, clock=self.now, ticks=self.ticks)
        await self.app.start()
        self.url = f"http://127.0.0.1:{self.app.port}"
        self.http = aiohttp.ClientSession(self.url)
        self.view = await self._look()

    async def _look(self) -> View:
        if self.slack:
            return await SlackView.of(self.slack, self.url)
        if self.discord:
            return await DiscordView.of(self.discord)
        return HttpChatView(self.server, self.app._chats["work"]) if self.server else ConsoleView(self.url)

    async def stop(self) -> None:
        await self.http.close()
        if isinstance(self.view, ConsoleView):
            await self.view.close()
        await self.app.stop()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    @asynccontextmanager
    async def talking(self) -> AsyncIterator[None]:
        """Speaks meanwhile with a Tocsin that runs elsewhere, at `url`."""
        async with aiohttp.ClientSession(self.url) as self.http:
            yield

    def rewrite(self, change: Callable[[str], str]) -> None:
        """Edits the config file."""
        self.path.write_text(change(self.path.read_text()))

    async def passes(self, duration: str) -> None:
        """So much time passes for Tocsin, at once."""
        self.offset += parse_duration(duration)
        self.passed += parse_duration(duration)
        if self.slack:
            passes(self.slack, parse_duration(duration))
        if self.discord:
            self.discord.clock.jump(parse_duration(duration))
        self.app.wake()

    def jumps(self, seconds: float) -> None:
        """Its clock is set, and that of those who send. No time passes."""
        self.offset += seconds

    async def fires(self, name: str, severity: str = "critical", summary: str = "", **labels: str) -> None:
        """An alert fires, or is sent again."""
        await self.accepts([self.alert(name, severity, summary, **labels)])

    async def resolves(self, name: str, severity: str = "critical", **labels: str) -> None:
        """It is over, says its source."""
        alert = self.alert(name, severity, **labels)
        self._began.pop(str(sorted(alert["labels"].items())))
        await self.accepts([{**alert, "status": "resolved", "endsAt": iso(self.now())}])

    def alert(self, name: str, severity: str = "critical", summary: str = "", **labels: str) -> dict[str, Any]:
        """An alert that fires, as Alertmanager's webhook has it. A null label is left out."""
        found = {"alertname": name, "severity": severity, "cluster": "eu1", **labels}
        began = self._began.setdefault(str(sorted(found.items())), self.now())
        texts = {"summary": summary} if summary else {}
        return {"status": "firing", "labels": found, "annotations": texts, "startsAt": iso(began)}

    async def accepts(self, alerts: list[dict[str, Any]]) -> None:
        status, answer = await self.post("/webhooks/prometheus", {"version": "4", "alerts": alerts})
        assert status == 200, answer

    async def post(self, path: str, body: object, token: str = "token-of-prometheus") -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.http.post(path, json=body, headers=headers) as answer:
            return answer.status, await answer.text()

    async def order(self, person: str, text: str) -> dict[str, Any]:
        """What a script of that person is answered by the API."""
        status, answer = await self.post("/api/v1/commands", {"text": text}, f"token-of-{person}")
        assert status == 200, answer
        found: dict[str, Any] = json.loads(answer)
        return found

    async def get(self, path: str, person: str = "ana") -> Any:
        """A page of the API, as a person with a token sees it."""
        async with self.http.get(path, headers={"Authorization": f"Bearer token-of-{person}"}) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def card(self, channel: str = "ops", title: str = "", number: int = 0) -> CardOf:
        """Waits for the one card of the channel, or the one of that title or number."""

        async def look() -> Seen:
            cards = [c for c in await self.view.cards(channel) if (not title or c.title == title) and number in (0, c.number)]
            assert len(cards) == 1, f"{len(cards)} cards in {channel}: {cards}"
            return cards[0]

        seen = await until(look, what=f"one card {title} in {channel}")
        return CardOf(self, channel, seen.number)

    async def command(self, person: str, text: str) -> Reply:
        """What the person is answered, typing it in the chat."""
        return await self.view.says(person, "ops", text)

    async def shown(self, step: str = "0s") -> None:
        """Waits until every card and thread shows what it should. `step`: so much time passes between two looks, for retries."""

        async def look() -> bool:
            await self.passes(step)
            behind = await self.app.store.read(deliveries.backlog)
            assert not behind, f"behind: {behind}"
            return True

        await until(look, what="the latest state on every card")


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
