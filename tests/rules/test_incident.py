"""What each move does, told one by one. That no sequence of them goes wrong: test_incident_properties."""

from collections.abc import Callable, Sequence

import msgspec
import pytest
from msgspec.structs import replace

from rules.alert import Severity
from rules.change import Change, Kind
from rules.deadline import NEVER, URGENT, due_at, show_at, tick
from rules.handling import acknowledge, add_note, approved, assign, resolve, snooze, unacknowledge
from rules.incident import Delta, Incident, Moved, State, Timing, describe, takes
from rules.tally import apply
from tests.rules.made import (
    NOW,
    after,
    alert,
    becomes,
    blank,
    critical,
    ends,
    high,
    joins,
    low,
    mutes,
    opened,
    refires,
    warning,
)

TIMING = Timing(group_wait=10.0, group_interval=60.0, repeat_interval=3600.0, resolve_after=30.0, reopen_within=600.0)
SILENCE, INHIBITION = "muted_by_silence", "muted_by_inhibition"
HOUR = 3600.0


def kinds(moved: Moved) -> list[str]:
    return [change.kind.value for change in moved[1]]


def quiet() -> Incident:
    """All its alerts have resolved; it has not closed yet."""
    return after(opened(), [ends()], NOW + 60)


def closed() -> Incident:
    return tick(quiet(), TIMING, NOW + 90)[0]


def acked(until: float = 0.0, severity: Severity = warning) -> Incident:
    return acknowledge(opened(joins(severity)), "ana", NOW + 5, until, "on it")[0]


# --- its alerts


@pytest.mark.parametrize(
    ("before", "deltas", "told"),
    [
        (blank(), [joins()], ["new"]),
        (blank(), [joins(critical), joins(low)], ["new"]),
        (blank(), [joins(muted=SILENCE)], ["new", "muted_by_silence"]),
        (blank(), [joins(muted=SILENCE), joins()], ["new"]),
        (opened(), [], []),
        (opened(), [joins()], ["more_alerts"]),
        (opened(), [joins(low)], ["more_alerts"]),
        (opened(), [joins(critical)], ["more_alerts", "severity_raised"]),
        (opened(), [becomes(warning, high)], ["severity_raised"]),
        (opened(), [becomes(warning, low)], ["some_resolved"]),
        (opened(joins(), joins()), [becomes(warning, low)], []),
        (opened(joins(), joins()), [ends()], ["some_resolved"]),
        (opened(joins(), joins()), [ends(), joins()], ["more_alerts", "some_resolved"]),
        (opened(), [ends(), joins(critical)], ["more_alerts", "severity_raised", "some_resolved"]),
        (opened(), [ends()], ["all_resolved"]),
        (opened(), [joins(), ends(), ends()], ["all_resolved"]),
        (quiet(), [refires()], ["firing_again"]),
        (quiet(), [joins(critical)], ["firing_again", "severity_raised"]),
        (quiet(), [joins(low)], ["firing_again"]),
        (quiet(), [joins(), ends()], []),
        (closed(), [refires()], ["reopened"]),
        (closed(), [joins(muted=SILENCE)], ["reopened", "muted_by_silence"]),
        (closed(), [joins(), ends()], []),
        (acked(), [joins()], ["more_alerts"]),
        (opened(), [mutes()], ["muted_by_silence"]),
        (opened(), [mutes(after=INHIBITION)], ["muted_by_inhibition"]),
        (opened(), [mutes(after="muted_by_time_interval")], ["muted_by_time_interval"]),
        (opened(joins(), joins()), [mutes()], []),
        (opened(joins(muted=SILENCE)), [mutes(before=SILENCE, after="")], ["unmuted"]),
        (opened(joins(muted=SILENCE)), [mutes(before=SILENCE, after=INHIBITION)], ["muted_by_inhibition"]),
        (opened(joins(muted=SILENCE)), [joins(muted=INHIBITION)], ["more_alerts"]),
        (opened(joins(muted=SILENCE)), [joins()], ["more_alerts", "unmuted"]),
        (opened(joins(muted=SILENCE)), [ends(muted=SILENCE)], ["all_resolved"]),
        (opened(joins(), joins(muted=SILENCE)), [ends()], ["some_resolved", "muted_by_silence"]),
    ],
)
def test_what_alerts_mean_for_their_incident(before: Incident, deltas: Sequence[Delta], told: list[str]) -> None:
    moved = apply(before, deltas, NOW + 100)
    assert kinds(moved) == told
    assert all(change.at == NOW + 100 and change.by == "" for change in moved[1])
    assert moved[0].revision == before.revision + 1 or not told


