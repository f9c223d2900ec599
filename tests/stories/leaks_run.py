"""Carries a story of the leak matrix out on a whole Tocsin, and judges every byte that leaves it and all that stays in sight."""

from __future__ import annotations

import asyncio
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
from rules.duration import parse_duration
from tests.stories.leaks import (
    EVERYBODY,
    GRACE,
    PEOPLE,
    REVEAL_LASTS,
    VERIFY_EVERY,
    Piece,
    Setup,
    Sight,
    Truth,
    clearance_of,
    groups_of,
    marks,
    merit,
    text,
)
from tests.stories.leaks_acts import Subject, typed
from tests.stories.leaks_console import ApiPlace, ConsolePlace
from tests.stories.leaks_discord import DiscordPlace
from tests.stories.leaks_ledger import Ledger, Withheld
from tests.stories.leaks_places import NOBODY, Card, Caught, HttpChatPlace, Place, Platform, Scene, SlackPlace, as_text, person
from tests.stories.leaks_places import scene_desk
from tests.stories.leaks_stories import Step, Story
from tests.stories.telling import OURS
from tests.stories.until import until

PLATFORMS: tuple[type[Any], ...] = (ConsolePlace, HttpChatPlace, SlackPlace, DiscordPlace)
"""Every chat there is. All take part in every story."""
CHAT_NAMES = tuple(one.chat for one in PLATFORMS)
REST = 10.0
"""Real seconds that Tocsin gets to come to rest."""
LATE = 4.5
"""The same after a drift that it was told of: more than it may take, less than it sleeps if it does not notice."""


