"""`tocsin doctor`: does what is outside fit the configuration? It asks, and changes nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from adapters import registry
from adapters.chat import Chat, DeliveryError, Finding
from bot.cli.screen import FAILED, say, say_json
from bot.config import Config
from bot.config.check import LOOPBACK
from bot.policy import Policy
from bot.roster import PlatformGroup
from bot.store.probe import probe
from rules.channel import Channel

CHAT_SECONDS = 60.0


class Front:
    """As much of a desk as a chat needs to look around: no store is open, nobody signs in."""

    messages = sessions = None

    def __init__(self, config: Config) -> None:
        self._config, self.public_url = config, config.public_url

    def now(self) -> float:
        return time.time()

    def channels(self, chat: str) -> Mapping[str, Channel]:
        return {name: channel for name, channel in self._config.channels.items() if channel.chat == chat}


def doctor(config: Config, as_json: bool) -> int:
    """Prints what was found. The exit code."""
    findings = asyncio.run(look(config))
    ok = all(finding.ok for finding in findings)
    if as_json:
        say_json({"ok": ok, "findings": findings})
    else:
        _say(findings)
    return 0 if ok else FAILED


def _say(findings: Sequence[Finding]) -> None:
    for finding in findings:
        say(("✔ ", "green") if finding.ok else ("✘ ", "red"), finding.what)
        if not finding.ok:
            say("  ", (finding.remedy, "bold"))
    wrong = sum(not finding.ok for finding in findings)
    what = "All is well." if not wrong else "One thing to do." if wrong == 1 else f"{wrong} things to do."
    say((what, "green" if not wrong else "red"))


async def look(config: Config) -> list[Finding]:
    """Store, sources, then each chat."""
    remedy = await probe(config.store)
    chats = await asyncio.gather(*(_chat(config, name) for name in config.chats))
    return [Finding("store", not remedy, remedy), *_sources(config), *(finding for found in chats for finding in found)]


def _sources(config: Config) -> list[Finding]:
    """Without a proof of who sends, only what is on this machine may reach a source."""
    local = config.listen.startswith(LOOPBACK)
    return [
        Finding(f"source {name}", True)
        if local or not source.auth.none
        else Finding(f"source {name}", False, f"Set sources.{name}.auth: whoever reaches {config.listen} can send alerts to it.")
        for name, source in config.sources.items()
    ]


async def _chat(config: Config, name: str) -> Sequence[Finding]:
    front, kind = Front(config), config.chats[name].type
    chat: Chat = registry.load(registry.CHATS[kind])(name, config.chats[name], front)
    accounts = {key: account for key, person in config.people.items() if (account := person.account(kind))}
    try:
        async with asyncio.timeout(CHAT_SECONDS):
            found = [*await chat.diagnose(front.channels(name), accounts)]
            if any(finding.ok for finding in found):  # else it would be the same again
                found += [await _group(chat, one) for one in Policy(config).platform_groups if one.chat == name]
    except TimeoutError:
        return [Finding(f"chat {name}", False, f"Run this again: it did not answer within {CHAT_SECONDS:.0f} s.")]
    finally:
        await chat.stop()
    return found or [Finding(f"chat {name}", True)]


async def _group(chat: Chat, one: PlatformGroup) -> Finding:
    """Whether the chat tells who is in a group, and how many."""
    what = f"{one.chat}: group {one.name} ({one.id})"
    try:
        members = await chat.members_of(one.id)
    except DeliveryError as problem:
        return Finding(what, False, f"{one.chat} cannot tell who is in it, so that they may do nothing: {problem.reason}.")
    return Finding(f"{what}: {len(members) or 'nobody'} in it", True)