def test_the_texts_of_changes_count() -> None:
    def text(incident: Incident, *deltas: Delta) -> list[str]:
        return [change.text for change in apply(incident, deltas, NOW)[1]]

    assert text(blank(title="Disk is full"), joins()) == ["Disk is full"]
    assert text(opened(), joins(), joins(high)) == ["2 alerts", "warning to high"]
    assert text(opened(), becomes(warning, low)) == ["now low"]
    assert text(opened(joins(), joins()), ends()) == ["1 alert"]
    assert text(closed(), refires(), joins()) == ["2 firing"]


def test_what_the_card_shows_counts_as_a_revision_and_nothing_else() -> None:
    two = opened(joins(), joins(low))
    shown = [[joins(low)], [ends(low)], [becomes(low, warning)], [replace(becomes(low, low), reworded=True)]]
    assert [apply(two, deltas, NOW)[0].revision for deltas in shown] == [2, 2, 2, 2]
    muted, changes = apply(two, [mutes()], NOW)
    assert (muted.muted, muted.revision, changes) == (1, 1, [])
    untouched = apply(two, [becomes(low, low)], NOW)
    assert untouched[0] is two
    assert apply(two, [], NOW)[0] is two


def test_an_alert_that_is_in_no_batch_stays_as_it_was() -> None:
    """Alertmanager cuts long batches off, and Prometheus sends resolved alerts only for a while: silence proves nothing."""
    incident = opened(joins(critical), joins(), joins())
    for minute in range(1, 100):
        incident = after(incident, [joins(low), ends(low)], NOW + minute)
    assert incident.firing == (1, 0, 2, 0, 0)
    assert (incident.state, incident.quiet_since, incident.total) == (State.firing, 0.0, 102)


def test_severity_is_the_worst_that_fires_or_the_worst_that_ever_fired() -> None:
    incident = opened(joins(critical), joins(low))
    incident = after(incident, [ends(critical)], NOW + 1)
    assert incident.severity == low
    incident = after(incident, [ends(low)], NOW + 2)
    assert incident.severity == critical
    assert after(incident, [refires(low)], NOW + 3).severity == low
    reopened = after(tick(incident, TIMING, NOW + 100)[0], [joins(low)], NOW + 200)
    assert (reopened.severity, after(reopened, [ends(low)], NOW + 300).severity) == (low, low)


def test_labels_and_title_say_what_all_alerts_share() -> None:
    first = alert(labels={"alertname": "DiskFull", "instance": "db1", "cluster": "eu1"})
    second = alert(labels={"alertname": "DiskFull", "instance": "db2", "cluster": "eu1"})
    third = alert(labels={"job": "node"})
    group = {"alertname": "DiskFull", "cluster": "eu1"}
    incident = blank(labels=first.labels, group=group, title="Disk of db1 is full")
    assert describe(incident, first, "internal") is incident
    both = describe(incident, second, "internal")
    assert both.labels == {"alertname": "DiskFull", "cluster": "eu1"}
    assert both.title == "DiskFull (cluster=eu1)"
    assert describe(both, first, "internal") is both
    assert describe(both, first, "restricted").sensitivity == "restricted"
    assert describe(both, third, "internal").labels == {}
    assert describe(replace(both, group={}), third, "internal").title == both.title


# --- closing and reopening


def test_it_closes_once_quiet_for_resolve_after_and_not_earlier() -> None:
    incident = quiet()
    assert due_at(incident, TIMING) == NOW + 60 + 30
    assert tick(incident, TIMING, NOW + 89.9)[0] is incident
    moved = tick(incident, TIMING, NOW + 90)
    assert kinds(moved) == ["resolved"]
    assert (moved[0].state, moved[0].resolved_at, moved[0].resolved_by) == (State.resolved, NOW + 90, "")
    assert due_at(moved[0], TIMING) == NEVER


def test_flapping_within_resolve_after_never_closes_it() -> None:
    incident = opened()
    now = NOW
    for _ in range(50):
        incident = after(incident, [ends()], now := now + 29)
        assert tick(incident, TIMING, now + 29.9)[0] is incident
        again = apply(incident, [refires()], now := now + 29.9)
        assert kinds(again) == ["firing_again"]
        incident = again[0]
    assert (incident.state, incident.quiet_since) == (State.firing, 0.0)


