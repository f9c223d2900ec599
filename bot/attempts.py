"""Guesses at secrets (tokens of people and senders, sign-in links): counted where they come from, and altogether.

Who has guessed wrong too often is answered 429 and not looked at, until time gives a try back. Nobody else is locked out by it:
a secret that was right before goes past all limits, whatever its neighbours behind the same address do; the first try of an
address always counts; and sessions of signed-in browsers never come here.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address

import structlog

from adapters.source import Rejected
from bot import metrics
from bot.bucket import Bucket

log = structlog.get_logger()

TRIES, TRIES_PER_SECOND = 20.0, 0.2
"""Wrong ones of one address: so many at once, then one every 5 seconds: 17,000 a day, against 2^100 and more."""

ALL_TRIES, ALL_PER_SECOND = 500.0, 5.0
"""Of all addresses together."""

MOST_ADDRESSES = 10_000
MOST_KNOWN = 10_000


class Attempts:
    """`clock`: seconds that do not jump."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._of: dict[str, Bucket] = {}
        self._all = Bucket(ALL_PER_SECOND, ALL_TRIES, clock())
        self._known: dict[str, None] = {}

    def admit(self, address: str, secret: str) -> None:
        """Before a secret is compared. Raises Rejected(429) with the time to come again."""
        if not self._of or secret in self._known:  # mostly: nobody guessed wrong lately
            return
        now = self._clock()
        mine = self._of.get(_place(address))
        if mine and (wait := max(self._all.wait(now), mine.wait(now))):
            raise Rejected(429, "too many wrong tokens; nothing is looked at for a while", wait)

    def right(self, secret: str) -> None:
        if secret not in self._known:
            self._known[secret] = None
            if len(self._known) > MOST_KNOWN:
                del self._known[next(iter(self._known))]

    def wrong(self, address: str, secret: str) -> None:
        """One that was right before may not be now: its person or source left the config."""
        self._known.pop(secret, None)
        now, place = self._clock(), _place(address)
        mine = self._of.pop(place, None) or Bucket(TRIES_PER_SECOND, TRIES, now)
        mine.take(now)
        metrics.WRONG_TOKENS.inc()
        if self._all.take(now):  # strangers cannot fill the disk
            log.warning("wrong_token", remote=place)
        self._of[place] = mine  # as the latest
        while self._of and (len(self._of) > MOST_ADDRESSES or self._of[next(iter(self._of))].full(now)):
            del self._of[next(iter(self._of))]


def _place(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one: whoever has one address of it has all."""
    if ":" not in address:
        return address
    try:
        found = IPv6Address(address)
    except ValueError:
        return address
    return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))
