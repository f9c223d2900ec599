"""Any sequence of alerts, commands and waiting: the laws that an incident keeps, beside a model that only counts."""

from collections import Counter
from collections.abc import Callable, Sequence

from hypothesis import event, given, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from rules.alert import Severity
from rules.card import Card, card
from rules.change import Change, Kind
from rules.deadline import NEVER, URGENT, due_at, show_at, tick
from rules.handling import acknowledge, add_note, assign, resolve, snooze, unacknowledge
from rules.incident import Delta, Incident, Member, Moved, State, Timing, takes
from rules.tally import apply
from tests.rules.made import NOW, alert, blank

MUTES = ("muted_by_silence", "muted_by_inhibition", "muted_by_time_interval")
LEGAL = {
    "alerts": {("firing", "firing"), ("acknowledged", "acknowledged"), ("acknowledged", "firing"), ("resolved", "resolved"),
               ("resolved", "firing")},
    "tick": {("firing", "firing"), ("acknowledged", "acknowledged"), ("acknowledged", "firing"), ("firing", "resolved"),
             ("acknowledged", "resolved"), ("resolved", "firing"), ("resolved", "resolved")},
    "ack": {("firing", "acknowledged"), ("acknowledged", "acknowledged"), ("resolved", "resolved")},
    "unack": {("firing", "firing"), ("acknowledged", "firing"), ("resolved", "resolved")},
    "resolve": {("firing", "resolved"), ("acknowledged", "resolved"), ("resolved", "resolved")},
    "mark": {("firing", "firing"), ("acknowledged", "acknowledged"), ("resolved", "resolved")},
}  # fmt: skip

Told = tuple[Severity, bool, str, bool]
"""What is reported of an alert: severity, whether it fires, why it is muted, whether in other words."""

ENDED: Told = (Severity.info, False, "", False)
fires = st.tuples(st.sampled_from(Severity), st.just(True), st.sampled_from(["", "", "", *MUTES]), st.booleans())
people = st.sampled_from(["ana", "bo"])
pauses = st.sampled_from([0.0, 0.5, 5.0, 29.0, 30.0, 31.0, 600.0, 3600.0])
timings = st.builds(
    Timing,
    group_wait=st.sampled_from([0.0, 10.0]),
    group_interval=st.sampled_from([0.0, 60.0]),
    repeat_interval=st.sampled_from([20.0, 3600.0]),
    resolve_after=st.sampled_from([0.0, 30.0]),
    reopen_within=st.sampled_from([0.0, 600.0]),
)


