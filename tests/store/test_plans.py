"""Hot queries find their rows through an index: none walks through a table that grows."""

import re
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection

from bot.store import alerts, deliveries, incidents, members, timeline
from bot.store.engine import Store
from bot.store.messages import Messages
from bot.store.retention import sweep
from tests.standins.stores import rounds, write
from tests.store.rows import NOW, alert_row, delivery, incident_row, member_row

GROWING = ("alerts", "incidents", "members", "timeline", "deliveries", "messages")


def plans_of(conn: Connection, query: Callable[..., object], *args: object) -> list[str]:
    """How SQLite goes about each statement of the query."""
    with rounds() as seen:
        query(conn, *args)
    raw = conn.connection.dbapi_connection
    assert raw
    plans = []
    for statement, parameters, _ in seen:
        if not statement.startswith("BEGIN"):
            one = parameters[0] if isinstance(parameters, list) else parameters
            plans += [row[3] for row in raw.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", one).fetchall()]
    return plans


def full_scans(plans: list[str]) -> list[str]:
    """A SCAN of a growing table is only fine when it goes along an index that holds nothing but what is asked for."""
    partial = "alerts_inhibiting|alerts_expiring|deliveries_gap|incidents_due|incidents_check|incidents_resolved|incidents_active"
    scans = [plan for plan in plans if re.match(rf"SCAN ({'|'.join(GROWING)})\b", plan)]
    return [plan for plan in scans if not re.search(rf"USING (COVERING )?INDEX ({partial})\b", plan)]


PLACES = [("ops", call) for call in deliveries.NEXT]
QUERIES: dict[str, tuple[Callable[..., object], tuple[object, ...], str]] = {
    "alerts by key": (alerts.load, ([("prom", "print1"), ("prom", "print2")],), "source=? AND fingerprint=?"),
    "alerts by id": (alerts.load_ids, ([1, 2],), "rowid=?"),
    "alerts saved": (alerts.save, ([alert_row(1)],), "rowid=?"),
    "expiring alerts": (alerts.expiring, (NOW, 10), "alerts_expiring (expires_at>? AND expires_at<?)"),
    "inhibiting alerts": (alerts.inhibiting, (), "alerts_inhibiting"),
    "firing alerts, walked": (alerts.firing_after, (5, 10), "rowid>?"),
    "unused alerts": (alerts.unused, (NOW, 10), "alerts_resting (seen_at<?)"),
    "incidents by number": (incidents.load, ([1, 2],), "rowid=?"),
    "latest by slot": (incidents.latest, (["a", "b"],), "incidents_slot (slot=?)"),
    "due incidents": (incidents.due, (NOW, 10), "MULTI-INDEX OR"),
    "next due incident": (incidents.next_due, (), "incidents_due"),
    "open incidents": (incidents.listed, (True, 10), "incidents_active"),
    "all mutes": (incidents.check_all, (NOW,), "incidents_active"),
    "counts": (incidents.counts, (), "incidents_active"),
    "firing members": (members.firing, ([1, 2],), "members_alert (alert=?)"),
    "members of alerts": (members.of_alerts, ([1, 2], 1), "members_alert (alert=? AND incident>?)"),
    "members of an incident": (members.firing_in, (1,), "PRIMARY KEY (incident=?)"),
    "members saved": (members.save, ([replace(member_row(2, 2), new=False)],), "PRIMARY KEY (incident=? AND alert=?)"),
    "timeline": (timeline.told, (1, 5), "timeline_incident (incident=? AND id>?)"),
    "last told": (timeline.last, ([1, 2],), "timeline_incident (incident=?)"),
    "deliveries of incidents": (deliveries.of_incidents, ([1, 2],), "incident=?"),
    "pending deliveries": (deliveries.pending, (PLACES, NOW, 10, (1, 2)), "deliveries_gap (channel=?"),
    "next due delivery": (deliveries.next_due, (["ops"], NOW), "deliveries_gap (channel=?)"),
    "backlog": (deliveries.backlog, (), "deliveries_gap"),
    "what stands in a channel": (deliveries.standing_in, ("ops", 40, 10), "rowid<?"),
    "cards to be drawn anew": (deliveries.redraw, ([1, 2], NOW), "rowid=?"),
    "stubs": (deliveries.stubbed, (), "deliveries_stubs (incident=?)"),
    "retention": (sweep, (NOW, NOW, "s"), "incidents_resolved (resolved_at>? AND resolved_at<?)"),
}  # fmt: skip


def fill(conn: Connection) -> None:
    """Enough rows for every query to have something to do."""
    alerts.add(conn, [alert_row(i) for i in range(1, 50)])
    incidents.add(conn, [incident_row(i, due_at=NOW + i) for i in range(1, 50)])
    members.save(conn, [member_row(i, i) for i in range(2, 50)])
    deliveries.want(conn, [delivery(i) for i in range(1, 50)])


@pytest.mark.parametrize("name", QUERIES)
async def test_an_index_is_used(sqlite: Store, name: str) -> None:
    query, args, wanted = QUERIES[name]
    await write(sqlite, fill)
    plans = await write(sqlite, plans_of, query, *args)
    assert full_scans(plans) == []
    assert any(wanted in plan for plan in plans), plans


async def test_the_consoles_pages_use_an_index(sqlite: Store) -> None:
    from bot.store import messages

    for query, args in ((messages._find, ("c", "k")), (messages._cards, ("c", "ops", 10)), (messages._thread, (1,))):
        assert full_scans(await write(sqlite, plans_of, query, *args)) == []
    assert await Messages(sqlite, lambda: NOW).add("c", "ops", "k", b"")
