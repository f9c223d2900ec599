"""A Tocsin with every chat there is, for one story of the leak matrix, and what each place may be shown by then."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from structlog.testing import capture_logs

from adapters.registry import CHATS
from bot.app import App
from bot.config import load
from bot.store import deliveries
from bot.store.deliveries import NEXT
from tests.stories.leaks import (
    EVERYBODY,
    GRACE,
    PEOPLE,
    REVEAL_LASTS,
    VERIFY_EVERY,
    Setup,
    Sight,
    Truth,
    clearance_of,
    groups_of,
    marks,
    merit,
)
from tests.stories.leaks_console import ApiPlace, ConsolePlace
from tests.stories.leaks_discord import DiscordPlace
from tests.stories.leaks_ledger import Ledger
from tests.stories.leaks_places import Caught, HttpChatPlace, Place, Platform, Scene, as_text, person, scene_desk
from tests.stories.leaks_slack import SlackPlace
from tests.stories.telling import OURS

PLATFORMS: tuple[type[Any], ...] = (ConsolePlace, HttpChatPlace, SlackPlace, DiscordPlace)
"""Every chat there is. All take part in every story."""
CHAT_NAMES = tuple(one.chat for one in PLATFORMS)
REST = 10.0
"""Real seconds that Tocsin gets to come to rest."""
LATE = 4.5
"""The same after a drift that it was told of: more than it may take, less than it sleeps if it does not notice."""


class World:
    """`folder` holds a database that is migrated already, if it has one."""

    def __init__(self, setup: Setup, folder: Path) -> None:
        self.setup, self.folder, self.offset, self.ledger = setup, folder, 0.0, Ledger()
        self.platforms: dict[str, Platform] = {one.chat: one() for one in PLATFORMS}
        self.deaf: dict[str, float] = {}
        self.frozen: dict[str, Truth] = {}
        self.doubted: set[str] = set()
        self.unsure: dict[str, float] = {}
        self.believed: dict[str, list[tuple[Truth, float]]] = {}
        self.grants: dict[tuple[str, str], dict[int, float]] = {}
        self.alerts: dict[int, dict[str, Any]] = {}
        self.home: dict[int, tuple[str, ...]] = {}
        self.unresolved: set[int] = set()
        self.silenced = self.told = False
        self.logs: list[Any] = []

    def now(self) -> float:
        return time.time() + self.offset

    def catch(self, place: Place, way: str, what: Any, at: float | None = None) -> None:
        self.ledger.catch(Caught(self.now() if at is None else at, place, way, as_text(what)))

    # --- a Tocsin that runs

    async def open(self, stack: AsyncExitStack) -> None:
        stack.enter_context(patch.dict(CHATS, OURS))
        self.logs = stack.enter_context(capture_logs())
        self._listen_to_libraries(stack)
        self.chats: dict[str, Any] = {}
        self.scene = Scene(self.now, self.catch, lambda chat: scene_desk(self.app._chats)(chat))
        lines = [f"  {name}: {await one.open(stack, self.scene)}" for name, one in self.platforms.items()]
        self._lines = "\n".join(lines)
        for name, room in self.setup.rooms.items():
            belong = [one for one in EVERYBODY if self._groups(room.chat, one) & set(room.audience)]
            self.platforms[room.chat].build(name, [one for one in belong if one in PEOPLE])
        self.path = self.folder / "config.yaml"
        self._write()
        await self._start()
        stack.push_async_callback(self._stop)
        self._review()

    def _listen_to_libraries(self, stack: AsyncExitStack) -> None:
        handler = _Kept(logging.WARNING)
        root = logging.getLogger()
        root.addHandler(handler)
        stack.callback(root.removeHandler, handler)
        self._libraries = handler.lines

    def _write(self) -> None:
        head = f"listen: 127.0.0.1:0\nstore: sqlite:///{self.folder / 'tocsin.db'}\n"
        self.path.write_text(head + self.setup.yaml(self._lines) + "\n")

    async def _start(self) -> None:
        self.app = App(load(self.path, {}), self.path, clock=self.now)
        await self.app.start()
        url = f"http://127.0.0.1:{self.app.port}"
        self.api, self.console = ApiPlace(self.scene, url), self.platforms["console"]
        assert isinstance(self.console, ConsolePlace)
        self.console.url = url
        for platform in self.platforms.values():
            await platform.started()

    async def _stop(self) -> None:
        await self.api.http.close()
        assert isinstance(self.console, ConsolePlace)
        await self.console.close()
        await self.app.stop()

    # --- what may be seen

    def _told(self) -> Mapping[str, frozenset[str]]:
        groups = self.setup.groups.items()
        return {name: self.platforms[group.told_by].told(name) for name, group in groups if group.told_by}

    def _groups(self, chat: str, who: str) -> set[str]:
        return groups_of(self.setup, self._told(), chat, who)

    def _review(self) -> None:
        """Notes what every place may be shown now."""
        now, told = self.now(), self._told()
        for who in EVERYBODY:
            for chat in (*CHAT_NAMES, "api"):
                granted = {
                    number: self._level(number)
                    for number, until_ in self.grants.get(("" if who in PEOPLE else chat, who), {}).items()
                    if now < until_ and self._may_reveal(chat, who, number)
                }
                clearance = clearance_of(self.setup, told, chat, who)
                if who in PEOPLE or chat not in ("console", "api"):
                    self.ledger.know(person(chat, who), Sight(self.setup, clearance, granted), now)
        for name, room in self.setup.rooms.items():
            sight = Sight(self.setup, self._merit(name, now, told))
            believed = [
                Sight(self.setup, merit(self.setup, told, name, truth), until=until_)
                for truth, until_ in self.believed.get(name, ())
                if until_ >= now
            ]
            self.ledger.know(("room", name), sight, now, believed)
            for who in PEOPLE if room.chat == "console" else ():
                reads = groups_of(self.setup, told, "console", who) & set(room.audience)
                mine = sight if reads else Sight(self.setup, None)
                self.ledger.know(("reader", name, who), mine, now)

    def _merit(self, name: str, now: float, told: Mapping[str, frozenset[str]]) -> str | None:
        room = self.setup.rooms[name]
        truth = self.frozen.get(name) or self.platforms[room.chat].truth(name)
        lost = name in self.doubted or now > self.deaf.get(name, now) + VERIFY_EVERY
        return merit(self.setup, told, name, Truth(private=False) if lost else truth)

    def _sees(self, place: Place, number: int) -> bool:
        sight = self.ledger.sight(place)
        level = self._level(number)
        return self.setup.covers(sight.clearance, level) or number in sight.granted

    # --- time, and rest

    def _pass(self, seconds: float) -> None:
        self.offset += seconds
        for platform in self.platforms.values():
            platform.passes(seconds)
        self.app.wake()
        self.app.standings.wake()
        self.app.notices.changed.set()
        self._review()

    async def rest(self, by_itself: bool = False) -> None:
        """Until Tocsin has done all that there is to do now, and the time it may take for it is over."""
        for first in (True, False):
            await self._quiet(by_itself and first)
            self._pass(GRACE + 0.1)
        await self._quiet()
        await self._number_all()

    async def _quiet(self, by_itself: bool = False) -> None:
        """`by_itself`: nobody reminds it of what there is to do: it was told, and has a few seconds."""
        calm, began, waits = 0, time.monotonic(), 0
        while calm < 2:
            await asyncio.sleep(0.003)
            calm = 0 if await self._busy(by_itself) else calm + 1
            waits = waits + 1 if self._settles() else 0
            if waits > 12:  # it waits for time to pass
                waits = 0
                self._pass(1.1)
            elif not by_itself:
                self.app.wake()
                self.app.standings.wake()
            took = time.monotonic() - began
            assert took < (LATE if by_itself else REST), f"Tocsin does not come to rest within {took:.1f} s"

    async def _busy(self, drifts: bool) -> bool:
        """`drifts`: only with what must be shown otherwise, or for the first time."""
        app = self.app
        if app.store.backlog or self._settles() or any(courier._flying for courier in app._couriers):
            return True
        done = app._redraw._looked_at
        if any(done.get(name) != (app.policy, app.standings.of(name).clearance) for name in app.policy.channels):
            return True
        places = [(room, op) for room in self.setup.rooms for op in NEXT]
        rows = await app.store.read(deliveries.pending, places, self.now(), 50, ())
        return any(row.shown == 0 or not drifts for row in rows)

    def _settles(self) -> bool:
        return any(self.app.standings.settling(name) for name in self.setup.rooms)

    async def _number_all(self) -> None:
        """Which incident is whose. Ana sees them all."""
        _, told = await self.api.get("ana", "/api/v1/incidents?state=all&limit=1000")
        incidents = json.loads(told)["incidents"]
        self.unresolved = {one["number"] for one in incidents if one["state"] != "resolved"}
        for one in incidents:
            if any(alert["source"] == "tocsin" for alert in one["alerts"]):
                continue  # it quotes what people asked for
            seen = {number for number, kind, _ in marks(json.dumps([one["title"], one["alerts"]])) if not kind}
            seen = {number for number in seen if self.ledger.pieces[number].alert}
            if seen and one["number"] not in self.home:
                self.home[one["number"]] = self.setup.routed
            same = {self.ledger.pieces[number].alert for number in seen}
            for piece in self.ledger.pieces.values():
                if piece.alert in same and piece.alert:
                    piece.incidents.add(one["number"])
        missing = [piece.what for piece in self.ledger.pieces.values() if piece.alert and not piece.incidents]
        assert not missing, f"Ana does not see {missing} by the API: {told[:300]}"

    def _number(self, about: int) -> int:
        piece = self.ledger.pieces.get(about)
        return max(piece.incidents, default=0) if piece else 0

    def _level(self, number: int) -> str:
        """That of the worst alert in it."""
        return self.setup.highest([one.peak for one in self.ledger.pieces.values() if one.alert and number in one.incidents])

    def _grant(self, way: str, who: str, number: int) -> None:
        chat = "" if who in PEOPLE else way
        if number and self._may_reveal(way, who, number):
            self.grants.setdefault((chat, who), {})[number] = self.now() + REVEAL_LASTS

    def _may_reveal(self, chat: str, who: str, number: int) -> bool:
        rule = self.setup.reveal
        return rule is not None and rule[0] in self._groups(chat, who) and self.setup.covers(rule[1], self._level(number))


class _Kept(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
