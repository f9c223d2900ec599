"""The config as the engine asks it: compiled once per load, never changed; a reload makes a new one."""

from __future__ import annotations

import hashlib
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Protocol

import msgspec
from msgspec.structs import replace

from bot.config import Config
from bot.notice import ALSO_IN
from bot.roster import PlatformGroup, Roster
from bot.secrets import token_matches
from rules.access import Caller, Person, caller_of, may, who_may
from rules.alert import OWN_SOURCE, Alert
from rules.card import Ping
from rules.channel import Channel
from rules.incident import Incident, Timing
from rules.interval import next_change
from rules.mute import (
    NEVER,
    Inhibition,
    Mute,
    Silence,
    Sources,
    inhibits,
    muted_by_inhibition,
    muted_by_silence,
    muted_by_time_interval,
    silenced_from,
)  # fmt: skip
from rules.redact import Redactor
from rules.route import Node, Route, compile_tree, route_alert
from rules.standing import Audience, Standing, unproven


class Merits(Protocol):
    """What channels merit: bot.standings.Standings."""

    def of(self, name: str) -> Standing: ...

    def expected(self, name: str) -> Standing: ...


class Policy:
    """What the config says of an alert, an incident, a person."""

    def __init__(self, config: Config, roster: Roster | None = None, merits: Merits | None = None) -> None:
        """`roster`: who is in the groups of the platforms; without one, nobody is.

        `merits`: what channels merit; without it, each its clearance.
        """
        self.config, self._merits = config, merits
        self.roster = roster or Roster(lambda: 0.0)
        self.root = compile_tree(config.route)
        self.own = _own_node(config, self.root)
        self.nodes: Mapping[str, Node] = {node.id: node for node in (self.own, *self.root.walk())}
        self.sensitivity = config.sensitivity
        self.redactor = _redactor(config)
        self.channels: Mapping[str, Channel] = config.channels
        self.inhibitions: Sequence[Inhibition] = config.inhibit
        self.names: Mapping[str, str] = ChainMap({key: person.name for key, person in config.people.items()}, self.roster.names)
        """What people are called, by their key, also those of whom only a chat knows."""
        self.platform_groups = tuple(_platform_groups(config))
        self._clock_mutes: dict[str, tuple[float, Mute | None, float]] = {}

    @cached_property
    def inhibitions_digest(self) -> str:
        """Names the inhibition rules: stored with what was computed from them."""
        return hashlib.sha256("\n".join(rule.model_dump_json() for rule in self.inhibitions).encode()).hexdigest()[:16]

    def timing(self, route: str) -> Timing:
        """The timing of an incident's route; the root's if the route is gone from the config."""
        return self.nodes.get(route, self.root).timing

    @property
    def longest_wait(self) -> float:
        """Seconds that the card of any route waits at most, as its timing says."""
        return max(max(node.timing.group_wait, node.timing.group_interval) for node in self.nodes.values())

    def node(self, route: str) -> Node:
        return self.nodes.get(route, self.root)

    def caller(self, person: str) -> Caller:
        """What is known of a person's key now; a stranger for an unknown one."""
        accounts = self.accounts(person)
        joined = {one.name for one in self.platform_groups if accounts.get(one.chat) in self.roster.members(one.chat, one.id)}
        people = self.config.people
        if joined and person not in people:
            people = {person: Person.model_validate({"name": self.names.get(person, person)})}
        return caller_of(person, people, self.config.groups, self.sensitivity, joined)

    def accounts(self, person: str) -> Mapping[str, str]:
        """Chat -> account of a person's key, where they have one; the console has none but the key."""
        known, (chat, _, account) = self.config.people.get(person), person.partition(":")
        if known is None:
            return {chat: account} if chat in self.config.chats else {}
        return {name: found for name, chat_config in self.config.chats.items() if (found := known.account(chat_config.type))}

    def may_see(self, caller: Caller, level: str) -> bool:
        return self.sensitivity.may_see(caller.clearance, level)

    def routes_of(self, alert: Alert) -> list[Node]:
        """The routes that take an alert, never none. Tocsin's own alerts go to the admins' channel, whatever the routes say."""
        if alert.source != OWN_SOURCE:
            return route_alert(self.root, alert.labels)
        also = alert.annotations.get(ALSO_IN, "")
        channels = dict.fromkeys([*self.own.channels, *([also] if also in self.channels else [])])
        return [replace(self.own, channels=tuple(channels))]

    def person_of(self, chat: str, account: str) -> str:
        """The key of the person with this account on a chat; empty for somebody unknown. The console knows people by key.

        Who is not in `people`, but in a group that the chat told us of, is `chat:account`.
        """
        kind = self.config.chats[chat].type
        if kind == "console":
            return account if account in self.config.people else ""
        if key := next((key for key, person in self.config.people.items() if person.account(kind) == account), ""):
            return key
        joined = any(account in self.roster.members(chat, one.id) for one in self.platform_groups if one.chat == chat)
        return f"{chat}:{account}" if joined else ""

    def pings(self, channel: Channel, severity: str) -> tuple[Ping, ...]:
        """Whom a new card of this severity (its name) calls in a channel. The config saw to it that each has an id there."""
        chat = self.config.chats[channel.chat]
        called = []
        for name in channel.mention.get(severity, ()):  # type: ignore[call-overload] # a severity's name is one of the keys
            group = self.config.groups.get(name)
            found = group.on(chat.group_key) if group else self.config.people[name].account(chat.type)
            called.append(Ping(found or "", group=group is not None))
        return tuple(called)

    def person_of_token(self, token: str) -> str | None:
        """Whose token this is. Compares with every token in constant time."""
        found = None
        for key, person in self.config.people.items():
            if person.token and token_matches(token, person.token.get_secret_value()):
                found = key
        return found

    def key_now(self, person: str) -> str:
        """The key of somebody of whom once only a chat knew: that of `people` if they were written down there since."""
        chat, _, account = person.partition(":")
        if person in self.config.people or chat not in self.config.chats:
            return person
        return self.person_of(chat, account) or person

    def person_called(self, name: str) -> str | None:
        """The key of a person by key, name, or account on a chat (as a mention is written), in any case.

        People of whom only a chat knows are found by key or account alone: they choose their names there themselves.
        """
        wanted = name.casefold()
        for key, person in self.config.people.items():
            accounts = [str(account) for account in person.__pydantic_extra__.values()]
            if wanted in (one.casefold() for one in (key, person.name, *accounts)):
                return key
        found = (f"{one.chat}:{account}" for one in self.platform_groups for account in self.roster.members(one.chat, one.id))
        return next((key for key in found if wanted in (key.casefold(), key.partition(":")[2].casefold())), None)

    def may(self, caller: Caller, verb: str, labels: Mapping[str, str]) -> bool:
        return may(caller, verb, labels, self.config.permissions)

    def who_may(self, verb: str, labels: Mapping[str, str]) -> tuple[str, ...]:
        return who_may(verb, labels, self.config.permissions)

    def may_read(self, person: str, channel: Channel) -> bool:
        """Whether a person belongs to the channel's audience; no audience means everybody known."""
        caller = self.caller(person)
        return bool(caller.groups.intersection(channel.audience)) if channel.audience else bool(caller.key)

    def audience(self, channel: Channel) -> Audience:
        """Who may be in a channel, in its chat's own ids; no audience means everybody known. The console knows people by key."""
        on_console = self.config.chats[channel.chat].type == "console"
        people = [key for key in self.config.people if self.may_read(key, channel)]
        accounts = {key if on_console else self.accounts(key).get(channel.chat, "") for key in people}
        groups = self._groups_in(channel)
        told = [account for one in groups for account in self.roster.members(one.chat, one.id)]
        return Audience(frozenset({*accounts, *told} - {""}), frozenset(one.id for one in groups))

    def knows_audience(self, channel: Channel) -> bool:
        """Whether its chat told who is in each group of the channel's audience."""
        return all(self.roster.knows(one.chat, one.id) for one in self._groups_in(channel))

    def _groups_in(self, channel: Channel) -> list[PlatformGroup]:
        here = [one for one in self.platform_groups if one.chat == channel.chat]
        return [one for one in here if one.name in channel.audience] if channel.audience else here

    def storm_after(self, name: str) -> float:
        """Within how many seconds a channel's posts must be shown, or else one card carries them."""
        own = self.channels[name].storm_after
        return self.config.storm_after if own is None else own

    def clearance(self, name: str) -> str | None:
        """The highest level that a channel may show now; None: not even the lowest, or there is no such channel."""
        if self._merits:
            return self._merits.of(name).clearance
        channel = self.channels.get(name)
        return channel.clearance if channel else None

    def shows(self, name: str, level: str) -> bool:
        """Whether a channel may show something of this level now."""
        return self.sensitivity.may_see(self.clearance(name), level)

    def expects(self, name: str, level: str) -> bool:
        """The same for plans: a channel whose chat is just being asked is taken for what it was."""
        if self.sensitivity.may_see(self._unproven.get(name), level):
            return True  # whatever its chat says
        if self._merits and name in self.channels:
            return self.sensitivity.may_see(self._merits.expected(name).clearance, level)
        return self.shows(name, level)

    @cached_property
    def stand_ins(self) -> frozenset[str]:
        """The channels that are somebody's fallback."""
        return frozenset(channel.fallback for channel in self.channels.values() if channel.fallback)

    @cached_property
    def _unproven(self) -> Mapping[str, str | None]:
        """What each channel may show without proof."""
        return {name: unproven(channel.clearance, self.sensitivity) for name, channel in self.channels.items()}

    def level_of(self, alert: Alert) -> str:
        """How secret an alert is."""
        return self.own_level if alert.source == OWN_SOURCE else self.sensitivity.of(alert.labels)

    @property
    def own_level(self) -> str:
        """That of Tocsin's own alerts. They name no secret, and whoever is to hear of a channel in trouble must be able to."""
        return unproven(self.sensitivity.default, self.sensitivity) or self.sensitivity.levels[0]

    def mute(
        self, alert: Alert, node: Node, silences: Sequence[Silence], sources: Sources, now: float
    ) -> tuple[Mute | None, float]:
        """Why nobody is told of this alert on this route now, if so, and when to ask again (infinity: when something changes)."""
        by_clock, flips_at = self._by_clock(node, now)
        mute = (
            muted_by_silence(alert.labels, silences, now)
            or muted_by_inhibition(alert.labels, self.inhibitions, sources)
            or by_clock
        )
        return mute, min(flips_at, silenced_from(alert.labels, silences, now), mute.until if mute else NEVER)

    def _by_clock(self, node: Node, now: float) -> tuple[Mute | None, float]:
        """The mute by time interval, remembered until it can change."""
        known = self._clock_mutes.get(node.id)
        if known is None or not known[0] <= now < known[2]:
            names = (*node.route.mute_time_intervals, *node.route.active_time_intervals)
            intervals = self.config.time_intervals
            flips = [flip for name in names if (flip := next_change(intervals[name], now)) is not None]
            known = now, muted_by_time_interval(node, intervals, now), min(flips, default=NEVER)
            self._clock_mutes[node.id] = known
        return known[1], known[2]

    def inhibits(self, labels: Mapping[str, str]) -> str | None:
        """What an alert with these labels mutes, as its row says it: JSON [[place of the rule, mark]…], None for nothing."""
        marks = inhibits(labels, self.inhibitions) if self.inhibitions else []
        return msgspec.json.encode(marks).decode() if marks else None

    def destinations(self, incident: Incident) -> list[str]:
        """The channels of an incident: its own and, where one of those may not show it, those it is withheld to."""
        own = [name for name in incident.channels if name in self.channels]
        cleared = all(self.expects(name, incident.sensitivity) for name in own)
        withheld_to = () if cleared else self.node(incident.route).withheld_to
        return list(dict.fromkeys([*own, *withheld_to]))


def _platform_groups(config: Config) -> Iterator[PlatformGroup]:
    """The groups whose members a chat tells, once for each chat of that kind."""
    for name, group in config.groups.items():
        for chat, chat_config in config.chats.items():
            if chat_config.group_key and (found := group.on(chat_config.group_key)):
                yield PlatformGroup(name, chat, found)


def _redactor(config: Config) -> Redactor:
    found = {}
    if any(rule.name == "secret" for rule in config.redact):
        from bot.detectors import secrets  # only who asks for it pays for its library

        found["secret"] = secrets()
    return Redactor(config.redact, config.sensitivity, found)


def _own_node(config: Config, root: Node) -> Node:
    """The route of Tocsin's own alerts: to the admins' channel, else where everything else ends up."""
    channels = (config.admin.channel,) if config.admin.channel else root.channels
    timing = Timing(group_wait=0.0, resolve_after=0.0)
    return Node(OWN_SOURCE, Route.model_validate({}), channels, (), ("alertname", "about"), timing, ())
