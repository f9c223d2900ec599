"""On what grounds somebody sees an alert: what of a config decides it, and the answer, with what chats said of channels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from rules.access import Group, Person, Sensitivity, Strict
from rules.channel import Channel
from rules.route import Route, compile_tree, route_alert
from rules.standing import Standing, needs_asking


class ChatKind(Strict):
    """What of a chat matters here: its type, and under which key groups name its own groups."""

    type: str
    group_key: str = ""


class Grounds(Strict):
    """What of a config decides who sees what. No secret is in it."""

    people: dict[str, Person]
    groups: dict[str, Group]
    chats: dict[str, ChatKind]
    channels: dict[str, Channel]
    sensitivity: Sensitivity
    route: Route


class Joined(NamedTuple):
    """Who is in a group of the config as a chat says: account -> name."""

    group: str
    chat: str
    members: Mapping[str, str]


class Reader(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody who sees it. `key`: of `people`, else `CHAT:ACCOUNT`, or a role of the platform as `role ID`. `by`: through which
    groups; none is no member of the audience.
    """

    key: str
    name: str = ""
    by: tuple[str, ...] = ()


class Place(msgspec.Struct, frozen=True):
    """A channel that such an alert goes to. `full`: in full, else as a stub. `readers`: who, if the chat was asked."""

    channel: str
    full: bool
    why: str
    readers: tuple[Reader, ...] = ()


class Sight(msgspec.Struct, frozen=True):
    """Who sees an alert: in channels, and, being cleared, by asking for it."""

    level: str
    routes: tuple[str, ...]
    places: tuple[Place, ...]
    cleared: tuple[Reader, ...]


def sight(grounds: Grounds, labels: Mapping[str, str], standings: Mapping[str, Standing], joined: Iterable[Joined]) -> Sight:
    """Who sees an alert with just these labels. `standings`: by channel."""
    level = grounds.sensitivity.of(labels)
    taken = route_alert(compile_tree(grounds.route), labels)
    told = list(joined)
    members = {name: dict(_members(grounds, name, told)) for name in grounds.groups}
    own = dict.fromkeys(name for node in taken for name in node.channels)
    others = dict.fromkeys(name for node in taken for name in node.withheld_to)
    places = [_place(grounds, name, level, standings.get(name), members) for name in own]
    if not all(place.full for place in places):
        places += [_place(grounds, name, level, standings.get(name), members) for name in others if name not in own]
    return Sight(level, tuple(node.id for node in taken), tuple(places), tuple(_cleared(grounds, level, members)))


Members = Mapping[str, Mapping[str, str]]
"""Group -> key -> name."""


def _members(grounds: Grounds, group: str, joined: Iterable[Joined]) -> Iterator[tuple[str, str]]:
    for key in grounds.groups[group].members:
        yield key, grounds.people[key].name
    for told in joined:
        if told.group == group and told.chat in grounds.chats:
            yield from (_person(grounds, told.chat, account, name) for account, name in told.members.items())


def _person(grounds: Grounds, chat: str, account: str, name: str = "") -> tuple[str, str]:
    """(key, name) of who has this account; the console knows people by key."""
    kind = grounds.chats[chat].type
    for key, person in grounds.people.items():
        if account == (person.account(kind) or (key if kind == "console" else None)):
            return key, person.name
    return f"{chat}:{account}", name


def _cleared(grounds: Grounds, level: str, members: Members) -> Iterator[Reader]:
    groups = [name for name, group in grounds.groups.items() if grounds.sensitivity.may_see(group.clearance, level)]
    names = {key: name for group in groups for key, name in members[group].items()}
    for key in sorted(names):
        yield Reader(key, names[key], tuple(group for group in groups if key in members[group]))


def _place(grounds: Grounds, name: str, level: str, standing: Standing | None, members: Members) -> Place:
    channel, may_see = grounds.channels[name], grounds.sensitivity.may_see
    if not may_see(channel.clearance, level):
        return Place(name, False, f"its clearance is {channel.clearance}")
    if not needs_asking(channel, grounds.sensitivity):
        return Place(name, True, "for whoever is in it: its level needs no proof")
    if standing is None:
        return Place(name, not grounds.sensitivity.needs_proof(level), "nothing is known of who is in it")
    why = ", ".join(f"{one.kind.value} {one.who}".strip() for one in standing.breaches) or "verified"
    return Place(name, may_see(standing.clearance, level), why, tuple(_readers(grounds, channel, standing, members)))


def _readers(grounds: Grounds, channel: Channel, standing: Standing, members: Members) -> Iterator[Reader]:
    audience = [group for group in grounds.groups if not channel.audience or group in channel.audience]
    names = {key: name for group in members.values() for key, name in group.items()}
    if grounds.chats[channel.chat].type == "console":  # nobody is in there, who may look can look
        for key in sorted({key for group in audience for key in members[group]}):
            yield Reader(key, names[key], tuple(group for group in audience if key in members[group]))
    for account in standing.members:
        key, name = _person(grounds, channel.chat, account)
        yield Reader(key, name or names.get(key, ""), tuple(group for group in audience if key in members[group]))
    group_key = grounds.chats[channel.chat].group_key
    for role in standing.roles:
        by = tuple(group for group in audience if group_key and grounds.groups[group].on(group_key) == role)
        yield Reader(f"role {role}", "its administrators" if role in standing.administrators else "", by)
