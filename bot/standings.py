"""What each channel merits now (G3): asked of its chat at start, twice in `verify_every`, and at once when something changed.

Kept in memory, for it is asked before every call to a chat. What follows from it is bot/redraw.py's.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from functools import partial

import msgspec
import structlog
from msgspec.structs import replace

from adapters.chat import Chat, DeliveryError, Failure
from bot.policy import Policy
from rules.channel import Channel, ChannelFacts
from rules.retry import LONGEST_WAIT, back_off
from rules.standing import Standing, Why, doubt, facts_of, holds, judge, needs_asking

log = structlog.get_logger()

ASK_SECONDS = 15.0
"""A chat that takes longer to say who can read a channel did not say it."""
SETTLE_SECONDS = 1.0
"""How long a channel in doubt is left alone, neither shown anything nor taken anything back, while its chat is asked."""
START_SECONDS = 5.0
"""The same after the start, when a chat is still connecting."""
LONGEST_SLEEP = 5.0
JUDGED_SECONDS = 1.0
"""How long a judgement is taken for granted: who belongs to a group of a platform may run out by itself."""


class Known(msgspec.Struct, frozen=True):
    """What a chat said of a channel. `place`: chat and id; `doubt`: why that is not enough, since `doubted_at`."""

    place: tuple[str, str]
    doubt: Why | None
    doubted_at: float
    facts: ChannelFacts | None = None
    at: float = 0.0
    ask_at: float = 0.0
    failures: int = 0
    events: int = 0


class Standings:
    """`settled` is called whenever a verdict may be another one. `wake()` when the config or a group changed."""

    def __init__(
        self,
        chats: Mapping[str, Chat],
        policy: Callable[[], Policy],
        clock: Callable[[], float],
        settled: Callable[[], None],
    ) -> None:
        self._chats, self._policy, self._clock, self._settled = chats, policy, clock, settled
        self._began = clock()
        self._known: dict[str, Known] = {}
        self._judged: dict[str, tuple[Policy, Known, float, Standing]] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._followed: dict[str, tuple[float, Standing]] = {}
        self._started: set[str] = set()
        self._deaf: set[str] = set()
        self._woken = asyncio.Event()

    def of(self, name: str) -> Standing:
        """What a channel merits now, whatever it merited a moment ago. Nothing, if the config has no such channel."""
        channel = self._policy().channels.get(name)
        if channel is None:
            return Standing(name, None, self._clock())
        known, standing = self._look_up(name, channel)
        return doubt(standing, known.doubt, channel, self._policy().sensitivity) if known.doubt else standing

    def expected(self, name: str) -> Standing:
        """The same, but while it settles what it merited before, or what the config says: for plans, never for what is shown."""
        if not self.settling(name):
            return self.of(name)
        channel = self._policy().channels[name]
        known, standing = self._look_up(name, channel)
        return standing if known.facts and known.doubt else replace(standing, clearance=channel.clearance)

    def settling(self, name: str) -> bool:
        """Whether the chat is just being asked about the channel: whoever waits a moment need not take anything back."""
        channel = self._policy().channels.get(name)
        if channel is None or not needs_asking(channel, self._policy().sensitivity):
            return False
        known, now = self._look_up(name, channel)[0], self._clock()
        if 0.0 <= now - self._began < START_SECONDS and not self._policy().knows_audience(channel):
            return True
        patience = SETTLE_SECONDS if known.facts else START_SECONDS
        return known.doubt is not None and 0.0 <= now - known.doubted_at < patience

    def started(self, chat: str) -> None:
        """The chat may be asked from now on."""
        self._started.add(chat)
        self.wake()

    def follow(self, told: Mapping[str, Standing]) -> None:
        """Takes over what the leader found out, by the name of the channel. What it found out before a doubt ends no doubt."""
        for name, standing in told.items():
            channel = self._policy().channels.get(name)
            if channel is None or not needs_asking(channel, self._policy().sensitivity):
                continue
            known, at = self._look_up(name, channel)[0], min(standing.at, self._clock())  # clocks differ a little
            if (standing.at, standing.verdict) != self._followed.get(name) and (at > known.at or not known.doubt):
                self._followed[name] = standing.at, standing.verdict
                facts, why = facts_of(standing)
                self._known[name] = Known(known.place, why, self._clock(), facts, at, events=known.events)

    def channel_changed(self, chat: str, channel_id: str = "") -> None:
        """Nothing is relied on any more that was said of the channel (of any of the chat, without an id) before now."""
        for name, channel in self._policy().channels.items():
            if channel.chat == chat and channel_id in ("", channel.id):
                known = self._look_up(name, channel)[0]
                since = known.doubted_at if known.doubt else self._clock()
                why = known.doubt or Why.changed
                self._known[name] = replace(known, doubt=why, doubted_at=since, ask_at=0.0, events=known.events + 1)
        self.wake()

    def audience_changed(self) -> None:
        """Who belongs to a group is another question now: everything is judged anew."""
        self._judged.clear()
        self.wake()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._ask_what_is_due()
                self._settled()
                await self._sleep()
        finally:
            for task in self._asking.values():
                task.cancel()
            await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def _sleep(self) -> None:
        """Until something is due, a doubt is old enough to act on, or somebody wakes us. Bounded: the clock may be set."""
        now, times = self._clock(), [self._clock() + LONGEST_SLEEP]
        for name, channel in self._askable():
            known = self._look_up(name, channel)[0]
            times.append(known.ask_at)
            if known.doubt:
                times += [at for patience in (SETTLE_SECONDS, START_SECONDS) if (at := known.doubted_at + patience) > now]
        try:
            async with asyncio.timeout(max(0.01, min(times) - now)):
                await self._woken.wait()
        except TimeoutError:
            pass  # nothing happened meanwhile: time itself is what was waited for
        self._woken.clear()

    def _ask_what_is_due(self) -> None:
        deaf = {name for name, chat in self._chats.items() if chat.trouble}
        for name in self._deaf - deaf:  # nobody knows what it did not hear
            self.channel_changed(name)
        self._deaf = deaf
        for name in self._known.keys() - self._policy().channels.keys():
            del self._known[name]
        for name, channel in self._askable():
            wait = self._look_up(name, channel)[0].ask_at - self._clock()
            if not 0.0 < wait <= max(LONGEST_WAIT, self._policy().sensitivity.verify_every):  # or the clock was set back
                task = asyncio.create_task(self._ask(name, channel), name=f"ask-{name}")
                self._asking[name] = task
                task.add_done_callback(partial(self._asked, name))

    def _askable(self) -> list[tuple[str, Channel]]:
        """The channels about which a chat is to be asked, and is not just being asked."""
        policy = self._policy()
        found = [(name, one) for name, one in policy.channels.items() if needs_asking(one, policy.sensitivity)]
        return [(name, one) for name, one in found if one.chat in self._started and name not in self._asking]

    def _asked(self, name: str, _: asyncio.Task[None]) -> None:
        del self._asking[name]
        self.wake()

    async def _ask(self, name: str, channel: Channel) -> None:
        """What the chat says, if nothing happened there while it said so."""
        before, began = self._known[name], self._clock()
        try:
            async with asyncio.timeout(ASK_SECONDS):
                facts = await self._chats[channel.chat].inspect(channel)
        except (DeliveryError, TimeoutError) as problem:
            self._failed(name, problem)
        except Exception:  # a fault of an adapter must not leave the other channels unasked; it is told and tried again
            log.exception("channel_not_asked", channel=name)
            self._failed(name, None)
        else:
            if (known := self._known.get(name)) and (known.place, known.events) == (before.place, before.events):
                ask_at = began + self._policy().sensitivity.verify_every / 2
                self._known[name] = Known(known.place, None, 0.0, facts, began, ask_at, events=known.events)

    def _failed(self, name: str, problem: DeliveryError | TimeoutError | None) -> None:
        """What was said before counts until it is too old, unless the chat says that it does not know the channel."""
        known, now = self._known.get(name), self._clock()
        if known is None:
            return
        gone = isinstance(problem, DeliveryError) and problem.kind == Failure.channel_unreachable
        wait = max(back_off(known.failures, random.random()), getattr(problem, "retry_after", None) or 0.0)
        log.warning("channel_not_asked", channel=name, reason=str(problem) or "no answer", again_in=round(wait, 1))
        known = replace(known, failures=known.failures + 1, ask_at=now + wait)
        self._known[name] = replace(known, doubt=Why.unreachable, facts=None) if gone and known.facts else known

    def _look_up(self, name: str, channel: Channel) -> tuple[Known, Standing]:
        """What is known of a channel and how it was judged, without any doubt. Another place under the same name is unknown."""
        place, policy, now = (channel.chat, channel.id), self._policy(), self._clock()
        known = self._known.get(name)
        if known is None or known.place != place:
            known = self._known[name] = Known(place, Why.unreachable, now)
        judged = self._judged.get(name)
        if judged and judged[0] is policy and judged[1] is known and 0.0 <= now - judged[2] < JUDGED_SECONDS:
            standing = judged[3]
        else:
            standing = judge(name, channel, known.facts, policy.audience(channel), policy.sensitivity, known.at)
            self._judged[name] = policy, known, now, standing
        if known.doubt is None and not holds(standing, now):
            known = self._known[name] = replace(known, doubt=Why.stale, doubted_at=now, ask_at=0.0)
            self.wake()
        return known, standing
