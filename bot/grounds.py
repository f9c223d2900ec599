"""Notes in the audit log which config is in force, and reads from it what was at some time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, delete, insert, select

from bot.config import Config
from bot.store import audit
from bot.store.tables import audit as table
from bot.store.tables import facts
from rules.audit_entry import Entry, Event, Row, canonical
from rules.grounds import ChatKind, Grounds, Joined
from rules.standing import Standing

LAST = "audited config"
"""The fact that holds the number of the row with the grounds in force."""


class Loaded(NamedTuple):
    """A config that was loaded: from which file, how (`start` or `reload`), and when, in seconds since the epoch."""

    config: Config
    file: str
    by: str
    at: float


class Known(NamedTuple):
    """What was in force at some time: standings by channel, and who was in the groups of chats, each as it was told last."""

    grounds: Grounds
    standings: dict[str, Standing]
    joined: Collection[Joined]
    revealed: Sequence[Revealed]


class Revealed(NamedTuple):
    """Somebody who may see an incident beyond their clearance, by `reveal`, until a time in seconds since the epoch."""

    person: str
    incident: int
    until: float


def grounds_of(config: Config) -> Grounds:
    people = {key: person.model_copy(update={"token": None}) for key, person in config.people.items()}
    chats = {name: ChatKind(type=chat.type, group_key=chat.group_key) for name, chat in config.chats.items()}
    return Grounds(
        people=people,
        groups=config.groups,
        chats=chats,
        channels=config.channels,
        sensitivity=config.sensitivity,
        route=config.route,
    )


def note(conn: Connection, loads: Sequence[Loaded]) -> list[Row]:
    """One row per load, for Store.write. The grounds stand in it, or the number of the row that has the same."""
    rows = []
    for config, file, by, at in loads:
        grounds = grounds_of(config).model_dump(mode="json", by_alias=True, exclude_defaults=True)
        digest = hashlib.sha256(canonical(config.model_dump(mode="json")).encode()).hexdigest()
        number, before = _last(conn)
        same = canonical(before) == canonical(grounds)
        body = {"by": by, "file": file, "digest": digest, **({"same_as": number} if same else {"grounds": grounds})}
        row = audit.append(conn, [Entry(at, Event.config, body=body)])[0]
        if not same:
            conn.execute(delete(facts).where(facts.c.name == LAST))
            conn.execute(insert(facts).values(name=LAST, value=str(row.id)))
        rows.append(row)
    return rows


def _last(conn: Connection) -> tuple[int, Any]:
    """The last row with grounds, and those; 0 and None at first."""
    number = int(conn.scalar(select(facts.c.value).where(facts.c.name == LAST)) or 0)
    body = conn.scalar(select(table.c.body).where(table.c.id == number, table.c.kind == Event.config.value))
    return (number, json.loads(body).get("grounds")) if body else (0, None)


def known_at(conn: Connection, at: float) -> Known | None:
    """What was in force at a time; None before the first config. Raises ValueError for rows that this Tocsin cannot read."""
    last = conn.execute(_until(at, Event.config).order_by(table.c.id.desc()).limit(1)).first()
    if last is None:
        return None
    body = json.loads(last.body)
    if "same_as" in body:
        body = json.loads(conn.execute(select(table.c.body).where(table.c.id == body["same_as"])).scalar_one())
    standings: dict[str, Standing] = {}
    joined: dict[tuple[str, str], Joined] = {}
    for row in conn.execute(_until(at, Event.standing).order_by(table.c.id)):
        told = json.loads(row.body)
        if row.channel:
            standings[row.channel] = msgspec.convert({"channel": row.channel, "at": row.at, **told}, Standing)
        else:
            joined[told["group"], told["chat"]] = Joined(**told)
    return Known(Grounds.model_validate(body["grounds"]), standings, joined.values(), _revealed(conn, at))


def _revealed(conn: Connection, at: float) -> list[Revealed]:
    rows = conn.execute(_until(at, Event.reveal).order_by(table.c.id))
    found = [Revealed(row.actor, row.incident, json.loads(row.body)["until"]) for row in rows]
    return [one for one in found if one.until > at]


def joined_entry(joined: Joined, at: float) -> Entry:
    """Others are in a group than before."""
    return Entry(at, Event.standing, body=joined._asdict())


def _until(at: float, kind: Event) -> Select[Any]:
    return select(table).where(table.c.kind == kind.value, table.c.at <= at)
