"""Silences as Alertmanager's API tells, takes and ends them: those of chat and of tools alike."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.source import Rejected
from bot.alertmanager.posted import OPS, WRONG_TYPE, Coded, wanted_of
from bot.alertmanager.shapes import GettableMatcher, GettableSilence, State, silence_of, state_of, time_text, uuid_of
from bot.disclosure import Eyes
from bot.imposing import NOT_FOUND, Imposing, Wanted
from bot.witness import Origin
from rules.access import Caller
from rules.matcher import Matcher, Op
from rules.mute import Silence

KEPT_SECONDS = 5 * 86_400.0
"""How long those that are over are listed, as Alertmanager keeps them unless told otherwise."""

_ORDER = {"active": 1, "pending": 2, "expired": 3}
_FLAGS = {op: flags for flags, op in OPS.items()}

Written = tuple[str, Op, str]
"""A matcher as it is shown: name, op, value. What is hidden of a regular expression may leave none."""


class Silences:
    """For one person, at one moment."""

    def __init__(self, imposing: Imposing, caller: Caller, eyes: Eyes, now: float) -> None:
        self._imposing, self._caller, self._eyes, self._now = imposing, caller, eyes, now

    async def listed(self, matchers: Sequence[Matcher]) -> list[GettableSilence]:
        """Those that hold each of the matchers, as Alertmanager filters them, in its order."""
        found = await self._imposing.listed(self._caller, self._now - KEPT_SECONDS)
        wanted = set(_written(matchers))
        return [self._shown(one) for one in sorted(found, key=self._rank) if wanted <= set(self._matchers(one))]

    async def one(self, uuid: str) -> GettableSilence:
        """Raises Rejected(404)."""
        found = await self._imposing.find(self._caller, id_of(uuid))
        if found is None:
            raise Rejected(404, "")
        return self._shown(found)

    async def impose(self, body: bytes, origin: Origin) -> str:
        """Makes the silence that was posted, or changes it; its id. Raises Rejected: 400, 403, 404, 422."""
        posted, wanted = wanted_of(body, self._now)
        if posted:
            known = silence_of(posted)
            before = await self._imposing.find(self._caller, known) if known else None
            if before is None:
                raise Rejected(404, NOT_FOUND)
            wanted = self._as_meant(wanted, before)
        return uuid_of(await self._imposing.impose(self._caller, wanted, origin))

    async def lift(self, uuid: str, origin: Origin) -> None:
        """Raises Rejected: 403; 500 for one that is not there, as Alertmanager does."""
        try:
            await self._imposing.lift(self._caller, id_of(uuid), origin)
        except Rejected as problem:
            raise (Rejected(500, NOT_FOUND) if problem.status == 404 else problem) from problem

    def _as_meant(self, wanted: Wanted, before: Silence) -> Wanted:
        """What a tool only posts back as it was shown stands for what it is: nobody changes what they may not read."""
        matchers = before.matchers if _written(wanted.matchers) == self._matchers(before) else wanted.matchers
        reason = before.reason if wanted.reason == self._eyes.text(before.reason) else wanted.reason
        author = before.author if wanted.author == self._author(before) else wanted.author
        return wanted._replace(id=before.id, matchers=matchers, reason=reason, author=author)

    def _shown(self, silence: Silence) -> GettableSilence:
        return GettableSilence(
            id=uuid_of(silence.id),
            status=State(state_of(silence, self._now)),
            updatedAt=time_text(silence.updated_at or silence.starts_at),
            comment=self._eyes.text(silence.reason),
            createdBy=self._author(silence),
            endsAt=time_text(silence.ends_at),
            matchers=[_matcher(one) for one in self._matchers(silence)],
            startsAt=time_text(silence.starts_at),
        )

    def _matchers(self, silence: Silence) -> list[Written]:
        """As this person may read them."""
        pairs = [next(iter(self._eyes.shown({one.name: one.value}).items())) for one in silence.matchers]
        return [(name, one.op, value) for (name, value), one in zip(pairs, silence.matchers, strict=True)]

    def _author(self, silence: Silence) -> str:
        """Whom the tool named, else who it was."""
        return self._eyes.text(silence.author) or self._eyes.policy.names.get(silence.by, silence.by)

    def _rank(self, silence: Silence) -> tuple[int, float]:
        state = state_of(silence, self._now)
        time = silence.starts_at if state == "pending" else silence.ends_at
        return _ORDER[state], -time if state == "expired" else time


def id_of(uuid: str) -> str:
    """The silence's own id; an empty text for one that is none of ours. Raises Rejected(422) for what is no UUID."""
    found = silence_of(uuid)
    if found is None:
        raise Coded(422, WRONG_TYPE, f'silenceID in path must be of type uuid: "{uuid[:60]}"')
    return found


def _written(matchers: Sequence[Matcher]) -> list[Written]:
    return [(one.name, one.op, one.value) for one in matchers]


def _matcher(written: Written) -> GettableMatcher:
    name, op, value = written
    is_regex, is_equal = _FLAGS[op]
    return GettableMatcher(is_equal, is_regex, name, value)
