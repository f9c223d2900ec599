from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rules.alert import Alert, Link, Severity
from rules.card import MOST_FIELDS, MOST_LINES, Card, card, stub
from rules.command import Command, parse
from rules.deadline import tick
from rules.handling import acknowledge, resolve, snooze
from rules.incident import Incident, State, Timing
from tests.rules.made import NOW, after, alert, critical, ends, joins, mutes, opened, warning

NAMES = {"ana": "Ana Petrova", "bo": "Bo"}
URL = "http://x/incidents/42"


def drawn(incident: Incident, *alerts: Alert) -> Card:
    return card(incident, alerts, NAMES, URL, NOW + 99)


def many(count: int) -> tuple[Incident, list[Alert]]:
    alerts = [alert(fingerprint=f"f{i}", annotations={"summary": f"Disk {i} is full"}) for i in range(count)]
    return opened(*(joins() for _ in alerts)), alerts


# --- what it shows


def test_the_card_of_one_alert() -> None:
    one = alert(annotations={"summary": "Disk of db1 is full", "description": "97 %"}, links=(Link("runbook", "http://r"),))
    incident = replace(opened(), labels={"instance": "db1", "alertname": "DiskFull", "severity": "warning"})
    assert drawn(incident, one) == Card(
        number=42, revision=1, state=State.firing, severity=warning, title="Disk of db1 is full", summary="97 %", started_at=NOW,
        changed_at=NOW + 99, firing=1, total=1, fields=(("alertname", "DiskFull"), ("instance", "db1")),
        links=(Link("runbook", "http://r"),), url=URL, buttons=drawn(incident).buttons,
    )  # fmt: skip
    assert drawn(incident, one).headline == "#42 firing warning: Disk of db1 is full"


def test_the_card_of_a_group_lists_its_alerts() -> None:
    first = alert(severity=critical, starts_at=NOW - 5)
    second = alert(firing=False, starts_at=NOW - 9, ends_at=NOW - 1, annotations={})
    incident = after(opened(joins(critical), joins()), [ends()], NOW)
    shown = drawn(incident, first, second)
    assert [(line.text, line.firing, line.severity, line.since) for line in shown.lines] == [
        ("Disk is full", True, critical, NOW - 5),
        ("DiskFull", False, warning, NOW - 1),
    ]
    assert (shown.firing, shown.total, shown.more, shown.severity) == (1, 2, 0, critical)


def test_a_group_is_titled_by_the_name_it_shares_or_by_its_worst() -> None:
    incident, alerts = many(3)
    assert drawn(incident, *alerts).title == incident.title
    mixed = replace(incident, labels={})
    assert drawn(mixed, *alerts).title == "Disk 0 is full, and 2 more"
    assert drawn(mixed).title == incident.title
    assert drawn(mixed, alerts[0]).title == "Disk 0 is full, and 2 more"  # the others are not known any more
    assert drawn(replace(incident, total=1, labels={}), alerts[0]).title == "Disk 0 is full"


@given(st.integers(0, 40), st.integers(0, 40))
def test_lines_are_few_and_the_rest_is_counted_exactly(total: int, given_alerts: int) -> None:
    incident, alerts = many(max(1, total))
    shown = drawn(incident, *alerts[:given_alerts])
    assert len(shown.lines) <= MOST_LINES == 10
    if incident.total > 1:
        assert len(shown.lines) == min(given_alerts, incident.total, MOST_LINES)
        assert len(shown.lines) + shown.more == incident.total
    else:
        assert (shown.lines, shown.more) == ((), 0)


def test_fields_are_the_shared_labels_and_not_too_many() -> None:
    labels = {f"label{i}": str(i) for i in range(20)} | {"severity": "warning"}
    fields = drawn(replace(opened(), labels=labels)).fields
    assert len(fields) == MOST_FIELDS
    assert fields == tuple(sorted((name, value) for name, value in labels.items() if name != "severity"))[:MOST_FIELDS]


def test_people_go_by_name_and_who_left_by_key() -> None:
    incident = resolve(acknowledge(opened(), "ana", NOW, note="on it")[0], "zed", NOW + 5)[0]
    shown = drawn(incident)
    assert (shown.owner, shown.resolved_by, shown.note, shown.resolved_at) == ("Ana Petrova", "zed", "on it", NOW + 5)


