"""The outbox: who writes which column, and what is tried first."""

from msgspec.structs import asdict, replace

from bot.store import deliveries, incidents, tables
from bot.store.deliveries import IN_HAND, OVER, UNTRIED, URGENT, Call, Delivery
from bot.store.engine import Store
from rules.incident import State
from tests.standins.stores import write
from tests.store.rows import NOW, delivery, incident_row

CALLS = (Call.post, Call.update, Call.reply_in_thread)


async def kept(store: Store, *rows: Delivery) -> list[Delivery]:
    """The rows as they are once stored, with their ids."""
    await write(store, deliveries.want, rows)
    return await store.read(deliveries.of_incidents, [row.incident for row in rows])


async def pending(store: Store, limit: int = 10, without: tuple[int, ...] = (), now: float = NOW) -> list[tuple[int, str]]:
    places = [(channel, call) for channel in ("ops", "db") for call in CALLS]
    found = await store.read(deliveries.pending, places, now, limit, without)
    return [(row.incident, row.channel) for row in found]


async def test_rows_come_back_as_they_were(store: Store) -> None:
    row = delivery(1, thread_wanted=7, thread_shown=3, plain=True, retry_at=NOW + 1, failure="payload", error="it's \" bad")
    (found,) = await kept(store, row)
    assert found == replace(row, id=found.id)
    assert await store.read(deliveries.load, [found.id, 99]) == [found]
    assert await store.read(deliveries.load, []) == []


async def test_the_worst_first_then_the_longest_due(store: Store) -> None:
    await kept(
        store, delivery(1, urgency=3), delivery(2, due_at=NOW - 1), delivery(3, due_at=NOW - 9), delivery(4, urgency=0),
        delivery(4, "db", urgency=1), delivery(5, urgency=9, due_at=NOW - 99),
    )  # fmt: skip
    assert await pending(store) == [(4, "ops"), (4, "db"), (3, "ops"), (2, "ops"), (1, "ops"), (5, "ops")]
    assert await pending(store, 2) == [(4, "ops"), (4, "db"), (3, "ops")]


async def test_what_surely_was_not_tried_is_set_aside(store: Store) -> None:
    """Not what is being tried, what another process may have tried, what stands, or what shows the latest."""
    rows = [delivery(1), delivery(2), delivery(3, run="killed"), delivery(4, ref="ref"), delivery(5, shown=1), delivery(6, "db")]
    flying = (await kept(store, *rows))[1]
    await write(store, deliveries.set_aside, ["ops"], "run", [flying.id])
    found = await store.read(deliveries.of_incidents, [row.incident for row in rows])
    assert {row.incident for row in found if row.run == UNTRIED} == {1}
    assert found[2].run == "killed"


async def test_what_waits_for_one_call_does_not_hide_what_waits_for_another(store: Store) -> None:
    post, edit, told, redrawn = await kept(
        store, delivery(1, urgency=4), delivery(2, wanted=2), delivery(3, thread_wanted=5), delivery(4, urgency=7, wanted=2)
    )
    await write(store, deliveries.record, [replace(one, ref="ref", shown=1) for one in (edit, told)])
    await write(store, deliveries.record, [replace(redrawn, ref="ref", shown=0)])
    calls = {post.incident: Call.post, edit.incident: Call.update, told.incident: Call.reply_in_thread, 4: Call.update}
    for call in CALLS:
        found = await store.read(deliveries.pending, [("ops", call), ("db", call)], NOW, 10, ())
        assert {row.incident for row in found} == {number for number, wanted in calls.items() if wanted == call}
        assert all(row.next_call == call for row in found)
    assert next(number for number, _ in await pending(store)) == 4, "what must not stand there any more waits for others"


async def test_an_edit_that_waited_long_comes_before_worse_ones(store: Store) -> None:
    """Not before what is critical or in hand, nor before what nobody saw yet."""
    rows = await kept(
        store, delivery(1, urgency=OVER, wanted=2, due_at=NOW - 200), delivery(2, urgency=2, wanted=2),
        delivery(3, urgency=0, wanted=2), delivery(4, urgency=OVER, wanted=2),
        delivery(6, urgency=IN_HAND, wanted=2, due_at=NOW - 200),
    )  # fmt: skip
    await write(store, deliveries.record, [replace(row, ref="ref", shown=1) for row in rows])
    assert [number for number, _ in await pending(store)] == [3, 6, 1, 2, 4]
    await kept(store, delivery(7, urgency=4))
    assert [number for number, _ in await pending(store)] == [3, 6, 2, 7, 1, 4]


async def test_in_a_storm_only_what_never_waits_is_posted(store: Store) -> None:
    """What is critical or in hand; and of what another process may have posted, one asks."""
    await kept(
        store, delivery(1, urgency=0), delivery(2, urgency=IN_HAND), delivery(3), delivery(4, urgency=OVER),
        delivery(5, run="killed"), delivery(6, urgency=0, ref="ref", shown=1),
    )  # fmt: skip
    found = await store.read(deliveries.pending, [("ops", URGENT)], NOW, 10, (), "run")
    assert [row.incident for row in found] == [1, 2, 5]


