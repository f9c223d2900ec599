"""Who is in the groups of chats, as the leader was told, as facts: so that other replicas know without asking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, delete, insert, select

from bot.store import news
from bot.store.sql import among, clean
from bot.store.tables import facts

PREFIX = "group of "


class Told(msgspec.Struct, frozen=True):
    """What a chat said of one of its groups. `at`: seconds since the epoch. `members`: account -> name."""

    chat: str
    group: str
    at: float
    members: Mapping[str, str]


def known(conn: Connection) -> list[Told]:
    rows = conn.execute(select(facts.c.value).where(facts.c.name.startswith(PREFIX, autoescape=True)))
    return [_TOLD.decode(row.value) for row in rows]


def keep(conn: Connection, batches: Sequence[Sequence[Told]]) -> list[None]:
    """For Store.write."""
    rows = {_name(one): one for batch in batches for one in batch}
    conn.execute(delete(facts).where(among(conn, facts.c.name, list(rows))))
    if rows:
        conn.execute(insert(facts), [{"name": name, "value": clean(_json(one))} for name, one in rows.items()])
        news.granted(conn)
    return [None for _ in batches]


def _name(one: Told) -> str:
    return f"{PREFIX}{one.chat}: {one.group}"


def _json(one: Told) -> str:
    return msgspec.json.encode(one).decode()


_TOLD = msgspec.json.Decoder(Told)