def test_marks_are_shown_while_they_hold() -> None:
    acked = acknowledge(opened(), "ana", NOW, until=NOW + 60)[0]
    assert (drawn(acked).acked_until, drawn(resolve(acked, "ana", NOW)[0]).acked_until) == (NOW + 60, 0.0)
    assert drawn(snooze(opened(), "ana", NOW, NOW + 60)[0]).snoozed_until == NOW + 60
    two = after(opened(joins(), joins()), [mutes()], NOW)
    assert drawn(two).silenced == ""
    assert drawn(after(two, [mutes()], NOW)).silenced == "muted_by_silence"


def test_it_says_that_it_is_about_to_close() -> None:
    quiet = after(opened(), [ends()], NOW)
    closed = tick(quiet, Timing(), NOW + 60)[0]
    assert [drawn(incident).closing for incident in (opened(), quiet, closed)] == [False, True, False]


# --- buttons


@pytest.mark.parametrize(
    ("incident", "verbs"),
    [
        (opened(), ["ack", "resolve", "snooze", "silence", "note"]),
        (acknowledge(opened(), "ana", NOW)[0], ["unack", "resolve", "snooze", "silence", "note"]),
        (after(opened(), [ends()], NOW), ["ack", "resolve", "snooze", "silence", "note"]),
        (resolve(opened(), "ana", NOW)[0], []),
    ],
)
def test_buttons_fit_the_state(incident: Incident, verbs: list[str]) -> None:
    assert [button.verb for button in drawn(incident).buttons] == verbs


def test_a_button_presses_as_a_command_about_this_incident() -> None:
    more = {"snooze": " 1h", "silence": " 1h", "note": " hm"}
    for incident in (opened(), acknowledge(opened(), "ana", NOW)[0]):
        for button in drawn(incident).buttons:
            command: Command = parse(button.command + more.get(button.verb, ""))
            assert (command.verb, command.numbers) == (button.verb, (42,))


# --- stubs

CANARY = "canary"
canaries = st.text(min_size=1, max_size=9).map(lambda text: f"{CANARY} {text}")
pairs = st.dictionaries(canaries, canaries, max_size=4)
incidents = st.builds(
    Incident,
    number=st.integers(1, 999), route=canaries, group=pairs, title=canaries, labels=pairs, channels=st.lists(canaries).map(tuple),
    sensitivity=st.sampled_from(["confidential", "restricted"]), started_at=st.just(NOW), state=st.sampled_from(State),
    severity=st.sampled_from(Severity), firing=st.just((1, 2, 0, 0, 0)), total=st.just(3), owner=canaries, note=canaries,
    silenced=canaries, muted=st.sampled_from([0, 3]), resolved_by=canaries, acked_until=st.just(NOW), resolved_at=st.just(NOW),
)  # fmt: skip


def texts(value: Any) -> list[str]:
    """Every string in plain data."""
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in texts(one)]
    if isinstance(value, list | tuple):
        return [text for one in value for text in texts(one)]
    return [value] if isinstance(value, str) else []


@given(incidents)
def test_a_stub_tells_nothing_of_what_the_incident_says(incident: Incident) -> None:
    shown = stub(incident, ["sre", "dba"], NOW)
    assert not any(CANARY in text for text in [*texts(msgspec.to_builtins(shown)), shown.headline])
    assert any(CANARY in text for text in texts(msgspec.to_builtins(drawn(incident))))  # the canary sings where it may
    assert (shown.fields, shown.lines, shown.links, shown.buttons, shown.url) == ((), (), (), (), "")
    assert shown.stub


def test_a_stub_says_how_bad_it_is_and_whom_to_ask() -> None:
    incident = replace(opened(joins(critical)), sensitivity="restricted")
    shown = stub(incident, ["sre", "dba"], NOW + 9)
    assert shown.headline == "#42 firing critical: restricted incident"
    assert shown.summary == "Shown in full only to those who are cleared: sre, dba."
    assert "nobody yet, ask an admin" in stub(incident, [], NOW).summary
    assert (shown.revision, shown.started_at, shown.changed_at) == (1, NOW, NOW + 9)
