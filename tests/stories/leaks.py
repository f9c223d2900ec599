"""The leak matrix, as its own judge reads the world: what a config allows, who is cleared for what, what stands in a text.

Nothing here asks the product. What a channel merits comes from the platform's own state, what a person may see from the config
that the test wrote, and what is a secret from the marks that the test planted.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

PEOPLE = {"ana": "Ana Petrova", "ben": "Ben Okafor", "cleo": "Cleo Marsh", "dan": "Dan Li"}
"""Those whom the config knows. Gus is known to groups of platforms at most, eve to nobody."""
EVERYBODY = (*PEOPLE, "gus", "eve")
GRACE = 3.0
"""Seconds that a drift may take until nothing more is sent that it forbids."""
VERIFY_EVERY = 600.0


@dataclass(frozen=True)
class Group:
    """`told_by`: the chat that tells who else is in it, if one does."""

    clearance: str
    members: tuple[str, ...] = ()
    told_by: str = ""


@dataclass(frozen=True)
class Room:
    """A channel. Its id on its platform is its name."""

    chat: str
    clearance: str
    audience: tuple[str, ...]


@dataclass(frozen=True)
class Setup:
    """One config. `rules`: teams and the level of their alerts. `redact`: kind of text -> below which level it is hidden."""

    levels: tuple[str, ...]
    proof_from: str
    default: str
    rules: tuple[tuple[tuple[str, ...], str], ...]
    redact: Mapping[str, str]
    groups: Mapping[str, Group]
    rooms: Mapping[str, Room]
    routed: tuple[str, ...]
    withheld_to: tuple[str, ...]
    group_by: str
    allowed: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    approvals: tuple[str, ...] = ()
    reveal: tuple[str, str] | None = None

    def rank(self, level: str) -> int:
        return self.levels.index(level)

    def highest(self, levels: Sequence[str]) -> str:
        return max(levels, key=self.rank)

    def covers(self, clearance: str | None, level: str) -> bool:
        return clearance is not None and self.rank(clearance) >= self.rank(level)

    def level_of(self, team: str) -> str:
        return self.highest([self.default, *(level for teams, level in self.rules if team in teams)])

    def unproven(self, clearance: str) -> str | None:
        """The highest level of a channel of which nothing is known."""
        free = self.levels[: self.rank(self.proof_from)]
        return min(clearance, free[-1], key=self.rank) if free else None

    def yaml(self, chats: str) -> str:
        """`chats`: the lines of the chats."""
        return "\n".join([
            "public_url: http://tocsin.example", "chats:", chats, "people:",
            *(_person(key, name) for key, name in PEOPLE.items()),
            "groups:", *(f"  {name}: {_group(name, group)}" for name, group in self.groups.items()),
            "permissions:", *(f"  - {{allow: {_list(verbs)}, groups: {_list(who)}}}" for verbs, who in self.allowed),
            "channels:", *(f"  {name}: {{chat: {room.chat}, id: \"{room_id(room.chat, name)}\", clearance: {room.clearance}, "
                           f"audience: {_list(room.audience)}}}" for name, room in self.rooms.items()),
            "sources:", "  prometheus: {type: alertmanager, auth: {bearer: token-of-prometheus}}",
            "  scripts: {type: generic, auth: {bearer: token-of-scripts}, links: {source: url, wiki: wiki}}",
            "sensitivity:", f"  levels: {_list(self.levels)}", f"  verified_from: {self.proof_from}",
            f"  default: {self.default}",
            f"  verify_every: {VERIFY_EVERY:g}s", "  rules:",
            *(f"    - {{match: ['team=~\"{'|'.join(teams)}\"'], level: {level}}}" for teams, level in self.rules),
            "redact:" if self.redact else "redact: []", *(f"  - {{name: {kind}, below: {level}{MORE.get(kind, '')}}}"
                                                         for kind, level in self.redact.items()),
            *(["approvals:", f"  - {{verbs: {_list(self.approvals)}, groups: [sre, two]}}"] if self.approvals else []),
            *([f"reveal: {{groups: [{self.reveal[0]}], up_to: {self.reveal[1]}, lasts: 10m}}"] if self.reveal else []),
            "admin: {groups: [sre], channel: ops}",
            f"route: {{channels: {_list(self.routed)}, withheld_to: {_list(self.withheld_to)}, group_by: [{self.group_by}], "
            "group_wait: 0s, group_interval: 1s, resolve_after: 2s}",
        ])  # fmt: skip


REVEAL_LASTS = 600.0
MORE = {"hostname": ", domain: corp.example", "order": ", pattern: 'order-[a-z0-9]+'"}
KEYS = {"work": ("slack", "slack_usergroup"), "chat": ("httpchat", "httpchat_group"), "guild": ("discord", "discord_role")}
"""Under which keys the config names accounts and groups of a chat."""


def account(chat: str, person: str) -> str:
    """The id of a person on a chat: everybody has one, whether Tocsin knows of it or not."""
    return _id(chat, "U0", person) if chat in ("work", "guild") else f"account-of-{person}"


def room_id(chat: str, name: str) -> str:
    return _id(chat, "C0", name)


def group_id(chat: str, name: str) -> str:
    return _id(chat, "S0", name)


def _id(chat: str, kind: str, name: str) -> str:
    """Discord's are numbers."""
    return f"41771983{zlib.crc32((kind + name).encode()):010}" if chat == "guild" else f"{kind}{name.upper()}"


