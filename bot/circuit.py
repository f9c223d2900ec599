"""Whether a chat answers at all. While it does not, one call at a time asks whether it does again, ever more rarely."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from adapters.chat import DeliveryError, Failure
from bot import metrics
from bot.bucket import Bucket
from rules.retry import SLOW

log = structlog.get_logger()

NO_ANSWER = (Failure.transient, Failure.unknown_outcome, Failure.credentials)
"""Failures that may be the whole chat's. After any other one, the chat answers."""

TRIES = 5
"""So many of them in a row, of more than one card, are an outage; dead credentials are one at once."""

FIRST, LONGEST = 0.5, 15.0
"""Seconds until it is asked again, doubling."""


class Circuit:
    """`clock`: seconds that do not jump.

    `trouble`: why nothing can be delivered, empty while all is well.
    """

    def __init__(self, chat: str, clock: Callable[[], float]) -> None:
        self._chat, self._clock = chat, clock
        self.trouble = ""
        self._failures = self._asked = 0
        self._cards: set[int] = set()
        self._pause = Bucket(1.0, 1.0, clock())
        metrics.CHAT_DOWN.labels(chat).set(0)

    def room(self, most: int) -> int:
        """How many calls may be under way now: all of them, or the one that asks whether the chat is back, or none."""
        if not self.trouble:
            return most
        return 0 if self.wait() else 1

    def wait(self) -> float:
        """The seconds until the chat may be asked again; 0.0: now."""
        return self._pause.wait(self._clock()) if self.trouble else 0.0

    def answered(self) -> bool:
        """A call did its work, or the chat said why not. Whether that ends an outage."""
        self._failures = self._asked = 0
        self._cards.clear()
        ended, self.trouble = bool(self.trouble), ""
        if ended:
            metrics.CHAT_DOWN.labels(self._chat).set(0)
            log.info("chat_back", chat=self._chat)
        return ended

    def failed(self, problem: DeliveryError, card: int) -> bool:
        """A call for a card (its delivery's id) failed. Whether the chat was down and answers again all the same."""
        if problem.kind not in NO_ANSWER:
            return self.answered()
        self._failures += 1
        self._cards.add(card)
        if (self._failures >= TRIES and len(self._cards) > 1) or problem.kind == Failure.credentials:
            self._open(problem)
        return False

    def _open(self, problem: DeliveryError) -> None:
        if not self.trouble:
            metrics.CHAT_DOWN.labels(self._chat).set(1)
            log.error("chat_down", chat=self._chat, kind=problem.kind.value, reason=problem.reason)
            self.trouble = problem.reason or problem.kind.value
        elif self._pause.wait(self._clock()):
            return  # a call that was under way when it went down
        pause = SLOW if problem.kind == Failure.credentials else min(LONGEST, FIRST * 2 ** min(self._asked, 10))
        self._asked += 1
        self._pause.empty(self._clock(), max(pause, problem.retry_after or 0.0))
