"""What must hold in every storm: each alert shown once, the worst first, no flood of refusals, bounded memory."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from tests.stories.storming import Alert, Shown, Storm

SOON = 1.5
"""Seconds within which what was just accepted may be overtaken by calls that were about to be made."""
COUNTED = (r"Storm: (\d+) incidents? on this one card", r"(\d+) incidents? came and went", r"(\d+) of them are over\.")
"""How a storm card says how many it shows instead of cards of their own."""
MOST_REFUSED = 0.01
"""Of all calls. None is the aim; what a platform counts otherwise than it says may cost one now and then."""


def carried(card: Shown) -> int:
    """The incidents that a storm card shows."""
    told = (re.search(pattern, f"{card.seen.title}\n{card.seen.text}") for pattern in COUNTED)
    return next(int(found[1]) for found in told if found)


def check_single(storm: Storm) -> None:
    """One card an incident and channel, and never two storms at a time."""
    mine = [one for one in storm.shown() if not one.is_storm or one.seen.state != "resolved"]
    twice = [place for place, count in Counter((one.channel, one.seen.number) for one in mine).items() if count > 1]
    assert not twice, f"posted more than once: {twice}"


def check_all_shown(storm: Storm, alerts: Iterable[Alert]) -> None:
    """Accepted = shown: on a card of its own, or counted on a storm card of its channel. `alerts`: incidents of their own."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for one in alerts:
        wanted[one.channel].add(one.name)
    for channel, names in wanted.items():
        cards = storm.shown(channel)
        own = {one.seen.title for one in cards if not one.is_storm}
        assert own <= names, f"{channel} shows what never fired: {own - names}"
        found = len(own) + sum(carried(one) for one in cards if one.is_storm)
        assert found == len(names), f"{found} of {len(names)} are shown in {channel}, {len(own)} on cards of their own"


async def all_shown(storm: Storm, alerts: Sequence[Alert], within: float) -> float:
    """Time passes until each is shown; returns how much."""
    began = storm.now()
    while True:
        try:
            check_all_shown(storm, alerts)
        except AssertionError:
            if storm.now() - began > within:
                raise
            await storm.passes(2.0)
        else:
            return storm.now() - began


def check_worst_first(storm: Storm, alerts: Sequence[Alert]) -> list[float]:
    """No channel showed anything less urgent while something critical waited for it; returns how long those waited, sorted."""
    critical = {(one.channel, one.name): one.accepted for one in alerts if one.severity == "critical"}
    waits, others = [], defaultdict(list)
    for card in storm.shown():
        if not card.is_storm and card.seen.severity != "critical":
            others[card.channel].append(card.at)
    for card in storm.shown():
        accepted = critical.get((card.channel, card.seen.title))
        if accepted is not None and not card.is_storm:
            early = [at for at in others[card.channel] if accepted + SOON < at < card.at]
            assert not early, f"{len(early)} less urgent cards went before {card.seen.title} in {card.channel}"
            waits.append(max(0.0, card.at - accepted))
    assert len(waits) == len(critical), f"{len(waits)} of {len(critical)} criticals have a card"
    return sorted(waits)


def check_no_flood(storm: Storm) -> str:
    """Hardly an answer of 429; in words."""
    refused, calls = sum(storm.refused.values()), storm.calls
    assert refused <= max(2, MOST_REFUSED * calls), f"{refused} of {calls} calls were answered with 429: {storm.refused}"
    return f"{refused} of {calls} calls were answered with 429 {dict(storm.refused) or ''}".strip()


def check_memory(storm: Storm, before: float, most: float) -> str:
    """The process grew by no more than so many MB at its peak; in words."""
    now, peak = storm.engine.memory()
    assert peak - before < most, f"it grew from {before:.0f} MB to {peak:.0f} MB"
    return f"memory {before:.0f} MB before, {peak:.0f} MB at most, {now:.0f} MB after"
