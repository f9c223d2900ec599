"""What channels merit is written down, and every other verdict is audited once."""

import json

from msgspec.structs import replace
from sqlalchemy import select

from bot.store import audit, standings, tables
from bot.store.engine import Store
from rules.standing import Breach, Standing, Why

NOW = 1_700_000_000.0
FINE = Standing("vault", "restricted", NOW, NOW + 600, members=("U1",))
DRIFTED = replace(FINE, clearance="internal", members=("U1", "U9"), breaches=(Breach(Why.outsider, "U9"),))


async def keep(store: Store, standing: Standing, at: float = NOW) -> bool:
    return await store.write(standings.keep, (standing, at))


async def audited(store: Store) -> list[tuple[float, str, dict[str, object]]]:
    rows = await store.read(lambda conn: conn.execute(select(tables.audit).order_by(tables.audit.c.id)).all())
    return [(row.at, row.channel, json.loads(row.body)) for row in rows if row.kind == "standing"]


async def test_only_another_verdict_is_audited(store: Store) -> None:
    later = replace(FINE, at=NOW + 300, holds_until=NOW + 900)
    assert [await keep(store, one) for one in (FINE, FINE, later, DRIFTED, DRIFTED)] == [True, False, False, True, False]
    assert await store.read(standings.known) == {"vault": DRIFTED}
    told = await audited(store)
    assert [(channel, body["clearance"], body["members"]) for _, channel, body in told] == [
        ("vault", "restricted", ["U1"]), ("vault", "internal", ["U1", "U9"]),
    ]  # fmt: skip
    assert told[-1][2]["breaches"] == [{"kind": "outsider", "who": "U9"}]
    assert await store.read(audit.head)


async def test_several_in_one_transaction(store: Store) -> None:
    ops = Standing("ops", "internal", NOW)
    found = [(FINE, NOW), (ops, NOW + 1), (DRIFTED, NOW + 2)]
    assert await store._writer.do(lambda conn, batches: [standings.keep(conn, batch) for batch in batches], found) == [True] * 3
    assert await store.read(standings.known) == {"ops": ops, "vault": DRIFTED}
    assert [(at, channel) for at, channel, _ in await audited(store)] == [(NOW, "vault"), (NOW + 1, "ops"), (NOW + 2, "vault")]