def _person(key: str, name: str) -> str:
    accounts = [f'{kind}: "{account(chat, key)}"' for chat, (kind, _) in KEYS.items()]
    return f"  {key}: {{name: {name}, token: token-of-{key}, {', '.join(accounts)}}}"


def _group(name: str, group: Group) -> str:
    told = f'{KEYS[group.told_by][1]}: "{group_id(group.told_by, name)}", ' if group.told_by else ""
    return f"{{{told}members: {_list(group.members)}, clearance: {group.clearance}}}"


def _list(words: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


Told = Mapping[str, frozenset[str]]
"""Who is in the groups that platforms tell of, by the name of the group: people, as the platforms themselves have it."""


def groups_of(setup: Setup, told: Told, chat: str, person: str) -> set[str]:
    """The groups of a person. Whoever the config does not know is somebody only on the chat whose group they are in."""
    known = person in PEOPLE
    return {
        name
        for name, group in setup.groups.items()
        if (known and person in group.members)
        or (group.told_by and (known or chat == group.told_by) and person in told.get(name, ()))
    }


def clearance_of(setup: Setup, told: Told, chat: str, person: str) -> str | None:
    mine = [setup.groups[name].clearance for name in groups_of(setup, told, chat, person)]
    return setup.highest(mine) if mine else None


@dataclass(frozen=True)
class Truth:
    """Who can read a room, as its platform itself has it. `humans`: people, or ids of those who are none of `EVERYBODY`."""

    private: bool = True
    shared: bool = False
    archived: bool = False
    humans: frozenset[str] = frozenset()


def merit(setup: Setup, told: Told, name: str, truth: Truth) -> str | None:
    """What a room may show if everything about it is known."""
    room = setup.rooms[name]
    if setup.rank(room.clearance) < setup.rank(setup.proof_from):
        return room.clearance
    audience = {one for one in EVERYBODY if groups_of(setup, told, room.chat, one) & set(room.audience)}
    sound = truth.private and not truth.shared and not truth.archived and truth.humans <= audience
    return room.clearance if sound else setup.unproven(room.clearance)


# --- what stands in texts ---------------------------------------------------------------------------------------------

KINDS = {
    "": r"kqz(\d{3})", "email": r"kqm(\d{3})", "hostname": r"kqh(\d{3})", "order": r"kqo(\d{3})", "secret": r"kqs(\d{3})",
    "ip": r"(?<![\d.])10\.77\.(\d\.\d{1,2})(?![\d.])", "card_number": r"4111(?: |\+|%20)?1100(?: |\+|%20)?0(\d{3})",
}  # fmt: skip
"""How a mark of each kind of text looks like; it holds the number of its piece. The first is in every field of every piece."""
_MARK = re.compile("|".join(f"(?:{pattern})" for pattern in KINDS.values()))


def text(number: int, where: str, kinds: Sequence[str] = ()) -> str:
    """A text of that piece. `where`: the field it is for, which shows when it is found where it should not be."""
    many = {
        "email": f"kqm{number:03}@mail.example",
        "hostname": f"kqh{number:03}.corp.example",
        "order": f"order-kqo{number:03}",
        "secret": f"ghp_kqs{number:03}{'A1b2C3d4' * 4}"[:40],
        "ip": f"10.77.{number // 100}.{number % 100}",
        "card_number": _card(number),
    }
    return " ".join([f"kqz{number:03}{where}", *(many[kind] for kind in kinds)])


def _card(number: int) -> str:
    """A card number with a good checksum."""
    digits = f"411111000{number:03}000"
    doubled = (int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(digits))
    total = sum(one - 9 if one > 9 else one for one in doubled)
    whole = f"{digits}{-total % 10}"
    return " ".join(whole[i : i + 4] for i in range(0, 16, 4))


def marks(found: str) -> Iterator[tuple[int, str, int]]:
    """(piece, kind, place in the text) of every mark there is."""
    for match in _MARK.finditer(found):
        kind, digits = next((kind, one) for kind, one in zip(KINDS, match.groups(), strict=True) if one)
        yield int("".join(f"{int(part):02}" if i else part for i, part in enumerate(digits.split(".")))), kind, match.start()


@dataclass
class Piece:
    """Something secret: what one report of an alert says, or what a person typed. `incidents`: the numbers it belongs to.

    `level`: by the rules as they are; until the end of `before` it may be taken for what it was. `kinds`: what may be hidden
    in it. `alert`: which it is a report of, if it is one, of that `team`. `peak`: the level that it makes its incident.
    """

    level: str
    what: str
    incidents: set[int] = field(default_factory=set)
    kinds: tuple[str, ...] = ()
    alert: int = 0
    team: str = ""
    peak: str = ""
    before: tuple[str, float] = ("", 0.0)


@dataclass(frozen=True)
class Sight:
    """What a place may be shown, from a time on and up to `until`. `granted`: incident -> level that it counts as there."""

    setup: Setup
    clearance: str | None
    granted: Mapping[int, str] = field(default_factory=dict)
    until: float = float("inf")

    def allows(self, piece: Piece, kind: str) -> bool:
        clearances = [self.clearance, *(level for number, level in self.granted.items() if number in piece.incidents)]
        return any(self.setup.covers(one, piece.level) and self.shows(kind, one) for one in clearances)

    def shows(self, kind: str, clearance: str | None) -> bool:
        below = self.setup.redact.get(kind)
        return below is None or self.setup.covers(clearance, below)
