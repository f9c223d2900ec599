"""Who is in the groups of the chat platforms, as they said last. What could not be asked again for LIFE counts as nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

LIFE = 3600.0
"""Seconds for which an answer of the platform counts when it cannot be asked again."""
DOUBTED = 60.0
"""The same once we know that the answer is another one by now."""


class PlatformGroup(NamedTuple):
    """A group of the config as a chat knows it. `id`: the platform's own."""

    name: str
    chat: str
    id: str


class Answer(NamedTuple):
    at: float
    until: float
    members: Mapping[str, str]


class Roster:
    """`clock`: seconds since the epoch. Groups are named by chat and the platform's own id, people by the platform's account."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._answers: dict[tuple[str, str], Answer] = {}
        self.names: dict[str, str] = {}
        """What people are called, by `chat:account`; kept for those who left, so that what they did keeps its name."""

    def members(self, chat: str, group: str) -> Mapping[str, str]:
        """account -> name. Empty as long as nobody knows."""
        answer = self._answers.get((chat, group))
        return answer.members if answer and answer.at <= self._clock() < answer.until else {}

    def knows(self, chat: str, group: str) -> bool:
        """Whether the answer counts."""
        answer = self._answers.get((chat, group))
        return answer is not None and answer.at <= self._clock() < answer.until

    def answer(self, chat: str, group: str) -> Answer | None:
        """What the chat said last, whether it still counts or not."""
        return self._answers.get((chat, group))

    def follow(self, chat: str, group: str, members: Mapping[str, str], at: float) -> bool:
        """Takes over what another replica was told then. Whether that is news."""
        known = self._answers.get((chat, group))
        if known and known.at >= at:
            return False
        self.learn(chat, group, members)
        self._answers[chat, group] = Answer(min(at, self._clock()), at + LIFE, dict(members))
        return True

    def learn(self, chat: str, group: str, members: Mapping[str, str]) -> frozenset[str]:
        """Takes over an answer. Returns the accounts that came or went."""
        before, now = self.members(chat, group), self._clock()
        self._answers[chat, group] = Answer(now, now + LIFE, dict(members))
        self.names |= {f"{chat}:{account}": name for account, name in members.items()}
        return frozenset(before.keys() ^ members.keys())

    def doubt(self, chat: str, group: str) -> None:
        """Somebody came or went: the answer counts only until DOUBTED seconds from now, unless it is asked for again."""
        if answer := self._answers.get((chat, group)):
            self._answers[chat, group] = answer._replace(until=min(answer.until, self._clock() + DOUBTED))
