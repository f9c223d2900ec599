"""What a storm card says: nothing is counted twice or left out, and a few labels explain what there is."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given
from msgspec.structs import replace

from rules.alert import Severity
from rules.incident import State
from rules.storm import MOST_NAMED, MOST_REASONS, Carried, Storm, explain, storm_card

NOW = 1_700_000_000.0


def carried(number: int, severity: Severity = Severity.warning, over: bool = False, **labels: str) -> Carried:
    return Carried(number, severity, over, f"Down{number}", labels, NOW - number)


def test_one_label_explains_most_and_another_the_rest() -> None:
    found = [{"team": "db", "cluster": "eu1", "instance": str(n)} for n in range(60)]
    found += [{"team": "web", "cluster": "eu2", "instance": str(n)} for n in range(60, 90)]
    reasons = explain(found)
    assert [(one.pairs, one.count) for one in reasons] == [
        ((("cluster", "eu1"), ("team", "db")), 60),
        ((("cluster", "eu2"), ("team", "web")), 30),
    ]


def test_what_explains_nothing_is_not_told() -> None:
    assert explain([{"instance": str(n), "severity": "warning"} for n in range(50)]) == []
    assert explain([]) == [] and explain([{"team": "db"}]) == []


LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"))


@given(st.lists(LABELS, max_size=40))
def test_each_reason_holds_for_as_many_as_it_says(found: list[dict[str, str]]) -> None:
    reasons = explain(found)
    assert len(reasons) <= MOST_REASONS
    for reason in reasons:
        for name, value in reason.pairs:
            assert sum(labels.get(name) == value for labels in found) == reason.count >= 2


ONE = st.builds(
    Carried, st.integers(1, 10**6), st.sampled_from(Severity), st.booleans(), st.text(max_size=5), LABELS, st.just(NOW),
    st.booleans(),
)  # fmt: skip


@given(st.lists(ONE, max_size=40), st.integers(0, 9), st.booleans(), st.booleans())
def test_all_are_accounted_for(found: list[Carried], withheld: int, ended: bool, passed: bool) -> None:
    card = storm_card(Storm(NOW, NOW if ended or passed else 0.0, passed, found, withheld), 3, "https://t", NOW)
    mine = [one for one in found if not one.own_card]
    assert card.total == len(mine) + withheld and card.revision == 3 and card.number == 0 and card.storm
    assert card.state == (State.resolved if ended or passed else State.firing)
    if not ended and not passed:
        fires = [one for one in mine if not one.over]
        assert card.firing == len(fires) + withheld == len(card.lines) + card.more + withheld
        assert sum(int(count) for name, count in card.fields if name in Severity.__members__) == len(fires)
        assert len(card.lines) <= MOST_NAMED


def test_the_worst_are_named_and_can_be_taken_on() -> None:
    found = [carried(n) for n in range(1, 40)] + [carried(99, Severity.high), carried(98, Severity.high, over=True)]
    card = storm_card(Storm(NOW, 0.0, False, found), 1, "", NOW)
    assert card.lines[0].text == "#99 Down99" and "#98" not in str(card.lines) and card.severity == Severity.high
    assert card.buttons[0].command == "ack 99" and card.buttons[-1].command == "incidents"


def test_the_trend_is_told_and_what_nobody_may_see_only_counted() -> None:
    found = [carried(1), carried(59), carried(61)]
    card = storm_card(Storm(NOW, 0.0, False, found, 5), 1, "", NOW)
    assert "2 new in the last minute" in card.summary and "5 withheld" in card.summary and card.title.startswith("Storm: 8 inc")


def test_the_end_says_what_it_carried() -> None:
    found = [carried(1, over=True), carried(2, over=True), replace(carried(3), own_card=True)]
    card = storm_card(Storm(NOW, NOW + 9, False, found), 1, "", NOW)
    assert "carried 3 incidents" in card.title and "2 of them are over" in card.summary and "1 have cards" in card.summary
    assert not card.lines and not card.buttons and card.resolved_at == NOW + 9


def test_what_passed_is_one_line_each() -> None:
    card = storm_card(Storm(NOW, NOW, True, [carried(n, over=True) for n in range(1, 4)]), 1, "", NOW)
    assert card.title == "3 incidents came and went before they could be shown"
    assert [line.text for line in card.lines] == ["#3 Down3", "#2 Down2", "#1 Down1"] and not any(x.firing for x in card.lines)
