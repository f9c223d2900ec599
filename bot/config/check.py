"""The tests that stand in the configuration, and what looks like a mistake but is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import msgspec

from bot.config.case import Case
from bot.config.decision import Decision, decide
from bot.config.model import Config
from rules.route import Node, compile_tree


class Failure(msgspec.Struct, frozen=True):
    """One expectation that does not hold. `place` counts the tests from 0; `aspect`: channels, muted, …"""

    place: int
    case: Case
    aspect: str
    expected: str
    got: str
    decision: Decision


def run_tests(config: Config) -> list[Failure]:
    """Every expectation of the config's `tests` that does not hold."""
    return [failure for place, case in enumerate(config.tests) for failure in _run(config, place, case)]


def _run(config: Config, place: int, case: Case) -> Iterator[Failure]:
    decision = decide(config, case.alert, case.at)
    for aspect in case.expect.model_fields_set:
        expected = getattr(case.expect, aspect)
        if expected is None:
            continue
        fits, got = _compare(aspect, expected, decision)
        if not fits:
            yield Failure(place, case, aspect, _shown(expected), got, decision)


def _compare(aspect: str, expected: object, decision: Decision) -> tuple[bool, str]:
    """Whether it is as expected, and how it is."""
    if aspect in ("channels", "withheld"):
        names: tuple[str, ...] = getattr(decision, aspect)
        return isinstance(expected, tuple) and set(names) == set(expected), _shown(names)
    if aspect == "muted":
        kind = decision.mute.kind.value if decision.mute else ""
        return expected in (bool(kind), kind), _shown(kind or False)
    if aspect == "sensitivity":
        return decision.sensitivity == expected, decision.sensitivity
    groups = [taken.group for taken in decision.taken]
    return expected in groups, " or ".join(map(_shown, groups))


def _shown(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return ", ".join(sorted(map(str, value))) or "none"
        case dict():
            return ", ".join(f"{name}={text}" for name, text in value.items()) or "no labels"
    return str(value)


LOOPBACK = ("127.", "localhost:", "[::1]:")


def warnings(config: Config) -> list[str]:
    """What an ops person should know before it is too late; each a sentence."""
    root = compile_tree(config.route)
    found = _nobody_to_approve(config), _unreachable(root), _unused_channels(config, root), _weak_fallbacks(config)
    return [*front_door(config), *chain(*found)]


def front_door(config: Config) -> Iterator[str]:
    """What is allowed, but lets strangers do or read more than one may think: said at every start, too."""
    for name, source in config.sources.items():
        if source.auth.none:
            yield f"sources.{name}: anybody who can reach {config.listen} can send alerts to it (auth: none)"
    https = config.public_url.startswith("https://")
    if https and not config.tls and not config.trusted_proxies:
        yield (
            "public_url is https, but there is neither `tls` nor `trusted_proxies`: behind a proxy, all senders and people "
            "seem to have its address"
        )
    if not https and not config.listen.startswith(LOOPBACK):
        yield f"public_url: what comes to {config.listen} crosses the network in plain text, tokens too: set `tls` or use a proxy"


def _nobody_to_approve(config: Config) -> Iterator[str]:
    """Rules that nobody could approve who asked: a group that a chat tells may hold anybody."""
    keys = {chat.group_key for chat in config.chats.values()} - {""}
    for i, rule in enumerate(config.approvals):
        groups = [config.groups[name] for name in rule.groups]
        people = {member for group in groups for member in group.members}
        if len(people) < 2 and not any(group.on(key) for group in groups for key in keys):
            alone = f"only {people.pop()}" if people else "nobody"
            yield f"approvals[{i}]: {alone} may approve, and never what they asked for themselves"


def _unreachable(node: Node) -> Iterator[str]:
    """Children behind a sibling that takes everything they match."""
    for i, child in enumerate(node.children):
        mine = set(map(str, child.route.match))
        for earlier in node.children[:i]:
            if not earlier.route.continue_ and mine.issuperset(map(str, earlier.route.match)):
                yield f"route {child.id}: no alert can reach it, because route {earlier.id} before it takes them all"
                break
        else:
            yield from _unreachable(child)


def _unused_channels(config: Config, root: Node) -> Iterator[str]:
    used = {name for node in root.walk() for name in (*node.channels, *node.withheld_to)} | {config.admin.channel}
    used |= {channel.fallback for channel in config.channels.values()}
    for name in config.channels:
        if name not in used:
            yield f"channels.{name}: no route leads to it"


def _weak_fallbacks(config: Config) -> Iterator[str]:
    """Fallbacks that fall with what they stand in for, or that may show less."""
    for name, channel in config.channels.items():
        if channel.fallback is None:
            continue
        other = config.channels[channel.fallback]
        if other.chat == channel.chat:
            yield f"channels.{name}: its fallback {channel.fallback} is in the same chat, so neither answers when that is down"
        if not config.sensitivity.may_see(other.clearance, channel.clearance):
            yield (
                f"channels.{name}: its fallback {channel.fallback} is cleared for {other.clearance} only, so that what is more "
                "secret arrives there as a stub"
            )
