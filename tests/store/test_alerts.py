"""Alerts as rows: what goes in comes out, whatever text it is."""

import pytest
from msgspec.structs import replace

from bot.store import alerts, counters, members, sql
from bot.store.engine import Store
from rules.alert import AlertState, Link, Severity
from tests.standins.stores import write
from tests.store.rows import NOW, alert_row, member_row

HOSTILE = {
    "quotes": "'; DROP TABLE alerts; --",
    "json": '{"a": ["\\u0000"]} \\ / \x7f',
    "line\nbreak\t": "\r\n\x1b[31m",
    "": "",
    "日本": "🔥" * 1000,
    "percent": "%s %(x)s :name ? $1",
    "markup": "<b>&amp;</b>",
}


async def test_new_rows_come_back_as_they_were(store: Store) -> None:
    links = (Link("runbook", "https://example.com/?a=1&b='2'"),)
    rows = [alert_row(1, labels=HOSTILE, annotations=HOSTILE, links=links, severity=Severity.critical), alert_row(2, ends_at=0.0)]
    rows[0].decided, rows[0].inhibits = "new: root", '[[0,["a"]]]'
    await write(store, alerts.add, rows)
    assert await store.read(alerts.load, [row.key for row in rows]) == {row.key: row for row in rows}
    assert await store.read(alerts.load_ids, [1, 2, 3]) == {row.id: row for row in rows}
    assert await store.read(alerts.load, [("other", "print1"), ("prom", "print3")]) == {}
    assert await store.read(alerts.load, []) == {}


async def test_saved_rows_come_back_as_they_are(store: Store) -> None:
    await write(store, alerts.add, [alert_row(1), alert_row(2)])
    over = alert_row(1, firing=False, ends_at=NOW + 5, severity=Severity.high, labels={"alertname": "other"})
    over.state = AlertState(False, NOW, NOW + 5, 0.0, True, NOW + 6)
    await write(store, alerts.save, [over])
    found = await store.read(alerts.load_ids, [1, 2])
    assert found == {1: over, 2: alert_row(2)}


async def test_the_same_fingerprint_of_two_sources_is_two_alerts(store: Store) -> None:
    rows = [alert_row(1), alert_row(2, source="other", fingerprint="print1")]
    await write(store, alerts.add, rows)
    assert len(await store.read(alerts.load, [row.key for row in rows])) == 2


@pytest.mark.parametrize("mess", ["a\0b", "half \ud83d surrogate", "\udcff"])
async def test_what_no_database_can_hold_is_shown_as_replaced(store: Store, mess: str) -> None:
    """Sources clean it; one that lets it slip must not stop its request."""
    await write(store, alerts.add, [alert_row(1, annotations={"summary": mess}, labels={mess: mess})])
    found = (await store.read(alerts.load_ids, [1]))[1].alert
    assert {found.annotations["summary"], *found.labels, *found.labels.values()} <= {mess, sql.clean(mess)}


async def test_a_fingerprint_that_cannot_be_held_fails_alone(store: Store) -> None:
    """On PostgreSQL; SQLite holds a NUL. Neither stops the others."""
    try:
        await write(store, alerts.add, [alert_row(1, fingerprint="a\0b")])
    except Exception as problem:  # noqa: BLE001 - each database has its own
        assert "StoreUnavailable" not in type(problem).__name__
    await write(store, alerts.add, [alert_row(2)])
    assert set(await store.read(alerts.load_ids, [2])) == {2}


async def test_expiring_and_extended(store: Store) -> None:
    resolved = alert_row(4, firing=False, ends_at=NOW)
    await write(store, alerts.add, [alert_row(1), alert_row(2, ends_at=NOW + 600), alert_row(3, ends_at=0.0), resolved])
    assert await store.read(alerts.expiring, NOW + 59, 10) == []
    assert [row.id for row in await store.read(alerts.expiring, NOW + 60, 10)] == [1]
    await write(store, alerts.extend, [(1, NOW + 100)])
    assert await store.read(alerts.expiring, NOW + 60, 10) == []
    rows = await store.read(alerts.load_ids, [1])
    assert rows[1] == alert_row(1, ends_at=NOW + 100)  # nothing else was touched
    assert len(await store.read(alerts.expiring, NOW + 1000, 1)) == 1


async def test_walks_over_what_fires(store: Store) -> None:
    rows = [alert_row(i) for i in range(1, 6)]
    rows[2] = alert_row(3, firing=False, ends_at=NOW)
    rows[1].inhibits = rows[2].inhibits = "[]"
    await write(store, alerts.add, rows)
    assert [row.id for row in await store.read(alerts.firing_after, 0, 3)] == [1, 2, 4]
    assert [row.id for row in await store.read(alerts.firing_after, 4, 3)] == [5]
    assert await store.read(alerts.inhibiting) == [(2, "[]", "A2")]


async def test_unused_are_those_that_rest_outside_of_all_incidents(store: Store) -> None:
    old = [replace(alert_row(i, firing=False, ends_at=NOW), seen_at=NOW - 1) for i in (1, 2)]
    await write(store, alerts.add, [*old, alert_row(3), replace(alert_row(4, firing=False, ends_at=NOW), seen_at=NOW + 1)])
    await write(store, members.save, [member_row(1, 2, firing=False)])
    assert [tuple(row) for row in await store.read(alerts.unused, NOW, 10)] == [(1, "prom", "print1")]


async def test_numbers_are_given_once(store: Store) -> None:
    assert await write(store, counters.take, "alert", 5) == 1
    assert await write(store, counters.take, "alert", 1) == 6
    assert await write(store, counters.take, "incident", 1) == 1
    assert await write(store, counters.take, "alert", 2**40) == 7
    assert await write(store, counters.take, "alert", 1) == 2**40 + 7


async def test_a_number_of_a_failed_transaction_is_free_again(store: Store) -> None:
    async def fail() -> None:
        await store.write(lambda conn, items: [counters.take(conn, "alert", 3) / 0], None)

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await write(store, counters.take, "alert", 1) == 1