def test_quiet_is_counted_from_the_last_resolve() -> None:
    incident = after(opened(joins(), joins()), [ends()], NOW + 10)
    assert incident.quiet_since == 0.0
    incident = after(incident, [ends()], NOW + 20)
    assert after(incident, [joins(), ends()], NOW + 25).quiet_since == NOW + 20


def test_new_alerts_reopen_it_within_reopen_within_and_then_no_more() -> None:
    incident = closed()
    assert takes(opened(), TIMING, NOW + 1e6)
    assert takes(incident, TIMING, incident.resolved_at + 599.9)
    assert not takes(incident, TIMING, incident.resolved_at + 600)


def test_a_reopened_incident_carries_no_marks_of_its_first_life() -> None:
    incident = snooze(acked(until=NOW + HOUR), "ana", NOW + 6, NOW + HOUR)[0]
    incident = resolve(incident, "bo", NOW + 7, "fixed")[0]
    assert (incident.resolved_by, incident.note, incident.snoozed_until) == ("bo", "fixed", 0.0)
    reopened = after(incident, [joins()], NOW + 100)
    assert reopened == replace(
        incident, state=State.firing, told_at=NOW + 100, owner="", acked_at=0.0, acked_until=0.0, note="", resolved_at=0.0,
        resolved_by="", firing=(0, 0, 2, 0, 0), total=2, revision=incident.revision + 1,
    )  # fmt: skip
    assert due_at(reopened, TIMING) == NOW + 100 + HOUR


# --- people


COMMANDS: dict[str, Callable[[Incident], Moved]] = {
    "acknowledged": lambda incident: acknowledge(incident, "ana", NOW + 9, NOW + HOUR, "on it"),
    "unacknowledged": lambda incident: unacknowledge(incident, "ana", NOW + 9),
    "resolved": lambda incident: resolve(incident, "ana", NOW + 9, "fixed"),
    "snoozed": lambda incident: snooze(incident, "ana", NOW + 9, NOW + HOUR),
    "assigned": lambda incident: assign(incident, "ana", NOW + 9, "bo"),
    "noted": lambda incident: add_note(incident, "ana", NOW + 9, "runbook fails at step 3"),
}


@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize("before", [opened(), acked(), quiet(), opened(joins(muted=SILENCE))], ids=lambda i: i.state)
def test_a_command_changes_one_thing_and_its_repetition_none(kind: str, before: Incident) -> None:
    if kind == "unacknowledged" and before.state != State.acknowledged:
        assert COMMANDS[kind](before)[0] is before
        return
    done, changes = COMMANDS[kind](before)
    assert [(change.kind.value, change.at, change.by) for change in changes] == [(kind, NOW + 9, "ana")]
    assert done.revision == before.revision + 1
    counts = ("firing", "muted", "total", "severity", "quiet_since", "silenced")
    assert [getattr(done, name) for name in counts] == [getattr(before, name) for name in counts]
    again, none = COMMANDS[kind](done)
    assert again is done
    assert none == []


@pytest.mark.parametrize("kind", sorted({*COMMANDS} - {"noted"}))
def test_on_a_resolved_incident_there_is_nothing_to_do(kind: str) -> None:
    incident = closed()
    assert COMMANDS[kind](incident) == (incident, [])


def test_an_ack_names_its_owner_and_another_person_takes_it_over() -> None:
    incident = acked(until=NOW + HOUR)
    assert (incident.state, incident.owner, incident.acked_until, incident.note) == ("acknowledged", "ana", NOW + HOUR, "on it")
    taken = acknowledge(incident, "bo", NOW + 6, NOW + HOUR)
    assert kinds(taken) == ["acknowledged"]
    assert (taken[0].owner, taken[0].note) == ("bo", "on it")
    assert kinds(acknowledge(incident, "ana", NOW + 6, NOW + 2 * HOUR)) == ["acknowledged"]
    assert kinds(acknowledge(incident, "ana", NOW + 6, NOW + HOUR, "still on it")) == ["acknowledged"]


def test_an_ack_ends_in_time_and_that_is_told() -> None:
    incident = acked(until=NOW + HOUR)
    assert due_at(incident, TIMING) == NOW + HOUR
    assert tick(incident, TIMING, NOW + HOUR - 0.1)[0] is incident
    ended, changes = tick(incident, TIMING, NOW + HOUR)
    assert changes == [Change(Kind.ack_ended, NOW + HOUR, text="ana")]
    assert (ended.state, ended.owner, ended.acked_at, ended.acked_until) == (State.firing, "", 0.0, 0.0)
    assert due_at(ended, TIMING) == NOW + 2 * HOUR  # the next reminder counts from here
    assert due_at(acked(), TIMING) == NEVER


