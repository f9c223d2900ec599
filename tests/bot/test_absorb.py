"""Reports become incidents and wanted cards in one transaction, on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.reload import apply_policy
from bot.store import alerts as alert_rows
from bot.store.engine import Store
from rules.alert import Severity, Verdict
from rules.change import Kind
from rules.incident import State
from tests.bot.world import NOW, ROUTE, World, alert, policy
from tests.standins.stores import rounds, statements
from tests.standins.stores import store as store
from tests.standins.stores import store_url as store_url

new, duplicate, resolved, refired = Verdict.new, Verdict.duplicate, Verdict.resolved, Verdict.refired


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> AsyncIterator[World]:
    world = World(store, policy(tmp_path))
    yield world
    await world.counts_add_up()


def writes(seen: list[str]) -> list[str]:
    """The statements that write rows, counters aside."""
    return [text for text in seen if text.startswith(("INSERT", "UPDATE", "DELETE")) and "facts" not in text]


async def test_a_new_alert_is_an_incident_and_a_wanted_card(world: World) -> None:
    assert await world.report(alert(severity="critical", annotation_summary="Disk is full")) == [new]
    incident = await world.incident()
    assert (incident.number, incident.route, incident.group) == (1, "root", {"alertname": "DiskFull"})
    assert (incident.title, incident.severity, incident.state) == ("Disk is full", Severity.critical, State.firing)
    assert (incident.firing, incident.total, incident.revision) == ((1, 0, 0, 0, 0), 1, 1)
    assert await world.told() == [Kind.new]
    (card,) = await world.cards()
    assert (card.incident, card.channel, card.wanted, card.shown) == (1, "ops", 1, 0)
    assert card.due_at == NOW + 10  # group_wait
    assert card.thread_shown == card.thread_wanted > 0  # the card itself says that it is new


async def test_the_same_alert_again_says_nothing_new(world: World) -> None:
    assert await world.report(alert(), alert(), alert("Other")) == [new, duplicate, new]
    assert await world.report(alert()) == [duplicate]
    answers = await world.requests([alert()], [alert("Third"), alert()], [alert("Third")])
    assert [answer.verdicts for answer in answers] == [[duplicate], [new, duplicate], [duplicate]]
    assert [(i.total, i.revision) for i in await world.incidents()] == [(1, 1)] * 3
    assert [await world.told(n) for n in (1, 2, 3)] == [[Kind.new]] * 3


async def test_a_whole_life_in_one_commit(world: World) -> None:
    over = alert(firing=False, at=NOW + 5)
    world.now = NOW + 5
    answers = await world.requests([alert(), alert(host="b")], [over], [alert(host="b", firing=False, at=NOW + 5)])
    assert [answer.verdicts for answer in answers] == [[new, new], [resolved], [resolved]]
    incident = await world.incident()
    assert (incident.firing_count, incident.total, incident.quiet_since) == (0, 2, NOW + 5)
    assert (await world.told())[0] == Kind.new


async def test_resolved_closes_after_a_while(world: World) -> None:
    await world.report(alert(), alert(host="b"))
    await world.passes(60)
    await world.shown()
    assert await world.report(alert(firing=False, at=NOW + 60)) == [resolved]
    assert (await world.incident()).firing_count == 1
    assert await world.report(alert(host="b", firing=False, at=NOW + 60)) == [resolved]
    assert (await world.incident()).state == State.firing  # it may come back at once
    await world.passes(29)
    assert (await world.incident()).state == State.firing
    await world.passes(1)
    incident = await world.incident()
    assert (incident.state, incident.resolved_at) == (State.resolved, NOW + 90)
    assert (await world.told())[-1] == Kind.resolved
    (card,) = await world.cards()
    assert card.behind and card.due_at <= world.now and card.wanted == incident.revision
    assert card.urgency > int(Severity.info)


async def test_a_refired_alert_reopens_within_a_while_and_is_news_later(world: World) -> None:
    await world.report(alert())
    for pause, number in ((300, 1), (601, 2)):
        await world.passes(20)
        await world.report(alert(firing=False, at=world.now))
        await world.passes(30 + pause)
        assert (await world.incidents())[-1].state == State.resolved
        assert await world.report(replace(alert(), starts_at=world.now)) == [refired]
        assert [i.number for i in await world.incidents()] == list(range(1, number + 1))
        assert (await world.incidents())[-1].state == State.firing
    assert Kind.reopened in await world.told(1)
    assert await world.told(2) == [Kind.new]
    assert len(await world.cards()) == 2


async def test_a_resolve_before_the_fire_is_remembered_and_shown_nowhere(world: World) -> None:
    assert await world.report(alert(firing=False, at=NOW + 1)) == [Verdict.early_resolve]
    assert await world.incidents() == []
    world.now += 2
    assert await world.report(alert()) == [Verdict.stale]  # it was overtaken on its way here
    assert await world.incidents() == [] and await world.cards() == []


async def test_a_late_report_of_an_older_state_changes_nothing(world: World) -> None:
    await world.report(alert())
    world.now += 60
    await world.report(alert(firing=False, at=world.now))
    before = await world.incident()
    with statements() as seen:
        assert await world.report(alert()) == [Verdict.stale]
    assert writes(seen) == []
    assert await world.incident() == before


async def test_continue_makes_an_incident_of_each_route(store: Store, tmp_path: Path) -> None:
    routes = """
