"""Stories for the leak matrix, drawn by chance: a config, then what happens, as data that reads as a story."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rules.command import VERBS
from tests.stories.leaks import EVERYBODY, KEYS, KINDS, PEOPLE, Group, Room, Setup

LEVELS = (("public", "internal", "confidential", "restricted"), ("open", "closed", "secret"), ("low", "high"))
TEAMS = ("t0", "t1", "t2", "t3")
CLUSTERS = ("c0", "c1")
OTHERS = ("guest", "foreigner", "robot")
"""Accounts on a platform that are none of the people: two humans, and one that is none."""
READERS = ("ben", "cleo", "dan")
"""People who are not cleared for everything."""
SPANS = ("1s", "1m", "4m", "11m", "11m")
REDACTED = tuple(kind for kind in KINDS if kind)


@dataclass(frozen=True)
class Step:
    """One thing that happens. `rush`: the next one follows before anything has come to rest."""

    op: str
    args: Mapping[str, Any]
    rush: bool = False

    def __str__(self) -> str:
        told = ", ".join(f"{name}={_plain(value)}" for name, value in self.args.items())
        return f"{self.op}({told}){' and at once' if self.rush else ''}"


def _plain(value: Any) -> str:
    return f"\n      {value}" if isinstance(value, Setup) else repr(value)


@dataclass(frozen=True)
class Story:
    seed: str
    setup: Setup
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return "\n".join([f"story {self.seed}", f"  {self.setup}", *(f"  {n:2} {step}" for n, step in enumerate(self.steps))])


def draw_story(seed: str, chats: Sequence[str], length: int) -> Story:
    """`chats`: the names of those that there are."""
    dice = random.Random(seed)
    setup = draw_setup(dice, chats)
    teller = _Teller(dice, setup)
    begins, ends = teller.begins(), length - 7
    steps = [*begins, *(teller.step() for _ in range(ends - len(begins))), *teller.ends()]
    return Story(seed, setup, tuple(steps))


def draw_setup(dice: random.Random, chats: Sequence[str]) -> Setup:
    levels = dice.choices(LEVELS, (6, 3, 1))[0]
    groups = {
        "sre": Group(levels[-1], ("ana",)),
        "two": Group(dice.choice(levels), _some(dice, READERS, 1)),
        "three": Group(dice.choice(levels), _some(dice, READERS, 1), dice.choice(("", *KEYS))),
        "four": Group(dice.choice(levels), ("dan",), dice.choice(("", *KEYS))),
    }
    rooms = {"ops": Room(dice.choice(chats), levels[min(1, len(levels) - 2)], tuple(groups))}
    for chat in chats:
        rooms |= {f"{chat}{n}": Room(chat, _high(dice, levels), _audience(dice, groups)) for n in range(2)}
    return Setup(
        levels=levels,
        proof_from=dice.choices(levels, [1, *[4] * (len(levels) - 1)])[0],
        default=dice.choice(levels[:2]),
        rules=_rules(dice, levels),
        redact={kind: dice.choice(levels[1:]) for kind in _some(dice, REDACTED, 0)},
        groups=groups,
        rooms=rooms,
        routed=_some(dice, tuple(rooms), 2),
        withheld_to=_some(dice, tuple(rooms), 0)[: dice.randint(0, 2)],
        group_by=dice.choice(("alertname", "alertname", "cluster", "cluster", "team")),
        allowed=(
            (("*",), ("sre",)),
            (("ack", "note", "resolve", "snooze", "assign", "silence"), ("two",)),
            (("note", "ack"), ("three", "four")),
        ),
        approvals=_some(dice, ("silence", "resolve", "note", "ack"), 1) if dice.random() < 0.5 else (),
        reveal=(dice.choice(("two", "three")), dice.choice(levels)) if dice.random() < 0.7 else None,
    )


def _rules(dice: random.Random, levels: Sequence[str]) -> tuple[tuple[tuple[str, ...], str], ...]:
    return tuple((_some(dice, TEAMS, 1), dice.choice(levels)) for _ in range(dice.randint(1, 3)))


def _some(dice: random.Random, among: Sequence[str], least: int) -> tuple[str, ...]:
    chosen = set(dice.sample(list(among), dice.randint(least, len(among))))
    return tuple(one for one in among if one in chosen)


def _high(dice: random.Random, levels: Sequence[str]) -> str:
    """Mostly a level that is worth a look."""
    return dice.choices(levels, range(1, len(levels) + 1))[0]


def _audience(dice: random.Random, groups: Mapping[str, Group]) -> tuple[str, ...]:
    return ("sre", *_some(dice, [name for name in groups if name != "sre"], 0))


class _Teller:
    """Draws one step after another. `setup`: the config as it is by then."""

    def __init__(self, dice: random.Random, setup: Setup) -> None:
        self.dice, self.setup = dice, setup
        self.alerts: list[dict[str, Any]] = []
        self.pieces = 0

    def begins(self) -> list[Step]:
        """So that there is something to see: two alerts, words of Ana, a silence, and a group with everybody in it."""
        alerts = [self.fire(), self.fire()]
        words = [Step("types", {**self.types().args, "who": "ana", "verb": verb}) for verb in ("note", "silence")]
        return [*alerts, *words, self.group(EVERYBODY)]

    def ends(self) -> list[Step]:
        """What was let in is over: somebody came whom nobody told of, the glass was broken long ago, a group is empty."""
        rooms = [name for name, room in self.setup.rooms.items() if room.chat != "console"]
        came = {"room": self.dice.choice(rooms), "what": "join", "who": "eve", "told": False}
        ways = self.dice.sample((*KEYS, "console"), 3)
        looks = [Step("looks", {**self.looks().args, "who": who, "way": way}) for who, way in zip(READERS, ways, strict=True)]
        return [self.reveals(), Step("drift", came), Step("passes", {"span": "11m"}), self.group(()), *looks]

    def step(self) -> Step:
        dice = self.dice
        draw = dice.choices(
            (self.fire, self.again, self.resolve, self.drift, self.group, self.reload, self.restart, self.passes, self.types,
             self.reveals, self.looks, self.strangers),
            (4, 2, 1, 8, 2, 3, 0.4, 3, 8, 2, 4, 1),
        )[0]  # fmt: skip
        step: Step = draw()
        return replace(step, rush=dice.random() < 0.15 and step.op != "passes")

    def piece(self) -> int:
        self.pieces += 1
        return self.pieces

    def kinds(self) -> tuple[str, ...]:
        """Mostly those that the config hides."""
        return _some(self.dice, [*self.setup.redact, self.dice.choice(REDACTED)], 0)

    def fire(self) -> Step:
        dice = self.dice
        alert = {
            "piece": self.piece(), "source": dice.choice(("prometheus", "prometheus", "scripts")), "team": dice.choice(TEAMS),
            "cluster": dice.choice(CLUSTERS), "severity": dice.choice(("critical", "high", "low")), "kinds": self.kinds(),
        }  # fmt: skip
        self.alerts.append(alert)
        return Step("fire", alert)

    def again(self) -> Step:
        """The same alert says something else."""
        about = self.dice.choice(self.alerts)
        return Step("again", {**about, "about": about["piece"], "piece": self.piece(), "kinds": self.kinds()})

    def resolve(self) -> Step:
        return Step("resolve", self.dice.choice(self.alerts))

    def drift(self) -> Step:
        """Something happens to a room that matters, or that does not."""
        dice = self.dice
        room = dice.choice([name for name, room in self.setup.rooms.items() if room.chat != "console"])
        what = dice.choices(("join", "leave", "share", "archive", "publish", "deaf"), (8, 4, 2, 1, 1, 1))[0]
        args: dict[str, Any] = {"room": room, "what": what}
        if what in ("join", "leave"):
            args["who"] = dice.choice((*EVERYBODY, *OTHERS))
        else:
            args["on"] = dice.random() < 0.5
        return Step("drift", {**args, "told": what == "deaf" or dice.random() < 0.8})

    def group(self, people: tuple[str, ...] | None = None) -> Step:
        told = [name for name, group in self.setup.groups.items() if group.told_by]
        if not told:
            return self.drift()
        chosen = _some(self.dice, EVERYBODY, 0) if people is None else people
        return Step("group", {"name": self.dice.choice(told), "people": chosen})

    def restart(self) -> Step:
        return Step("restart", {})

    def passes(self) -> Step:
        return Step("passes", {"span": self.dice.choice(SPANS)})

    def reload(self) -> Step:
        """The config changes in one or two places."""
        for _ in range(self.dice.randint(1, 2)):
            change = self.dice.choice(
                (self._room, self._group, self._words, self._proof, self._ways, self._rights, self._secrets)
            )
            self.setup = change(self.setup)
        return Step("reload", {"setup": self.setup})

    def _room(self, setup: Setup) -> Setup:
        dice, name = self.dice, self.dice.choice([one for one in setup.rooms if one != "ops"])
        room = setup.rooms[name]
        room = dice.choice(
            (replace(room, clearance=dice.choice(setup.levels)), replace(room, audience=_audience(dice, setup.groups)))
        )
        return replace(setup, rooms={**setup.rooms, name: room})

    def _group(self, setup: Setup) -> Setup:
        dice, name = self.dice, self.dice.choice(("two", "three", "four"))
        group = setup.groups[name]
        people = _some(dice, READERS, 1)
        group = dice.choice((replace(group, clearance=dice.choice(setup.levels)), replace(group, members=people)))
        return replace(setup, groups={**setup.groups, name: group})

    def _words(self, setup: Setup) -> Setup:
        dice = self.dice
        return replace(setup, redact={kind: dice.choice(setup.levels[1:]) for kind in _some(dice, REDACTED, 0)})

    def _proof(self, setup: Setup) -> Setup:
        return replace(setup, proof_from=self.dice.choice(setup.levels))

    def _ways(self, setup: Setup) -> Setup:
        rooms = tuple(setup.rooms)
        return replace(setup, routed=_some(self.dice, rooms, 2), withheld_to=_some(self.dice, rooms, 0)[:2])

    def _secrets(self, setup: Setup) -> Setup:
        """Not where people wait for each other: what a request's card quoted while it was open to all, it goes on quoting."""
        return setup if setup.approvals else replace(setup, rules=_rules(self.dice, setup.levels))

    def _rights(self, setup: Setup) -> Setup:
        dice = self.dice
        return replace(setup, reveal=(dice.choice(("two", "three")), dice.choice(setup.levels)) if dice.random() < 0.7 else None)

    def types(self) -> Step:
        """Somebody types a line. What they may write about depends on what they see; so it is put together when it is."""
        dice = self.dice
        verb = VERBS[dice.choices(list(VERBS), [4 if verb.takes_incident else 1 for verb in VERBS.values()])[0]]
        way = dice.choice((*KEYS, "console", "api"))
        who = dice.choice(tuple(PEOPLE) if way in ("console", "api") else EVERYBODY)
        args = {"way": way, "who": who, "room": dice.choice(tuple(self.setup.rooms)), "verb": verb.name, "piece": self.piece(),
                "about": dice.choice(self.alerts)["piece"], "kinds": self.kinds(), "dice": dice.randrange(1000)}  # fmt: skip
        return Step("types", args)

    def reveals(self) -> Step:
        """Somebody breaks the glass, or tries to."""
        step = self.types()
        return Step("types", {**step.args, "verb": "reveal", "who": self.dice.choice(READERS)})

    def looks(self) -> Step:
        """Somebody looks at everything there is for them on a chat, and helps themselves to all that it offers."""
        dice, way = self.dice, self.dice.choice((*KEYS, "console", "api"))
        who = dice.choice(tuple(PEOPLE) if way in ("console", "api") else EVERYBODY)
        return Step("looks", {"way": way, "who": who, "room": dice.choice(tuple(self.setup.rooms)), "dice": dice.randrange(1000)})

    def strangers(self) -> Step:
        return Step("strangers", {})