class Run:
    """One story on a Tocsin of its own. `folder` holds a database that is migrated already, if it has one."""

    def __init__(self, story: Story, folder: Path) -> None:
        self.setup, self.folder, self.offset, self.ledger = story.setup, folder, 0.0, Ledger()
        self.platforms: dict[str, Platform] = {one.chat: one() for one in PLATFORMS}
        self.deaf: dict[str, float] = {}
        self.frozen: dict[str, Truth] = {}
        self.doubted: set[str] = set()
        self.unsure: dict[str, float] = {}
        self.believed: dict[str, list[tuple[Truth, float]]] = {}
        self.grants: dict[tuple[str, str], dict[int, float]] = {}
        self.alerts: dict[int, dict[str, Any]] = {}
        self.home: dict[int, tuple[str, ...]] = {}
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

    # --- what happens

    async def play(self, story: Story) -> None:
        """Raises Leak, Withheld."""
        await self.rest()
        at_rest = True
        for step in story.steps:
            self.ledger.tally.ops[step.op] += 1
            self.told = False
            await getattr(self, f"_do_{step.op}")(**step.args)
            at_rest, was_at_rest = not step.rush, at_rest
            if at_rest:
                await self.rest(by_itself=was_at_rest and self.told)
                await self._look_around(step)
            self._judge()
            self.ledger.count()

    async def _do_fire(self, piece: int, team: str, kinds: tuple[str, ...], about: int = 0, **alert: Any) -> None:
        about = about or piece
        if about not in self.alerts and about != piece:
            return  # the step with the alert itself was left out
        self.alerts.setdefault(about, {"team": team, "kinds": kinds, **alert})
        what = f"an alert of {team}" if about == piece else f"what an alert of {team} said later"
        self.ledger.pieces[piece] = Piece(self.setup.level_of(team), what, set(), kinds, about)
        source = alert["source"]
        body = _hook(piece, about, self.alerts[about], kinds) if source == "prometheus" else _script(piece, about, self.alerts[about], kinds)
        assert await self.api.sends(source, body) == 200

    async def _do_again(self, **alert: Any) -> None:
        await self._do_fire(**alert)

    async def _do_resolve(self, piece: int, **alert: Any) -> None:
        if piece in self.alerts:
            known = self.alerts[piece]
            build = _hook if alert["source"] == "prometheus" else _script
            await self.api.sends(alert["source"], build(piece, piece, known, known["kinds"], firing=False))

    async def _do_drift(self, room: str, what: str, told: bool, on: bool = True, who: str = "") -> None:
        platform = self.platforms[self.setup.rooms[room].chat]
        before = platform.truth(room)
        if not await platform.drift(room, what, on, who, told):
            return
        if what == "deaf":
            self._deafen(room, before, on)
            told = False
        elif told:
            self.unsure.pop(room, None)
            self.doubted |= {room} & self.deaf.keys()
        else:
            self.unsure[room] = self.now() + VERIFY_EVERY
            self.believed.setdefault(room, []).append((before, self.unsure[room] + GRACE))
        if told:
            self.told = True
            self.believed.pop(room, None)
            self._review()
            self.ledger.hurry(("room", room), self.now())
        self._review()

    def _deafen(self, room: str, truth: Truth, on: bool) -> None:
        if on and room not in self.deaf:
            self.deaf[room], self.frozen[room] = self.now(), truth
        elif not on and self.deaf.pop(room, None):
            del self.frozen[room]
            self.doubted.discard(room)
            self.unsure[room] = self.now() + VERIFY_EVERY  # it asks again when it would have anyway

    async def _do_group(self, name: str, people: tuple[str, ...]) -> None:
        if told_by := self.setup.groups[name].told_by:
            await self.platforms[told_by].regroup(name, people)
            self._review()

    async def _do_reload(self, setup: Setup) -> None:
        self.setup = setup
        self._write()
        assert await self.app.reload(), self.app.health.config_error
        self.told = True
        self._review()

    async def _do_restart(self) -> None:
        await self._stop()
        await self._start()
        self.doubted |= self.deaf.keys()
        self.unsure.clear()
        self.believed.clear()
        self._review()
        for room in self.setup.rooms:
            self.ledger.hurry(("room", room), self.now())

    async def _do_passes(self, span: str) -> None:
        await self.rest()
        self._pass(parse_duration(span))

    async def _do_types(self, way: str, who: str, room: str, about: int, **more: Any) -> None:
        line, number, piece = typed({"who": who, **more}, self._subject(way, who, about))
        if piece:
            self.ledger.pieces[number] = piece
        verb = line.split()[0]
        self.silenced |= verb in ("silence", "approve")
        if verb == "reveal":
            self._grant(way, who, self._number(about))
        if way == "api":
            await self.api.says(who, line)
        else:
            await self.platforms[way].says(who, room, line)
        self._review()

    async def _do_looks(self, way: str, who: str, room: str, dice: int) -> None:
        numbers = sorted({number for piece in self.ledger.pieces.values() for number in piece.incidents})[-5:]
        if way == "api":
            await self.api.looks(who, numbers)
            return
        self.silenced |= way in ("work", "guild")
        lines = [f"{verb} {number}" for number in numbers[-2:] for verb in ("incident", "why", "ack", "silence", "reveal")]
        await self.platforms[way].looks(who, room, numbers, lines, dice)

    async def _do_strangers(self) -> None:
        await self.api.strangers(sorted(self.home)[-3:])

    def _subject(self, way: str, who: str, about: int) -> Subject:
        alert, number = self.alerts.get(about, {"team": "t0"}), self._number(about)
        seen = bool(number) and self._sees(person(way, who), number)
        team = str(alert["team"])
        level = self._level(number) if number else ""
        return Subject(number or 1, level, seen, team, text(about, "i"), self.setup.level_of(team))

    def _number(self, about: int) -> int:
        piece = self.ledger.pieces.get(about)
        return max(piece.incidents, default=0) if piece else 0

    def _level(self, number: int) -> str:
        """That of the worst alert in it."""
        return self.setup.highest([one.level for one in self.ledger.pieces.values() if one.alert and number in one.incidents])

    def _grant(self, way: str, who: str, number: int) -> None:
        chat = "" if who in PEOPLE else way
        if number and self._may_reveal(way, who, number):
            self.grants.setdefault((chat, who), {})[number] = self.now() + REVEAL_LASTS

    def _may_reveal(self, chat: str, who: str, number: int) -> bool:
        rule = self.setup.reveal
        return bool(rule) and rule[0] in self._groups(chat, who) and self.setup.covers(rule[1], self._level(number))

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
        rows = await app.store.read(deliveries.pending, list(self.setup.rooms), self.now(), 50, ())
        return any(row.shown == 0 or not drifts for row in rows)

    def _settles(self) -> bool:
        return any(self.app.standings.settling(name) for name in self.setup.rooms)

    # --- looking around

    async def _number_all(self) -> None:
        """Which incident is whose. Ana sees them all."""
        _, told = await self.api.get("ana", "/api/v1/incidents?state=all&limit=1000")
        import json

        for one in json.loads(told)["incidents"]:
            seen = {number for number, kind, _ in marks(json.dumps([one["title"], one["alerts"]])) if not kind}
            seen = {number for number in seen if self.ledger.pieces[number].alert}
            if seen and one["number"] not in self.home:
                self.home[one["number"]] = self.setup.routed
            same = {self.ledger.pieces[number].alert for number in seen}
            for piece in self.ledger.pieces.values():
                if piece.alert in same and piece.alert:
                    piece.incidents.add(one["number"])

    async def _look_around(self, step: Step) -> None:
        """Everything that stands in a room, and what the API says to everybody."""
        for name in self.setup.rooms:
            await until(lambda name=name: self._stands(name), REST, f"what should stand in {name}")  # type: ignore[misc]
        who = list(PEOPLE)[self.ledger.tally.moments % len(PEOPLE)]
        for number in self.home:
            status, told = await self.api.get(who, f"/api/v1/incidents/{number}")
            seen = self._sees(person("api", who), number)
            if (status == 200) != seen or (seen and not any(not kind for _, kind, _ in marks(told))):
                raise Withheld(f"{who} {'may' if seen else 'may not'} see #{number}, and is answered {status}: {told[:300]}")

    async def _cards(self, room: str) -> Mapping[int, Card]:
        if isinstance(console := self.platforms[self.setup.rooms[room].chat], ConsolePlace):
            return await console.read(room)
        return self.platforms[self.setup.rooms[room].chat].cards(room)

    async def _stands(self, room: str) -> bool:
        """All of it judged, and nothing missing that may be there."""
        chat, place = self.setup.rooms[room].chat, ("room", room)
        truth = self.platforms[chat].truth(room)
        if chat == "work" and truth.archived:
            return True  # nobody can say or take back anything there
        cards, now = await self._cards(room), self.now()
        for number, card in cards.items():
            self.ledger.catch(Caught(now, place, f"the card of #{number} in {room}", card.text))
        self.ledger.judge()
        if room not in self.deaf and self.unsure.get(room, 0.0) < now and self.ledger.certain(place, now):
            for number in self.home:
                self._should_stand(number, room, cards.get(number))
        return True

    def _should_stand(self, number: int, room: str, card: Card | None) -> None:
        """Raises AssertionError, with time passing: some of it is tried again later only."""
        full = self.setup.covers(self.ledger.sight(("room", room)).clearance, self._level(number))
        if card is None:
            missing = room in self.home[number] and room in self.setup.rooms and not self.silenced
            if missing:
                self._pass(20.0)
            assert not missing, f"there is no card of #{number} in {room}"
            return
        wrong = card.stub == full or (full and not any(not kind for _, kind, _ in marks(card.text)))
        if wrong:
            self._pass(20.0)
        assert not wrong, f"the card of #{number} in {room} should be {'full' if full else 'a stub'}: {card.text[:400]}"

    def _judge(self) -> None:
        for platform in self.platforms.values():
            platform.collect()
        logs, self.logs[:] = list(self.logs), []
        for entry in logs:
            if entry["log_level"] != "debug":
                self.catch(NOBODY, f"the log line {entry['event']}", repr(entry))
            if "exc_info" in entry or entry["event"] == "worker_ended":
                raise AssertionError(f"something went wrong inside: {entry}")
        for line in self._libraries:
            self.catch(NOBODY, "a line of a library's log", line)
        self._libraries.clear()
        self.ledger.judge()