route:
  channels: [ops]
  group_by: [alertname]
  routes:
    - {name: audit, match: ['team="db"'], channels: [vault], group_by: [team], continue: true}
    - {name: db, match: ['team="db"'], channels: [db]}
"""
    world = World(store, policy(tmp_path, routes))
    await world.report(alert(team="db"), alert("Other", team="db"), alert("Web"))
    found = [(i.route, i.group, i.total) for i in await world.incidents()]
    assert sorted(found, key=repr) == [
        ("audit", {"team": "db"}, 2), ("db", {"alertname": "DiskFull"}, 1), ("db", {"alertname": "Other"}, 1),
        ("root", {"alertname": "Web"}, 1),
    ]  # fmt: skip
    assert sorted(card.channel for card in await world.cards()) == ["db", "db", "ops", "vault"]
    await world.report(alert(team="db", firing=False, at=NOW))
    assert [i.firing_count for i in await world.incidents() if i.route != "root"].count(0) == 1
    await world.counts_add_up()


async def test_group_by_makes_the_groups(store: Store, tmp_path: Path) -> None:
    alerts = [alert(cluster="a", host="1"), alert(cluster="a", host="2"), alert(cluster="b", host="1"), alert("Other")]
    for number, (group_by, groups) in enumerate({"[cluster]": 3, "[cluster, host]": 4, "[...]": 4, "[]": 1}.items()):
        world = World(store, policy(tmp_path, f"route: {{name: r{number}, channels: [ops], group_by: {group_by}}}"))
        await world.report(*[replace(a, source=f"s{number}") for a in alerts])
        assert len([i for i in await world.incidents() if i.route == f"r{number}"]) == groups
        await world.counts_add_up()


async def test_a_silence_keeps_it_from_everybody_until_it_ends(world: World) -> None:
    await world.silence('alertname="DiskFull"', 3600)
    await world.report(alert(), alert("Other"))
    assert [card.incident for card in await world.cards()] == [2]
    assert await world.muted() == ["muted_by_silence", ""]
    assert (await world.incidents())[0].is_muted
    await world.passes(3599)
    assert len(await world.cards()) == 1
    await world.passes(1)
    assert [card.incident for card in await world.cards()] == [2, 1]
    assert await world.muted() == ["", ""]
    assert (await world.told())[-1] == Kind.unmuted


async def test_a_silence_added_later_marks_the_card_and_taken_away_unmarks_it(world: World) -> None:
    await world.report(alert())
    await world.passes(20)
    await world.shown()
    await world.silence('alertname="DiskFull"', 3600)
    await world.passes(0)
    (card,) = await world.cards()
    assert card.behind and (await world.incident()).silenced == "muted_by_silence"
    await world.shown()
    await world.unsilence()
    await world.passes(0)
    incident = await world.incident()
    assert not incident.is_muted and incident.silenced == ""
    assert (await world.cards())[0].wanted == incident.revision
    assert (await world.told())[-2:] == [Kind.muted_by_silence, Kind.unmuted]


INHIBIT = (
    ROUTE
    + """
inhibit:
  - {source: ['alertname="ClusterDown"'], target: ['severity=~"warning|info"'], equal: [cluster]}