def test_an_ack_that_ended_while_all_was_quiet_is_told_when_it_fires_again() -> None:
    incident = after(acked(until=NOW + 70), [ends()], NOW + 60)
    assert due_at(incident, TIMING) == NOW + 90
    incident = after(incident, [refires()], NOW + 80)
    assert due_at(incident, TIMING) <= NOW + 80
    assert kinds(tick(incident, TIMING, NOW + 80)) == ["ack_ended"]


def test_worse_than_what_was_acknowledged_takes_the_ack_away() -> None:
    moved = apply(acked(severity=warning), [joins(high)], NOW + 100)
    assert kinds(moved) == ["more_alerts", "severity_raised"]
    assert (moved[0].state, moved[0].owner) == (State.firing, "")


@pytest.mark.parametrize("more", [[joins()], [joins(low)], [joins(), joins(), joins(low)], [ends(), joins()]])
def test_more_of_the_same_leaves_the_ack(more: Sequence[Delta]) -> None:
    moved = after(acked(severity=warning), more, NOW + 100)
    assert (moved.state, moved.owner) == (State.acknowledged, "ana")


def test_an_ack_holds_for_what_it_was_given_for_even_after_better_times() -> None:
    incident = acknowledge(opened(joins(critical), joins(low)), "ana", NOW + 5)[0]
    incident = after(incident, [ends(critical)], NOW + 10)
    back = apply(incident, [refires(critical)], NOW + 20)
    assert kinds(back) == ["more_alerts", "severity_raised"]
    assert back[0].state == State.acknowledged


def test_worse_than_what_was_acknowledged_takes_the_ack_away_after_a_quiet_while_too() -> None:
    incident = after(opened(joins(critical), joins(low)), [ends(critical)], NOW + 5)
    incident = after(acknowledge(incident, "ana", NOW + 6)[0], [ends(low)], NOW + 7)
    back = apply(incident, [refires(high)], NOW + 20)
    assert [(change.kind, change.text) for change in back[1]] == [("firing_again", "1 alert"), ("severity_raised", "low to high")]
    assert back[0].state == State.firing


def test_an_incident_that_is_unacked_while_quiet_still_closes_in_time() -> None:
    incident = after(acked(), [ends()], NOW + 60)
    incident = unacknowledge(incident, "ana", NOW + 70)[0]
    assert (incident.state, incident.owner) == (State.firing, "")
    assert due_at(incident, TIMING) == NOW + 90
    assert kinds(tick(incident, TIMING, NOW + 90)) == ["resolved"]


def test_after_an_unack_the_reminder_counts_anew() -> None:
    incident = unacknowledge(acked(), "ana", NOW + 500)[0]
    assert due_at(incident, TIMING) == NOW + 500 + HOUR


def test_what_a_person_resolved_comes_back_if_it_fires_on() -> None:
    incident = resolve(opened(), "ana", NOW + 5)[0]
    assert (incident.state, incident.firing_count) == (State.resolved, 1)
    assert due_at(incident, TIMING) == NOW + 5 + HOUR
    assert tick(incident, TIMING, NOW + HOUR)[0] is incident
    back = tick(incident, TIMING, NOW + 5 + HOUR)
    assert kinds(back) == ["reopened"]
    assert back[1][0].text == "1 alert still firing, though it was resolved by hand"
    assert (back[0].state, back[0].resolved_by, back[0].resolved_at) == (State.firing, "", 0.0)
    assert due_at(back[0], TIMING) == NOW + 5 + 2 * HOUR


def test_what_a_person_resolved_stays_so_once_its_alerts_resolve() -> None:
    incident = resolve(opened(joins(), joins()), "ana", NOW + 5)[0]
    one = apply(incident, [ends()], NOW + 10)
    assert one[1] == []
    assert one[0].revision == incident.revision + 1  # the card counts
    done, changes = apply(one[0], [ends()], NOW + 20)
    assert (changes, done.quiet_since) == ([], NOW + 20)
    assert (done.state, done.resolved_by, done.resolved_at) == (State.resolved, "ana", NOW + 5)
    assert due_at(done, TIMING) == NEVER
    assert tick(done, TIMING, NOW + 1e9)[0] is done


