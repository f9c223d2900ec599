"""What Discord refused a moment ago is not asked again: 10,000 refusals in ten minutes would ban the whole address."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from adapters.chat import Failure
from adapters.chats.discord.errors import DiscordFailure
from adapters.chats.discord.lanes import GLOBAL
from adapters.chats.discord.route import Route

KNOWN_SECONDS = 60.0
WINDOW, MOST = 600.0, 4000
"""Discord's window, and less than half of what it bans at: what comes in makes calls of its own."""
COUNTED = (401, 403, 429)


class Denials:
    """`clock`: seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, DiscordFailure]] = {}
        self._counted: deque[float] = deque()

    def check(self, route: Route) -> None:
        """Raises what Discord would say."""
        now = self._clock()
        at, problem = self._known.get(_place(route), (0.0, None))
        if problem is not None and 0.0 <= now - at < KNOWN_SECONDS:
            raise DiscordFailure(problem.kind, problem.reason, problem.retry_after, "", problem.code, problem.status)
        self._known.pop(_place(route), None)
        while self._counted and not 0.0 <= now - self._counted[0] < WINDOW:  # or the clock was set back
            self._counted.popleft()
        if len(self._counted) >= MOST:
            wait = self._counted[0] + WINDOW - now
            reason = f"{MOST} refusals in ten minutes: Tocsin waits, before Discord bans its address"
            raise DiscordFailure(Failure.rate_limited, reason, wait, GLOBAL.name)

    def note(self, route: Route, problem: DiscordFailure, shared: bool) -> None:
        """`shared`: the limit is not this bot's own, and not counted."""
        now = self._clock()
        if problem.status in COUNTED and not shared:
            self._counted.append(now)
        if problem.kind == Failure.channel_unreachable and route.major and not route.fleeting:
            self._known[_place(route)] = now, problem

    def forget(self, channel: str = "") -> None:
        """Something changed there; empty: anywhere."""
        self._known = {place: told for place, told in self._known.items() if channel and place[1] != channel}


def _place(route: Route) -> tuple[str, str]:
    return route.name, route.major