"""
)


async def test_an_inhibition_holds_while_its_source_fires(store: Store, tmp_path: Path) -> None:
    world = World(store, policy(tmp_path, INHIBIT))
    await world.report(alert(cluster="a", severity="warning"), alert("ClusterDown", cluster="a", severity="critical"))
    await world.report(alert(cluster="b", severity="warning"), alert("Bad", cluster="a", severity="high"))
    assert await world.muted() == ["muted_by_inhibition", "", "", ""]  # in one request the order does not matter
    await world.report(alert("ClusterDown", cluster="a", severity="critical", firing=False, at=NOW))
    await world.passes(0)
    assert await world.muted() == ["", "", ""]
    assert len([card for card in await world.cards() if card.incident == 1]) == 1
    await world.counts_add_up()


async def test_an_inhibitor_that_comes_later_mutes_what_fires_already(store: Store, tmp_path: Path) -> None:
    world = World(store, policy(tmp_path, INHIBIT))
    await world.report(alert(cluster="a", severity="warning"))
    await world.report(alert("ClusterDown", cluster="a", severity="critical", expires=NOW + 60))
    await world.passes(0)
    assert await world.muted() == ["muted_by_inhibition", ""]
    world.now = NOW + 60
    assert await world.expires() == ["ClusterDown"]
    await world.passes(0)
    assert await world.muted() == [""]
    await world.counts_add_up()


async def test_an_alert_that_no_longer_matches_as_a_source_inhibits_no_longer(store: Store, tmp_path: Path) -> None:
    text = INHIBIT.replace("'alertname=\"ClusterDown\"'", "'alertname=\"ClusterDown\"', 'severity=\"critical\"'")
    world = World(store, policy(tmp_path, text))
    await world.report(alert("ClusterDown", cluster="a", severity="critical"), alert(cluster="a", severity="warning"))
    assert await world.muted() == ["", "muted_by_inhibition"]
    await world.report(alert("ClusterDown", cluster="a", severity="high"))
    await world.passes(0)
    assert await world.muted() == ["", ""]


async def test_new_inhibition_rules_are_applied_to_what_fires(store: Store, tmp_path: Path) -> None:
    world = World(store, policy(tmp_path))
    await world.report(alert("ClusterDown", cluster="a"), alert(cluster="a", severity="warning"), alert("Over"))
    await world.report(alert("Over", firing=False, at=NOW))
    for text, muted in ((INHIBIT, ["", "muted_by_inhibition"]), (ROUTE, ["", ""]), (INHIBIT, ["", "muted_by_inhibition"])):
        world.policy = policy(tmp_path, text)
        await apply_policy(store, world.policy, world.now)
        await world.passes(0)
        assert await world.muted() == muted
        with statements() as seen:
            await apply_policy(store, world.policy, world.now)
        assert writes(seen) == []


async def test_a_time_interval_mutes_until_it_is_over(store: Store, tmp_path: Path) -> None:
    text = """
route:
  channels: [ops]
  routes: [{match: ['team="db"'], mute_time_intervals: [late]}]
time_intervals: {late: [{times: [{start_time: "22:00", end_time: "23:00"}]}]}
"""
    world = World(store, policy(tmp_path, text))
    await world.report(alert(team="db"), alert("Other"))
    assert await world.muted() == ["muted_by_time_interval", ""]
    assert [card.incident for card in await world.cards()] == [2]
    at_eleven = 46 * 60 + 40
    await world.passes(at_eleven - 1)
    assert len(await world.cards()) == 1
    await world.passes(1)
    assert await world.muted() == ["", ""]
    assert len(await world.cards()) == 2
    await world.passes(23 * 3600)
    assert await world.muted() == ["muted_by_time_interval", ""]


async def test_a_secret_alert_in_the_group_brings_the_vault_in(store: Store, tmp_path: Path) -> None:
    text = """
sensitivity: {default: internal, rules: [{match: ['team="payments"'], level: confidential}]}
route: {channels: [ops], group_by: [alertname], withheld_to: [vault]}
"""
    world = World(store, policy(tmp_path, text))
    await world.report(alert(host="1"))
    assert [card.channel for card in await world.cards()] == ["ops"]
    await world.report(alert(host="2", team="payments"))
    incident = await world.incident()
    assert incident.sensitivity == "confidential"
    assert [(card.channel, card.wanted) for card in await world.cards()] == [
        ("ops", incident.revision),
        ("vault", incident.revision),
    ]
    await world.report(alert(host="2", team="payments", firing=False, at=NOW))
    assert (await world.incident()).sensitivity == "confidential"  # it was in it


async def test_an_alert_that_turns_secret_takes_its_incident_along(store: Store, tmp_path: Path) -> None:
    """Senders with keys of their own may change the labels of an alert; and their resolves often carry none."""
    text = """
