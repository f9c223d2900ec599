"""Whether a channel is verified: really private, not shared outside, everyone in it belongs to its audience. Unknown means no."""

from __future__ import annotations

from collections.abc import Callable

from adapters.chat import Chat, DeliveryError
from bot.policy import Policy
from rules.channel import Channel, ChannelFacts

FRESH_SECONDS = 60.0


class Verification:
    """Asks the chat, and remembers the answer for FRESH_SECONDS."""

    def __init__(self, chat: Chat, policy: Callable[[], Policy], clock: Callable[[], float]) -> None:
        self._chat, self._policy, self._clock = chat, policy, clock
        self._known: dict[str, tuple[Channel, float, bool]] = {}

    async def of(self, name: str) -> bool:
        """True only while the platform says so of the channel with this name. Asks only for channels whose clearance needs it."""
        policy, now = self._policy(), self._clock()
        channel = policy.channels.get(name)
        if channel is None or not policy.sensitivity.may_see(channel.clearance, policy.sensitivity.verified_from):
            return False
        known = self._known.get(name)
        if known and known[0] == channel and 0.0 <= now - known[1] < FRESH_SECONDS:
            return known[2]
        try:
            verified = _holds(await self._chat.inspect(channel), channel, policy)
        except DeliveryError:
            verified = False  # unknown means no; what the chat said is counted by the delivery that follows
        self._known[name] = (channel, now, verified)
        return verified


def _holds(facts: ChannelFacts, channel: Channel, policy: Policy) -> bool:
    if facts.private is not True or facts.shared_outside is not False or facts.members is None:
        return False
    kind = policy.config.chats[channel.chat].type
    accounts = {(person.account(kind) or key): key for key, person in policy.config.people.items()}
    return all(member in accounts and policy.may_read(accounts[member], channel) for member in facts.members)
