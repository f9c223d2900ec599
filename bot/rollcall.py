"""Asks the chats who is in their groups: at start, every `verify_every`, and when one of them changed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping

import structlog

from adapters.chat import Chat, DeliveryError
from bot.notice import Key, Notice
from bot.policy import Policy
from bot.roster import PlatformGroup, Roster
from rules.grammar import clip
from rules.retry import back_off

log = structlog.get_logger()

CALL_SECONDS = 60.0
"""A large group is many calls."""
SPACING = 1.0
"""Seconds at least from one question about a group to the next: many changes at once are one."""
LONGEST_SLEEP = 5.0
ALERT = "TocsinGroupUnknown"
TRIES = 3
"""Failures in a row before the admins are told: one is often over a moment later, as when a chat is just connecting."""


class Rollcall:
    """`changed` is called with the chat and the config's name of a group whose members are others now.

    `trouble`: why a group could not be asked for, by its name; told to the admins.
    """

    def __init__(
        self,
        roster: Roster,
        chats: Mapping[str, Chat],
        policy: Callable[[], Policy],
        clock: Callable[[], float],
        changed: Callable[[str, str], None],
    ) -> None:
        self._roster, self._chats, self._policy, self._clock, self._changed = roster, chats, policy, clock, changed
        self._due: dict[PlatformGroup, float] = {}
        self._asked: dict[PlatformGroup, float] = {}
        self._failures: dict[PlatformGroup, int] = {}
        self._woken = asyncio.Event()
        self.trouble: dict[str, str] = {}

    def ask(self, chat: str, group: str = "") -> None:
        """Somebody came to or left a group of the platform; empty for any group of the chat."""
        for one in self._policy().platform_groups:
            if one.chat == chat and group in ("", one.id):
                self._roster.doubt(chat, one.id)
                just_asked = 0.0 <= self._clock() - self._asked.get(one, 0.0) < SPACING
                self._due[one] = self._clock() + (SPACING if just_asked else 0.0)
        self._woken.set()

    async def notices(self) -> Mapping[Key, Notice]:
        """One for each group of which nobody can tell who is in it."""
        lost = {one.name for one in self._policy().platform_groups if not self._roster.knows(one.chat, one.id)}
        so_long = {name: "Its members may do nothing" if name in lost else "What it said last counts" for name in self.trouble}
        return {(ALERT, name): Notice(f"{why}. {so_long[name]} until then.") for name, why in self.trouble.items()}

    def wake(self) -> None:
        """Looks at the config and the clock anew."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            pause = await self._once()
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            except TimeoutError:
                pass  # nothing happened meanwhile: time itself is what was waited for
            self._woken.clear()

    async def _once(self) -> float:
        """Asks for what is due; returns how long to sleep, in seconds."""
        groups = self._policy().platform_groups
        now = self._clock()
        latest = now + self._policy().sensitivity.verify_every
        self._due = {one: min(self._due.get(one, 0.0), latest) for one in groups}
        self._due |= {one: now for one in groups if self._asked.get(one, 0.0) > now}  # the clock was set back
        names = {one.name for one in groups}
        self.trouble = {name: why for name, why in self.trouble.items() if name in names}
        for one in [one for one, due in self._due.items() if due <= self._clock()]:
            self._asked[one] = self._clock()
            self._due[one] = self._clock() + self._policy().sensitivity.verify_every
            await self._ask(one)
        return max(0.05, min([due - self._clock() for due in self._due.values()] + [LONGEST_SLEEP]))

    async def _ask(self, one: PlatformGroup) -> None:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                members = await self._chats[one.chat].members_of(one.id)
        except (DeliveryError, TimeoutError) as problem:
            self._failed(one, problem)
            return
        self._failures.pop(one, None)
        self.trouble.pop(one.name, None)
        if moved := self._roster.learn(one.chat, one.id, self._named(members)):
            log.info("group_members_changed", chat=one.chat, group=one.name, came_or_went=len(moved), members=len(members))
            self._changed(one.chat, one.name)

    def _named(self, members: Mapping[str, str]) -> Mapping[str, str]:
        """The names in one line; with the account where somebody has chosen the name of a person of the config."""
        taken = {person.name.casefold() for person in self._policy().config.people.values()}
        shown = {account: clip(" ".join(name.split())) or account for account, name in members.items()}
        return {account: f"{name} ({account})" if name.casefold() in taken else name for account, name in shown.items()}

    def _failed(self, one: PlatformGroup, problem: DeliveryError | TimeoutError) -> None:
        told = problem.reason if isinstance(problem, DeliveryError) else "no answer in time"
        failures = self._failures[one] = self._failures.get(one, 0) + 1
        wait = getattr(problem, "retry_after", None) or back_off(failures, random.random())
        self._due[one] = min(self._due[one], self._clock() + wait)
        log.warning("group_not_read", chat=one.chat, group=one.name, reason=told)
        if failures >= TRIES:
            self.trouble[one.name] = f"{one.chat} does not tell who is in the group {one.name}: {told}"
