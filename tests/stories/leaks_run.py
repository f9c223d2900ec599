"""Carries a story of the leak matrix out, and judges every byte that leaves Tocsin and all that stays in sight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.duration import parse_duration
from tests.stories.leaks import GRACE, PEOPLE, VERIFY_EVERY, Piece, Setup, Truth, marks, text
from tests.stories.leaks_acts import Subject, typed
from tests.stories.leaks_alerts import SENDS
from tests.stories.leaks_console import ConsolePlace
from tests.stories.leaks_ledger import Withheld
from tests.stories.leaks_places import NOBODY, Card, Caught, person
from tests.stories.leaks_stories import Step, Story
from tests.stories.leaks_world import REST, World
from tests.stories.until import until


class Run(World):
    """One story."""

    # --- what happens

    async def play(self, story: Story) -> None:
        """Raises Leak, Withheld."""
        await self.rest()
        self.ledger.tally.stories += 1
        at_rest = True
        for step in story.steps:
            self.ledger.tally.ops[step.op] += 1
            self.told = False
            await getattr(self, f"_do_{step.op}")(**step.args)
            at_rest, was_at_rest = not step.rush, at_rest
            if at_rest:
                try:
                    await self.rest(by_itself=was_at_rest and self.told)
                except AssertionError:
                    self._judge()  # a leak says more than that it never ends
                    raise
                await self._look_around(step)
            self._judge()
            self.ledger.count()

    async def _do_fire(self, piece: int, team: str, kinds: tuple[str, ...], about: int = 0, **alert: Any) -> None:
        about = about or piece
        if about not in self.alerts and about != piece:
            return  # the step with the alert itself was left out
        self.alerts.setdefault(about, {"team": team, "kinds": kinds, **alert})
        what = f"an alert of {team}" if about == piece else f"what an alert of {team} said later"
        level = self.setup.level_of(team)
        self.ledger.pieces[piece] = Piece(level, what, set(), kinds, about, team, level)
        body = SENDS[alert["source"]](piece, about, self.alerts[about], kinds)
        assert await self.api.sends(alert["source"], body) == 200

    async def _do_again(self, **alert: Any) -> None:
        await self._do_fire(**alert)

    async def _do_resolve(self, piece: int, **alert: Any) -> None:
        if piece in self.alerts:
            known = self.alerts[piece]
            body = SENDS[alert["source"]](piece, piece, known, known["kinds"], firing=False)
            await self.api.sends(alert["source"], body)

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
        elif not on and self.deaf.pop(room, 0.0):
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
        for piece in self.ledger.pieces.values():
            if piece.alert and (level := setup.level_of(piece.team)) != piece.level:
                piece.before = piece.level, self.now() + GRACE
                piece.level, piece.peak = level, setup.highest([level, piece.peak])
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
        await self._says(way, who, room, line)
        self._review()

    async def _says(self, way: str, who: str, room: str, line: str) -> None:
        if way == "api":
            await self.api.says(who, line)
        else:
            await self.platforms[way].says(who, room, line)

    async def _do_looks(self, way: str, who: str, room: str, dice: int) -> None:
        numbers = sorted({number for piece in self.ledger.pieces.values() for number in piece.incidents})[-5:]
        for number in numbers[-2:] if who in PEOPLE and dice % 2 else ():
            await self.api.says("ana", f"assign {number} {who}")
        asked = [f"{verb} {number}" for number in numbers[-2:] for verb in ("incident", "why")]
        for line in ("silences", "requests", "incidents all", "incidents mine", *asked):
            await self._says(way, who, room, line)
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

    # --- looking around

    async def _look_around(self, step: Step) -> None:
        """Everything that stands in a room, and what the API says to everybody."""
        for name in self.setup.rooms:
            await until(lambda name=name: self._stands(name), REST, f"what should stand in {name}")  # type: ignore[misc]
        await self.api.open_to_all()
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
            wanted = room in self.home[number] or (room in self.setup.withheld_to and self._withheld(number))
            missing = wanted and not self.silenced
            if missing:
                self._pass(20.0)
            assert not missing, f"there is no card of #{number} in {room}"
            return
        wrong = card.stub == full or (full and not any(not kind for _, kind, _ in marks(card.text)))
        if wrong:
            self._pass(20.0)
        assert not wrong, f"the card of #{number} in {room} should be {'full' if full else 'a stub'}: {card.text[:400]}"

    def _withheld(self, number: int) -> bool:
        """Whether it is open, and a room of its own surely may not show it."""
        rooms = {room for room in self.home[number] if room not in self.deaf and self.unsure.get(room, 0.0) < self.now()}
        sights = [self.ledger.sight(("room", room)) for room in rooms if self.ledger.certain(("room", room), self.now())]
        return number in self.unresolved and any(not self.setup.covers(one.clearance, self._level(number)) for one in sights)

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