def test_resolving_a_quiet_incident_by_hand_ends_it() -> None:
    incident = resolve(quiet(), "ana", NOW + 70)[0]
    assert due_at(incident, TIMING) == NEVER
    assert tick(incident, TIMING, NOW + 1e9)[0] is incident


def test_a_muted_incident_that_a_person_resolved_keeps_quiet() -> None:
    incident = resolve(opened(joins(muted=SILENCE)), "ana", NOW + 5)[0]
    assert due_at(incident, TIMING) == NEVER
    heard = apply(incident, [mutes(before=SILENCE, after="")], NOW + HOUR)
    assert kinds(heard) == []
    assert heard[0].state == State.resolved
    assert due_at(heard[0], TIMING) == NOW + 2 * HOUR  # but if it fires on unmuted, it comes back
    muted = apply(heard[0], [mutes()], NOW + HOUR + 1)
    assert kinds(muted) == []
    assert muted[0].muted_by == SILENCE
    assert [one.revision - incident.revision for one in (heard[0], muted[0])] == [1, 2]  # the card says so
    gone = apply(muted[0], [ends(muted=SILENCE)], NOW + HOUR + 2)
    assert (kinds(gone), gone[0].state, gone[0].silenced) == ([], State.resolved, "")


# --- reminders, snoozes, mutes


def test_an_incident_that_nobody_handles_is_brought_up_again_and_again() -> None:
    incident = opened(joins(), joins())
    for n in (1, 2, 3):
        assert due_at(incident, TIMING) == NOW + n * HOUR
        incident, changes = tick(incident, TIMING, NOW + n * HOUR)
        assert changes == [Change(Kind.reminder, NOW + n * HOUR, text="2 alerts still firing")]
        assert tick(incident, TIMING, NOW + n * HOUR)[0] is incident
    assert incident.revision == 4


def test_a_snooze_puts_reminders_off_until_it_ends_and_says_so() -> None:
    incident = snooze(opened(), "ana", NOW + 5, NOW + 5 * HOUR)[0]
    assert due_at(incident, TIMING) == NOW + 5 * HOUR
    assert tick(incident, TIMING, NOW + 4 * HOUR)[0] is incident
    ended = tick(incident, TIMING, NOW + 5 * HOUR)
    assert kinds(ended) == ["snooze_ended"]
    assert ended[0].snoozed_until == 0.0
    assert due_at(ended[0], TIMING) == NOW + 6 * HOUR


def test_a_snooze_outlives_the_ack_and_an_ack_takes_its_place() -> None:
    incident = snooze(acked(until=NOW + HOUR), "ana", NOW + 6, NOW + 3 * HOUR)[0]
    for free in (unacknowledge(incident, "ana", NOW + 7)[0], tick(incident, TIMING, NOW + HOUR)[0]):
        assert (free.state, free.snoozed_until) == (State.firing, NOW + 3 * HOUR)
        assert due_at(free, TIMING) == NOW + 3 * HOUR
        assert acknowledge(free, "bo", NOW + 2 * HOUR)[0].snoozed_until == 0.0


def test_a_snooze_that_ends_before_the_ack_is_told_and_the_ack_stays() -> None:
    incident = snooze(acked(until=NOW + HOUR), "ana", NOW + 6, NOW + 60)[0]
    assert due_at(incident, TIMING) == NOW + 60
    ended = tick(incident, TIMING, NOW + 60)
    assert (kinds(ended), ended[0].state) == (["snooze_ended"], State.acknowledged)


def test_a_snooze_does_not_outlive_its_incident() -> None:
    incident = after(snooze(opened(), "ana", NOW + 5, NOW + HOUR)[0], [ends()], NOW + 60)
    assert due_at(incident, TIMING) == NOW + 90
    assert tick(incident, TIMING, NOW + 90)[0].snoozed_until == 0.0


def test_an_ack_and_a_snooze_that_end_together_are_both_told() -> None:
    incident = snooze(acked(until=NOW + HOUR), "ana", NOW + 6, NOW + HOUR)[0]
    ended = tick(incident, TIMING, NOW + HOUR)
    assert kinds(ended) == ["snooze_ended", "ack_ended"]
    assert ended[0].revision == incident.revision + 1