class Life(RuleBasedStateMachine):
    """`members`: what the model knows, by alert; `texts`: how often an alert was reworded."""

    @initialize(timing=timings, first=st.dictionaries(st.integers(0, 5), fires, min_size=1, max_size=4))
    def begin(self, timing: Timing, first: dict[int, Told]) -> None:
        self.now, self.timing = NOW, timing
        self.open_new()
        self.report(first)

    def open_new(self) -> None:
        self.members: dict[int, Member] = {}
        self.texts: Counter[int] = Counter()
        self.quiet_since = 0.0
        self.incident = blank(started_at=self.now)

    # --- moves

    @rule(pause=pauses)
    def wait(self, pause: float) -> None:
        self.now += pause

    @precondition(lambda self: due_at(self.incident, self.timing) < NEVER)
    @rule(early=st.sampled_from([0.0, 0.001]))
    def wait_until_due(self, early: float) -> None:
        self.now = max(self.now, due_at(self.incident, self.timing) - early)

    @rule(key=st.integers(0, 5))
    def end_all_but_one(self, key: int) -> None:
        self.report(dict.fromkeys(self.members.keys() - {key}, ENDED))

    @rule()
    def end_all(self) -> None:
        self.report(dict.fromkeys(self.members, ENDED))

    @rule(wanted=st.dictionaries(st.integers(0, 5), st.just(ENDED) | fires, min_size=1, max_size=4))
    def report(self, wanted: dict[int, Told]) -> None:
        """Some alerts of the incident, in the states that the bot can bring them in: new ones and refired ones fire."""
        if not takes(self.incident, self.timing, self.now) and any(firing for _, firing, _, _ in wanted.values()):
            self.open_new()
        deltas = {key: delta for key, state in wanted.items() if (delta := self.delta(key, *state))}
        before = self.incident
        fired = sum(d.after.firing and not (d.before and d.before.firing) for d in deltas.values())
        ended = sum(bool(d.before and d.before.firing and not d.after.firing) for d in deltas.values())
        self.members |= {key: delta.after for key, delta in deltas.items()}
        counts = self.counts()
        if not any(counts) and not self.quiet_since:
            self.quiet_since = self.now
        elif any(counts):
            self.quiet_since = 0.0
        changes = self.move("alerts", lambda one: apply(one, list(deltas.values()), self.now), deltas)
        self.check_told(before, changes, fired, ended)

    def delta(self, key: int, severity: Severity, firing: bool, muted: str, reworded: bool) -> Delta | None:
        before = self.members.get(key)
        if firing:
            return Delta(before, Member(severity, True, muted), reworded and before is not None and before.firing)
        return Delta(before, Member(before.severity, False)) if before and before.firing else None

    def check_told(self, before: Incident, changes: Sequence[Change], fired: int, ended: int) -> None:
        """The change list is as the names say, no more and no less."""
        after, kinds = self.incident, {change.kind for change in changes}
        opening, was_open, fires = not before.total, before.total > 0 and before.state != "resolved", after.firing_count > 0
        reopened = before.state == "resolved" and fired > 0
        assert (Kind.new in kinds) == opening
        assert (Kind.reopened in kinds) == reopened
        assert (Kind.more_alerts in kinds) == (was_open and fired > 0 and not before.quiet_since)
        assert (Kind.firing_again in kinds) == (was_open and fired > 0 and before.quiet_since > 0)
        assert (Kind.all_resolved in kinds) == (was_open and not fires and before.firing_count > 0)
        if was_open and fires:
            rose = before.firing_count > 0 and after.severity < before.severity
            unacked = before.state == "acknowledged" and after.severity < before.acked_severity
            assert (after.state != before.state) == unacked
            assert Kind.severity_raised in kinds or not (rose or unacked)
            assert Kind.some_resolved in kinds or not ended
        muted = {Kind(after.muted_by)} if after.muted_by else {Kind.unmuted} if before.muted_by and fires else set()
        told = muted if after.state != "resolved" and after.muted_by != before.muted_by else set()
        assert kinds & {*map(Kind, MUTES), Kind.unmuted} == told

    @rule()
    def tick(self) -> None:
        before, due = self.incident, due_at(self.incident, self.timing)
        changes = self.move("tick", lambda one: tick(one, self.timing, self.now))
        assert bool(changes) == (self.now >= due)
        kinds = {change.kind for change in changes}
        assert kinds <= {Kind.resolved, Kind.reopened, Kind.snooze_ended, Kind.ack_ended, Kind.reminder}
        assert (Kind.reminder in kinds) <= (before.state == "firing" and not before.snoozed_until and not before.is_muted)
        assert (Kind.ack_ended in kinds) == (before.state == "acknowledged" and self.incident.state == "firing")
        assert (Kind.resolved in kinds) == (self.incident.state == "resolved" and before.state != "resolved")
        if Kind.resolved in kinds:
            assert self.quiet_since + self.timing.resolve_after <= self.now
            assert not self.incident.firing_count

    @rule(by=people, pause=st.none() | pauses, text=st.sampled_from(["", "on it"]))
    def acknowledge(self, by: str, pause: float | None, text: str) -> None:
        until = 0.0 if pause is None else self.now + 1 + pause
        self.command("ack", Kind.acknowledged, by, lambda one: acknowledge(one, by, self.now, until, text))

    @rule(by=people)
    def unacknowledge(self, by: str) -> None:
        self.command("unack", Kind.unacknowledged, by, lambda one: unacknowledge(one, by, self.now))

    @rule(by=people, text=st.sampled_from(["", "fixed"]))
    def resolve(self, by: str, text: str) -> None:
        self.command("resolve", Kind.resolved, by, lambda one: resolve(one, by, self.now, text))

    @rule(by=people, pause=pauses)
    def snooze(self, by: str, pause: float) -> None:
        until = self.now + 1 + pause
        self.command("mark", Kind.snoozed, by, lambda one: snooze(one, by, self.now, until))

    @rule(by=people, owner=people)
    def assign(self, by: str, owner: str) -> None:
        self.command("mark", Kind.assigned, by, lambda one: assign(one, by, self.now, owner))

    @rule(by=people, text=st.sampled_from(["", "hm", "on it"]))
    def add_note(self, by: str, text: str) -> None:
        self.command("mark", Kind.noted, by, lambda one: add_note(one, by, self.now, text))

    def command(self, name: str, kind: Kind, by: str, move: Callable[[Incident], Moved]) -> None:
        changes = self.move(name, move)
        assert [(change.kind, change.by) for change in changes] in ([], [(kind, by)])
        again, told = move(self.incident)
        assert again is self.incident, "a repetition changes nothing"
        assert told == []

    def move(self, name: str, make: Callable[[Incident], Moved], deltas: dict[int, Delta] | None = None) -> list[Change]:
        before, drawn = self.incident, self.drawn()
        self.texts.update(key for key, delta in (deltas or {}).items() if delta.reworded)
        if deltas:  # the card lists what it listed before the move
            drawn = self.drawn({key: d.before for key, d in deltas.items()}, {key for key, d in deltas.items() if d.reworded})
        self.incident, changes = make(before)
        note(f"{name} at {self.now - NOW:g}: {before.state} -> {self.incident.state} {[c.kind.value for c in changes]}")
        for change in changes:
            event(change.kind.value)
            assert change.at == self.now
        assert (before.state.value, self.incident.state.value) in LEGAL[name]
        shown = bool(changes) or self.drawn() != drawn
        assert self.incident.revision - before.revision == shown
        assert self.incident is before or self.incident != before
        return changes

    def drawn(self, over: dict[int, Member | None] | None = None, unsaid: set[int] | frozenset[int] = frozenset()) -> Card:
        """The card now; or, with other members and without the last words of some, as it was."""
        members = {key: member for key, member in {**self.members, **(over or {})}.items() if member}
        alerts = [
            alert(severity=m.severity, firing=m.firing, annotations={"summary": f"{key} {self.texts[key] - (key in unsaid)}"})
            for key, m in sorted(members.items(), key=lambda item: (not item[1].firing, item[1].severity, item[0]))
        ]
        return replace(card(self.incident, alerts, {}, "", 0.0), revision=0)

    # --- laws

    def counts(self) -> list[int]:
        return [sum(m.firing and m.severity == severity for m in self.members.values()) for severity in Severity]

    @invariant()
    def counts_are_those_of_the_model(self) -> None:
        one, firing = self.incident, [m for m in self.members.values() if m.firing]
        assert list(one.firing) == self.counts()
        assert (one.muted, one.total) == (sum(bool(m.muted) for m in firing), len(self.members))
        assert one.quiet_since == self.quiet_since
        assert one.severity == min((m.severity for m in firing), default=one.peak)
        assert one.peak <= one.severity

    @invariant()
    def marks_belong_to_their_state(self) -> None:
        one = self.incident
        assert (one.acked_until > 0) <= (one.state != State.firing)
        assert (one.state == State.acknowledged) <= (one.owner != "" and one.acked_at > 0)
        assert (one.resolved_at > 0) == (one.state == State.resolved)
        assert (one.resolved_by != "") <= (one.state == State.resolved)
        assert (one.snoozed_until > 0) <= (one.state != State.resolved)
        assert (one.muted > 0) == (one.silenced != "")
        assert one.is_muted == (one.muted_by != "")

    @invariant()
    def time_is_kept_exactly(self) -> None:
        """Nothing happens before it is due; what is due happens once."""
        one, due = self.incident, due_at(self.incident, self.timing)
        assert tick(one, self.timing, min(due - 0.001, NOW + 1e6)) == (one, [])
        if due < NEVER:
            at = max(due, self.now)
            after, changes = tick(one, self.timing, at)
            assert changes
            assert tick(after, self.timing, at)[0] is after

    @invariant()
    def nothing_that_fires_is_forgotten(self) -> None:
        """Unless somebody has it, put it off or muted it, it is brought up again; and what is quiet closes."""
        one, due = self.incident, due_at(self.incident, self.timing)
        put_off = one.state == State.acknowledged or one.snoozed_until or one.is_muted
        if one.firing_count and not put_off:
            assert due == one.told_at + self.timing.repeat_interval
        if not one.firing_count:
            assert due == (NEVER if one.state == State.resolved else self.quiet_since + self.timing.resolve_after)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=max(400, settings().max_examples // 5), stateful_step_count=40)


some_changes = st.lists(st.builds(Change, st.sampled_from(Kind), st.just(NOW)), max_size=4)
moments = st.floats(NOW, NOW + 1e5)


@given(some_changes, timings, st.just(0.0) | moments, moments)
def test_a_card_is_shown_never_before_it_is_due(changes: list[Change], timing: Timing, shown_at: float, now: float) -> None:
    at = show_at(blank(), changes, timing, shown_at, now)
    assert at >= now
    if not shown_at:
        assert at == max(now, NOW + timing.group_wait)
    elif URGENT.isdisjoint(change.kind for change in changes):
        assert at == max(now, min(now, shown_at) + timing.group_interval)  # a clock that was set back makes nobody wait
    else:
        assert at == now
