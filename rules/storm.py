"""Many incidents on one card: how many, how bad, what they have in common, the worst by name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from rules.alert import Severity
from rules.card import Button, Card, Line
from rules.incident import State, plural

MOST_NAMED, MOST_BUTTONS = 10, 4
MOST_REASONS, MOST_PAIRS = 4, 3
FEW = 0.1
"""A label that explains less than this part of a storm explains nothing."""
RECENT = 60.0


class Carried(msgspec.Struct, frozen=True):
    """One incident on a storm card, as the channel may see it. `own_card`: it has a card of its own by now, or gets one."""

    number: int
    severity: Severity
    over: bool
    title: str
    labels: Mapping[str, str]
    started_at: float
    own_card: bool = False


class Storm(msgspec.Struct, frozen=True):
    """What a storm card tells. `withheld`: how many more there are that the channel may not see.

    `ended_at`: 0.0 while it goes on. `passed`: it only sums up what was over before it could be shown.
    """

    began_at: float
    ended_at: float
    passed: bool
    carried: Sequence[Carried]
    withheld: int = 0


class Reason(msgspec.Struct, frozen=True):
    """Labels that `count` of the incidents share."""

    pairs: tuple[tuple[str, str], ...]
    count: int


def explain(found: Sequence[Mapping[str, str]]) -> list[Reason]:
    """The labels that best explain many incidents: a few, each the one that most of those share that are not explained yet."""
    places: dict[tuple[str, str], set[int]] = defaultdict(set)
    for place, labels in enumerate(found):
        for pair in labels.items():
            if pair[0] != "severity":
                places[pair].add(place)
    places = {pair: where for pair, where in places.items() if len(where) >= max(2, FEW * len(found))}
    left, reasons = set(range(len(found))), list[Reason]()
    while places and len(reasons) < MOST_REASONS:
        best = max(places, key=lambda pair: (len(places[pair] & left), len(places[pair]), pair))
        where = places[best]
        if len(where & left) < max(2, FEW * len(found)):
            break
        alike = sorted(pair for pair, others in places.items() if others == where)
        reasons.append(Reason(tuple(alike[:MOST_PAIRS]), len(where)))
        left -= where
    return reasons


def storm_card(storm: Storm, revision: int, url: str, now: float) -> Card:
    """The card; its number is 0. `url`: where to read on."""
    mine = [one for one in storm.carried if not one.own_card]
    worst = sorted((one for one in mine if storm.passed or not one.over), key=lambda one: (one.severity, -one.number))
    named = worst[:MOST_NAMED] if storm.passed or not storm.ended_at else []
    fires = sum(not one.over for one in mine)
    return Card(
        number=0,
        revision=revision,
        state=State.resolved if storm.ended_at else State.firing,
        severity=min((one.severity for one in worst or storm.carried), default=Severity.info),
        title=_title(storm, len(mine)),
        summary=_summary(storm, mine, now),
        started_at=storm.began_at,
        changed_at=now,
        firing=fires + (0 if storm.ended_at else storm.withheld),
        total=len(mine) + storm.withheld,
        fields=() if storm.passed else _fields(storm, worst),
        lines=tuple(Line(f"#{one.number} {one.title}", not one.over, one.severity, one.started_at) for one in named),
        more=0 if storm.ended_at and not storm.passed else len(worst) - len(named),
        resolved_at=storm.ended_at,
        url=url,
        buttons=_buttons(named) if not storm.ended_at else (),
        storm=True,
    )


def _title(storm: Storm, count: int) -> str:
    if storm.passed:
        return f"{plural(count + storm.withheld, 'incident')} came and went before they could be shown"
    if storm.ended_at:
        return f"The storm is over: this card carried {plural(len(storm.carried) + storm.withheld, 'incident')}"
    return f"Storm: {plural(count + storm.withheld, 'incident')} on this one card"


def _summary(storm: Storm, mine: Sequence[Carried], now: float) -> str:
    told = []
    if storm.ended_at and not storm.passed:
        own = len(storm.carried) - len(mine)
        told += [f"{len(mine)} of them are over.", *([f"{own} have cards of their own now."] if own else [])]
    elif not storm.passed:
        new = sum(now - one.started_at < RECENT for one in mine)
        told += [
            f"More came at once than this channel takes. {new} new in the last minute.",
            "What is critical gets a card of its own, and so does what somebody acts on.",
        ]
    return " ".join([*told, *([f"{storm.withheld} withheld: this channel may not see them."] if storm.withheld else [])])


def _fields(storm: Storm, fires: Sequence[Carried]) -> tuple[tuple[str, str], ...]:
    """Counts by severity of what goes on (of all, once it ended), then what it has in common."""
    among = storm.carried if storm.ended_at else fires
    counts = Counter(one.severity for one in among)
    fields = [(severity.name, str(counts[severity])) for severity in Severity if counts[severity]]
    if not storm.ended_at:
        reasons = explain([one.labels for one in fires])
        fields += [(f"{one.count} of {len(fires)}", ", ".join(f"{k}={v}" for k, v in one.pairs)) for one in reasons]
    return tuple(fields)


def _buttons(named: Sequence[Carried]) -> tuple[Button, ...]:
    acks = [Button("ack", f"Ack #{one.number}", f"ack {one.number}") for one in named[:MOST_BUTTONS]]
    return (*acks, Button("incidents", "All incidents", "incidents")) if acks else ()
