"""Keeps what each place of the leak matrix may be shown at which time, and judges what it was shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tests.stories.leaks import GRACE, Piece, Sight, marks
from tests.stories.leaks_places import Caught, Place


class Leak(Exception):
    """Something stands where it may not."""


class Withheld(Exception):
    """Something does not stand where it may and should."""


@dataclass
class Tally:
    """What was looked at. `looks`: things that left Tocsin, or stood somewhere, each searched for the marks of every piece there
    was. `cases`: pieces x places x moments. `found`: marks that stood where they may, by way out.
    """

    stories: int = 0
    moments: int = 0
    looks: int = 0
    cases: int = 0
    forbidden: int = 0
    found: Counter[str] = field(default_factory=Counter)
    ops: Counter[str] = field(default_factory=Counter)

    @property
    def allowed(self) -> int:
        return self.cases - self.forbidden

    def __str__(self) -> str:
        found = ", ".join(f"{count} in {way}" for way, count in self.found.most_common(6))
        what = f"{self.cases} cases ({self.forbidden} where nothing may be shown)"
        where = f"in {self.moments} moments of {self.stories} stories; {self.looks} texts read"
        return f"{what} {where}, marks where they may be: {found}"

    def add(self, other: Tally) -> None:
        self.stories += other.stories
        self.moments += other.moments
        self.looks += other.looks
        self.cases += other.cases
        self.forbidden += other.forbidden
        self.found += other.found
        self.ops += other.ops


class Ledger:
    def __init__(self) -> None:
        self.pieces: dict[int, Piece] = {}
        self.levels: Mapping[int, str] = {}
        self.tally = Tally()
        self._sights: dict[Place, list[Sight]] = {}
        self._waiting: list[Caught] = []
        self._looked_at: set[Place] = set()

    def know(self, place: Place, sight: Sight, now: float, believed: Iterable[Sight] = ()) -> None:
        """From now on this is what the place may be shown; what it might before, for GRACE seconds more.

        `believed`: what Tocsin may take it for, each until a time, because nobody told it better.
        """
        known = self._sights.setdefault(place, [])
        if known and replace(known[-1], until=sight.until) == sight:
            before = known[:-1]
        else:
            before = [replace(one, until=min(one.until, now + GRACE)) for one in known]
        before = [one for one in before if one.until >= now - 60.0]
        self._sights[place] = [*before, *(one for one in believed if one not in before), sight]

    def hurry(self, place: Place, now: float) -> None:
        """Tocsin was told to look: what is over for the place is so within the usual time."""
        *before, last = self._sights[place]
        self._sights[place] = [*(replace(one, until=min(one.until, now + GRACE)) for one in before), last]

    def sight(self, place: Place) -> Sight:
        """What it may be shown now, with nothing allowed for drift."""
        return self._sights[place][-1]

    def certain(self, place: Place, now: float) -> bool:
        """Whether nothing that it might be shown before counts any more."""
        return all(one.until < now for one in self._sights[place][:-1])

    def catch(self, caught: Caught) -> None:
        self._waiting.append(caught)

    def judge(self) -> None:
        """All that was caught since. Raises Leak."""
        waiting, self._waiting = self._waiting, []
        for caught in waiting:
            self.tally.looks += 1
            self._looked_at.add(caught.place)
            self._judge(caught)

    def _judge(self, caught: Caught) -> None:
        sights = [one for one in self._sights.get(caught.place, ()) if one.until >= caught.at]
        for number, kind, start in marks(caught.text):
            piece = self.pieces.get(number)
            taken_for = [piece, replace(piece, level=piece.before[0])] if piece and caught.at <= piece.before[1] else [piece]
            if not any(one and sight.allows(one, kind) for sight in sights for one in taken_for):
                raise Leak(self._told(caught, number, kind, start, sights))
            self.tally.found[caught.way.partition(" ")[0] if caught.place[0] != "room" else "card"] += 1

    def _told(self, caught: Caught, number: int, kind: str, start: int, sights: Iterable[Sight]) -> str:
        piece = self.pieces.get(number)
        hidden = f", in which {kind} is hidden" if kind else ""
        shown = [f"{one.clearance}{f', granted {dict(one.granted)}' if one.granted else ''}" for one in sights]
        return "\n".join([
            f"{caught.way} shows {piece.what if piece else 'something unknown'} (piece {number}{hidden})",
            f"  level: {piece.level if piece else '?'}, of incident {sorted(piece.incidents) if piece else '?'}",
            f"  place: {' '.join(caught.place)}, which is cleared for {' or '.join(shown) or 'nothing'}",
            f"  there: …{caught.text[max(0, start - 160) : start + 60]}…",
        ])  # fmt: skip

    def count(self) -> None:
        """One moment more."""
        self.tally.moments += 1
        for place in self._looked_at:
            sight = self._sights.get(place, [None])[-1]
            self.tally.cases += len(self.pieces)
            self.tally.forbidden += sum(sight is None or not sight.allows(piece, "") for piece in self.pieces.values())
        self._looked_at.clear()