def test_a_muted_incident_sends_no_reminder_and_says_when_it_is_heard_again() -> None:
    incident = after(opened(), [mutes()], NOW + 5)
    assert (incident.is_muted, incident.muted_by, due_at(incident, TIMING)) == (True, SILENCE, NEVER)
    heard, changes = apply(incident, [mutes(before=SILENCE, after="")], NOW + 5 * HOUR)
    assert changes == [Change(Kind.unmuted, NOW + 5 * HOUR)]
    assert (heard.is_muted, heard.muted_by, due_at(heard, TIMING)) == (False, "", NOW + 6 * HOUR)


def test_one_alert_that_is_heard_keeps_the_incident_heard() -> None:
    incident = after(opened(joins(), joins()), [mutes()], NOW + 5)
    assert (incident.muted, incident.is_muted, incident.muted_by) == (1, False, "")
    assert due_at(incident, TIMING) == NOW + HOUR


def test_an_incident_whose_only_heard_alert_resolves_says_why_it_is_muted() -> None:
    incident = after(opened(joins(), joins(muted=INHIBITION)), [ends()], NOW + 5)
    assert incident.muted_by == INHIBITION


# --- the whole life


def test_every_kind_of_change_happens_in_a_life() -> None:
    incident, told = blank(), list[Change]()

    def then(moved: Moved) -> None:
        nonlocal incident
        incident = moved[0]
        told.extend(moved[1])

    then(apply(incident, [joins()], NOW))
    then(acknowledge(incident, "ana", NOW + 1, NOW + 100))
    then(add_note(incident, "bo", NOW + 2, "hm"))
    then(approved(incident, "cleo", NOW + 3, "assign"))
    then(assign(incident, "ana", NOW + 3, "bo"))
    then(unacknowledge(incident, "bo", NOW + 4))
    then(snooze(incident, "ana", NOW + 5, NOW + 10))
    then(tick(incident, TIMING, NOW + 10))
    then(acknowledge(incident, "ana", NOW + 11, NOW + 100))
    then(tick(incident, TIMING, NOW + 100))
    then(tick(incident, TIMING, NOW + 2 * HOUR))
    then(apply(incident, [joins(), joins(critical)], NOW + 2 * HOUR))
    then(apply(incident, [ends(), ends(critical)], NOW + 2 * HOUR))
    for reason in (SILENCE, INHIBITION, "muted_by_time_interval"):
        then(apply(incident, [mutes(after=reason)], NOW + 2 * HOUR))
        then(apply(incident, [mutes(before=reason, after="")], NOW + 2 * HOUR))
    then(apply(incident, [ends()], NOW + 3 * HOUR))
    then(apply(incident, [refires()], NOW + 3 * HOUR))
    then(apply(incident, [ends()], NOW + 3 * HOUR))
    then(tick(incident, TIMING, NOW + 4 * HOUR))
    then(apply(incident, [refires()], NOW + 4 * HOUR))
    then(resolve(incident, "ana", NOW + 4 * HOUR))
    assert {change.kind for change in told} == set(Kind)
    assert incident.firing == (0, 0, 1, 0, 0)
    assert msgspec.json.decode(msgspec.json.encode(incident), type=Incident) == incident
    assert msgspec.json.decode(msgspec.json.encode(told), type=list[Change]) == told


# --- when the card may be shown


def shown(kind: Kind, at: float, now: float) -> float:
    return show_at(opened(), [Change(kind, now)], TIMING, at, now)


def test_the_first_card_waits_for_the_group() -> None:
    assert shown(Kind.new, 0.0, NOW) == NOW + 10
    assert shown(Kind.acknowledged, 0.0, NOW + 5) == NOW + 10
    assert shown(Kind.unmuted, 0.0, NOW + HOUR) == NOW + HOUR  # never shown while muted


@pytest.mark.parametrize("kind", Kind)
def test_mere_counts_wait_for_the_group_interval_and_nothing_else_does(kind: Kind) -> None:
    counts = {Kind.more_alerts, Kind.some_resolved}
    assert (kind in URGENT) == (kind not in counts)
    assert shown(kind, NOW + 10, NOW + 20) == (NOW + 70 if kind in counts else NOW + 20)
    assert shown(kind, NOW + 10, NOW + 500) == NOW + 500


def test_one_urgent_change_among_counts_is_enough() -> None:
    changes = [Change(Kind.more_alerts, NOW), Change(Kind.severity_raised, NOW)]
    assert show_at(opened(), changes, TIMING, NOW + 10, NOW + 20) == NOW + 20
    assert show_at(opened(), [], TIMING, NOW + 10, NOW + 20) == NOW + 70
