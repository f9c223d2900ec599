"""What the leader was told by chats, for the replicas that follow: who can read a channel, who is in a group.

Only the leader asks. All replicas then judge by the same answer, no chat is asked more often because there are more replicas, and
a change that one of them hears of puts the channel in doubt on all of them at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from adapters.chat import Chat
from bot.policy import Policy
from bot.rollcall import Rollcall
from bot.roster import Roster
from bot.standings import Standings
from bot.store import rosters
from bot.store import standings as standing_rows
from bot.store.engine import Store
from bot.store.news import News
from bot.store.rosters import Told
from bot.store.writer import StoreUnavailable

log = structlog.get_logger()

EVERY_SECONDS = 2.0


class Mirror:
    """`leads`: whether this process asks the chats itself. `chats`: by name."""

    def __init__(
        self,
        store: Store,
        chats: dict[str, Chat],
        policy: Callable[[], Policy],
        leads: Callable[[], bool],
        roster: Roster,
        standings: Standings,
        rollcall: Rollcall,
    ) -> None:
        self._store, self._chats, self._policy, self._leads = store, chats, policy, leads
        self._roster, self._standings, self._rollcall = roster, standings, rollcall
        self._told: dict[tuple[str, str], float] = {}
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    def tell(self, chat: str, place: str, account: str, group: bool = False) -> None:
        """A chat told this process of a change: the others are to know. See Desk.channel_changed."""
        if self._store.line:
            self._store.line.tell(News(self._store.process, doubt=(chat, place, account), group=group))

    def hear(self, news: News) -> None:
        """What another replica has told."""
        if news.granted:
            self.wake()
        if news.doubt and (chat := self._chats.get(news.doubt[0])):
            name, place, account = news.doubt
            if news.group:
                chat.forget("", account)
                self._rollcall.ask(name, place)
            else:
                chat.forget(place, account)
                self._standings.channel_changed(name, place)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._woken.clear()
            try:
                await (self._write() if self._leads() else self.look())
            except StoreUnavailable as problem:
                log.warning("mirror_waits_for_store", reason=str(problem))
            try:
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                pass  # nothing happened meanwhile: time itself is what was waited for

    async def look(self) -> None:
        """Takes over what the leader wrote down. Raises StoreUnavailable."""
        groups, standings = await self._store.read(rosters.known), await self._store.read(standing_rows.known)
        for one in groups:
            if self._roster.follow(one.chat, one.group, one.members, one.at):
                self._standings.audience_changed()
        self._standings.follow(standings)

    async def _write(self) -> None:
        """What the chats said of groups; what they said of channels is written by bot/redraw.py."""
        found = [
            Told(one.chat, one.id, answer.at, answer.members)
            for one in self._policy().platform_groups
            if (answer := self._roster.answer(one.chat, one.id)) and self._told.get((one.chat, one.id)) != answer.at
        ]
        if found:
            await self._store.write(rosters.keep, found)
            self._told |= {(one.chat, one.group): one.at for one in found}