sensitivity: {default: internal, rules: [{match: ['severity="critical"'], level: restricted}]}
route: {channels: [ops], group_by: [alertname], withheld_to: [vault]}
"""
    world = World(store, policy(tmp_path, text))
    await world.report(alert(severity="warning"))
    await world.report(alert(severity="critical"))
    incident = await world.incident()
    assert incident.sensitivity == "restricted"
    assert [(card.channel, card.wanted) for card in await world.cards()] == [
        ("ops", incident.revision),
        ("vault", incident.revision),
    ]
    for _ in range(2):
        bare = replace(alert(firing=False, at=world.now), labels={}, severity=Severity.info)
        await world.report(bare)
        (row,) = (await store.read(alert_rows.load_ids, [1])).values()
        assert row.sensitivity == "restricted" and row.alert.labels["severity"] == "critical"
        world.now += 1


async def test_an_alert_that_changes_into_what_is_silenced_is_silenced(world: World) -> None:
    await world.silence('severity="info"', 3600)
    await world.report(alert(severity="warning"))
    assert await world.muted() == [""]
    await world.report(alert(severity="info"))
    assert await world.muted() == ["muted_by_silence"]
    await world.passes(3600)
    assert await world.muted() == [""]


async def test_new_words_bump_the_card_once_and_are_no_event(world: World) -> None:
    await world.report(alert(annotation_summary="90% full"), alert(host="2"))
    await world.passes(20)
    await world.shown()
    before = (await world.incident()).revision
    for _ in range(3):
        assert await world.report(alert(annotation_summary="95% full")) == [duplicate]
    assert (await world.incident()).revision == before + 1
    assert await world.told() == [Kind.new]
    (card,) = await world.cards()
    assert card.behind and card.wanted == before + 1


async def test_a_worse_severity_is_told(world: World) -> None:
    await world.report(alert(severity="warning"))
    assert await world.report(alert(severity="critical")) == [duplicate]
    assert (await world.incident()).firing == (1, 0, 0, 0, 0)
    assert await world.told() == [Kind.new, Kind.severity_raised]
    assert (await world.cards())[0].urgency == Severity.critical


async def test_what_is_known_already_writes_no_row(world: World) -> None:
    many = [alert(host=f"h{i}", expires=NOW + 60) for i in range(100)]
    await world.report(*many)
    with statements() as seen:
        assert set(await world.report(*many)) == {duplicate}
        later = [alert(host=f"h{i}", expires=NOW + 120) for i in range(100)]
        assert set(await world.report(*later)) == {duplicate}
    assert writes(seen) == []


async def test_expiry_goes_by_the_latest_report_even_if_the_row_lags(world: World) -> None:
    await world.report(alert(expires=NOW + 60), alert("Other", expires=NOW + 60), alert("Never"))
    world.now = NOW + 59
    assert await world.expires() == []
    world.now = NOW + 60
    assert await world.expires(Other=NOW + 90) == ["DiskFull"]
    assert [i.firing_count for i in await world.incidents()] == [0, 1, 1]
    assert await world.expires() == []  # the row has caught up
    world.now = NOW + 90
    assert await world.expires() == ["Other"]
    await world.passes(30)
    assert [i.state for i in await world.incidents()] == [State.resolved, State.resolved, State.firing]


async def test_an_expired_alert_that_is_reported_again_fires_again(world: World) -> None:
    await world.report(alert(expires=NOW + 60))
    world.now = NOW + 61
    assert await world.expires() == ["DiskFull"]
    assert await world.report(alert(expires=NOW + 120)) == [refired]
    assert (await world.incident()).firing_count == 1


async def test_a_big_group_costs_the_same_for_each_request(world: World) -> None:
    costs = []
    for start in range(0, 10_000, 100):
        with rounds() as seen:
            await world.report(*[alert(host=f"h{i}") for i in range(start, start + 100)])
        costs.append((len(seen), sum(one.rows for one in seen)))
    assert (await world.incident()).total == 10_000
    assert len(set(costs[1:])) == 1, set(costs)  # statements, and rows written by them
    assert costs[-1][0] <= 20
    assert len(await world.told()) == 100
