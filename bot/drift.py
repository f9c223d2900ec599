"""Tells the admins, in words, which channels merit less than the config gives them: why, who, and what to do about it (G3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from adapters.chat import Chat, DeliveryError
from bot.notice import Key, Notice
from bot.policy import Policy
from bot.standings import Standings
from rules.grammar import clip
from rules.standing import Standing, Why, needs_asking

ALERT = "TocsinChannelDrifted"
PASSING = frozenset({Why.unreachable, Why.stale, Why.changed})
"""What is often over a moment later: told only if it is still so at the second look."""
MOST_NAMED = 10

WORDS: Mapping[Why, str] = {
    Why.not_private: "it is not private, so anybody may read it: make it private",
    Why.shared_outside: "it is shared with another organisation: end that",
    Why.archived: "it is archived: bring it back, or take it out of the config",
    Why.outsider: "{who} can read it and {be} in no group of its audience ({audience}): take them out, or add them to one",
    Why.unknown_members: "its chat does not tell who is in it: are there too many, or may the bot not see them?",
    Why.role_outside: "the role {who} can read it and {be} no group of its audience ({audience}): take that right away",
    Why.unreachable: "its chat could not be asked who can read it: `tocsin doctor` says what is missing",
    Why.stale: "what its chat said last is too old, and it cannot be asked again: `tocsin doctor` says what is missing",
    Why.changed: "something changed there, and its chat could not be asked again yet",
}


class Drift:
    def __init__(self, standings: Standings, chats: Mapping[str, Chat], policy: Callable[[], Policy]) -> None:
        self._standings, self._chats, self._policy = standings, chats, policy
        self._names: dict[tuple[str, str], str] = {}
        self._passing: set[str] = set()

    def now(self) -> list[Standing]:
        """The channels that merit less than their clearance, because of what their chats say or do not say."""
        policy = self._policy()
        asked = [name for name, channel in policy.channels.items() if needs_asking(channel, policy.sensitivity)]
        found = (self._standings.of(name) for name in asked if not self._standings.settling(name))
        return [standing for standing in found if standing.breaches]

    async def notices(self) -> Mapping[Key, Notice]:
        drifted = self.now()
        before = self._passing
        self._passing = {one.channel for one in drifted if all(breach.kind in PASSING for breach in one.breaches)}
        told = [one for one in drifted if one.channel not in self._passing or one.channel in before]
        return {(ALERT, one.channel): Notice(await self._text(one)) for one in told}

    async def _text(self, standing: Standing) -> str:
        channel = self._policy().channels[standing.channel]
        who = {why: [one.who for one in standing.breaches if one.kind == why] for why in _kinds(standing)}
        names = {account: await self._name(channel.chat, account) for account in who.get(Why.outsider, [])}
        audience = ", ".join(channel.audience) or "everybody known"
        said = [
            WORDS[why].format(who=_list([names.get(one, one) for one in accounts]), be=_be(accounts), audience=audience)
            for why, accounts in who.items()
        ]
        shows = f"shows nothing above {standing.clearance}" if standing.clearance else "shows nothing"
        return f"{standing.channel} {shows} instead of {channel.clearance}: {'; '.join(said)}. Until then its cards are stubs."

    async def _name(self, chat: str, account: str) -> str:
        if (chat, account) not in self._names:
            try:
                name = clip(" ".join((await self._chats[chat].name_of(account)).split()))
            except DeliveryError:
                return account
            self._names[chat, account] = f"{name} ({account})" if name != account else account
        return self._names[chat, account]


def _kinds(standing: Standing) -> Iterator[Why]:
    return iter(dict.fromkeys(breach.kind for breach in standing.breaches))


def _list(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join([*names[:MOST_NAMED], *([f"{more} more"] if more > 0 else [])])


def _be(who: Sequence[str]) -> str:
    return "are" if len(who) > 1 else "is"