class _Kept(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def _hook(piece: int, about: int, alert: Mapping[str, Any], kinds: tuple[str, ...], firing: bool = True) -> object:
    """As Alertmanager's webhook has it, with a mark in every field. `about`: the piece that named the alert."""
    named = alert["kinds"]
    labels = {
        "alertname": text(about, "n", named), "instance": text(about, "i"), f"l_{text(about, 'k')}": text(about, "v", named),
        "team": alert["team"], "cluster": alert["cluster"], "severity": alert["severity"],
    }  # fmt: skip
    notes = {
        "summary": text(piece, "s", kinds), "description": text(piece, "d", kinds), f"a {text(piece, 'e', kinds)}": text(piece, "f"),
        "runbook_url": f"https://wiki.example/{text(piece, 'u')}", "dashboard_url": f"https://grafana.example/?q={text(piece, 'q')}",
    }  # fmt: skip
    return {
        "version": "4", "externalURL": f"https://alerts.example/{text(piece, 'x')}", "alerts": [{
            "status": "firing" if firing else "resolved", "labels": labels, "annotations": notes,
            "startsAt": "2026-01-06T03:00:00Z", "generatorURL": f"https://prom.example/graph?g0.expr={text(piece, 'g')}",
        }],
    }  # fmt: skip


def _script(piece: int, about: int, alert: Mapping[str, Any], kinds: tuple[str, ...], firing: bool = True) -> object:
    """As some script has it: a title and a key of its own."""
    return {
        "title": text(piece, "t", kinds), "id": text(about, "j", alert["kinds"]), "status": "firing" if firing else "resolved",
        "labels": {"team": alert["team"], "cluster": alert["cluster"], "alertname": text(about, "n"), f"l_{text(about, 'k')}": "x"},
        "severity": alert["severity"], "message": text(piece, "m", kinds), "url": f"https://script.example/{text(piece, 'u')}",
        "wiki": f"https://wiki.example/{text(piece, 'w')}", "annotations": {text(piece, "y"): text(piece, "z", kinds)},
    }  # fmt: skip