async def test_only_what_is_behind_due_and_of_these_channels(store: Store) -> None:
    rows = await kept(
        store, delivery(1), delivery(2, due_at=NOW + 1), delivery(3, retry_at=NOW + 1), delivery(4, shown=1),
        delivery(5, "vault"), delivery(6, shown=1, thread_wanted=2, thread_shown=1),
        delivery(7, shown=1, thread_wanted=2, thread_shown=2),
    )  # fmt: skip
    assert await pending(store) == [(1, "ops"), (6, "ops")]
    assert await pending(store, without=(rows[0].id, 999)) == [(6, "ops")]
    assert {number for number, _ in await pending(store, now=NOW + 1)} == {1, 2, 3, 6}
    assert await store.read(deliveries.pending, [], NOW, 10, ()) == []


async def test_the_next_due_is_when_all_that_holds_it_back_has_passed(store: Store) -> None:
    async def next_due(now: float = NOW) -> float:
        return await store.read(deliveries.next_due, ["ops"], now)

    assert await next_due() == float("inf")
    await kept(
        store, delivery(1, due_at=NOW + 5), delivery(2, due_at=NOW + 1, retry_at=NOW + 9), delivery(3, "db", due_at=NOW + 2),
        delivery(4, shown=1, due_at=NOW + 3), delivery(5),
    )  # fmt: skip
    assert await next_due() == NOW + 5
    assert await next_due(NOW + 5) == NOW + 9
    assert await next_due(NOW + 9) == float("inf")


OF_THE_INCIDENT = {"urgency", "wanted", "due_at", "thread_wanted"}


async def test_the_incident_and_the_courier_never_undo_each_other(store: Store) -> None:
    (row,) = await kept(store, delivery(1))
    by_incident = replace(row, urgency=0, wanted=9, due_at=NOW + 1, thread_wanted=5)
    by_courier = replace(
        row, shown=1, ref="C1/2", shown_at=NOW, thread_shown=4, run="other", failures=2, retry_at=NOW + 2, failure="transient",
        error="gone \0 away \ud83d", plain=True,
    )  # fmt: skip
    for order in ((by_incident, by_courier), (by_courier, by_incident)):
        for one in order:
            await write(store, deliveries.want if one is by_incident else deliveries.record, [one])
        (found,) = await store.read(deliveries.load, [row.id])
        expected = {
            name: getattr(by_incident if name in OF_THE_INCIDENT else by_courier, name) for name in Delivery.__struct_fields__
        }
        assert asdict(found) == expected | {"error": "gone \ufffd away \ufffd"}
        await write(store, deliveries.want, [row])
        await write(store, deliveries.record, [row])
        assert await store.read(deliveries.load, [row.id]) == [row]


async def test_ids_never_come_back(store: Store) -> None:
    """They name posts in chats: a new card with an old id would be taken for the old post."""
    (first,) = await kept(store, delivery(1))
    await write(store, lambda conn: conn.execute(tables.deliveries.delete()).rowcount)
    (second,) = await kept(store, delivery(1))
    assert second.id > first.id


async def test_backlog_and_failing(store: Store) -> None:
    await kept(
        store, delivery(1), delivery(2), delivery(3, "db", failures=1, failure="credentials", error="no token"),
        delivery(4, "db", failures=3, failure="transient", error="busy"), delivery(5, "db", shown=1, failures=9),
    )  # fmt: skip
    assert await store.read(deliveries.backlog) == {"ops": 2, "db": 2}
    assert await store.read(deliveries.failing) == {"db": ("transient", "no token", 2)}
    assert await store.read(deliveries.failing, 3) == {"db": ("transient", "busy", 1)}
    assert (await store.read(deliveries.failing, 9, ["credentials"]))["db"][2] == 1


async def test_what_stands_in_a_channel_is_read_newest_first_by_the_page(store: Store) -> None:
    rows = await kept(store, *(delivery(number) for number in range(1, 6)), delivery(9, "db"))
    there = [replace(row, ref=f"ref{row.incident}", shown_as="full") for row in rows if row.incident in (1, 2, 4, 9)]
    half_way = [replace(row, shown_as="full") for row in rows if row.incident == 5]
    await write(store, deliveries.record, [*there, *half_way])
    first = await store.read(deliveries.standing_in, "ops", 2**62, 3)
    rest = await store.read(deliveries.standing_in, "ops", first[-1].id, 3)
    assert [[one.incident for one in page] for page in (first, rest)] == [[5, 4, 2], [1]]


async def test_a_card_to_be_drawn_anew_is_tried_at_once(store: Store) -> None:
    (row,) = await kept(store, delivery(1))
    shown = replace(row, shown=1, ref="ref", shown_as="full", retry_at=NOW + 99, failures=3)
    await write(store, deliveries.record, [shown])
    assert await pending(store) == []
    await write(store, deliveries.redraw, [row.id], NOW + 5)
    assert await pending(store, now=NOW + 5) == [(1, "ops")]
    (again,) = await store.read(deliveries.load, [row.id])
    assert again == replace(shown, shown=0, due_at=NOW + 5, retry_at=0.0)


async def test_stubs_of_what_is_open(store: Store) -> None:
    over = incident_row(3, state=State.resolved, resolved_at=NOW, firing=(0, 0, 0, 0, 0))
    await write(store, incidents.add, [incident_row(1), incident_row(2), over])
    rows = await kept(store, delivery(1), delivery(1, "db"), delivery(2), delivery(3))
    await write(store, deliveries.record, [replace(row, ref="r", shown_as="stub") for row in rows if row.incident != 2])
    assert await store.read(deliveries.stubbed) == [1]
