"""Notes in the audit log which config is in force, and reads from it what was at some time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, delete, func, insert, select

from bot.config import Config
from bot.store import audit
from bot.store.tables import audit as table
from bot.store.tables import facts
from rules.audit_entry import Entry, Event, canonical
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
    """What was in force at some time: standings by channel, groups that a chat knows by name, each as it was told last."""

    grounds: Grounds
    standings: dict[str, Standing]
    joined: dict[str, Joined]


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


def note(conn: Connection, loads: Sequence[Loaded]) -> list[None]:
    """One row per load, for Store.write. The grounds stand in it, or the number of the row that has the same."""
    for config, file, by, at in loads:
        grounds = grounds_of(config).model_dump(mode="json", by_alias=True, exclude_defaults=True)
        digest = hashlib.sha256(canonical(config.model_dump(mode="json")).encode()).hexdigest()
        number, before = _last(conn)
        same = canonical(before) == canonical(grounds)
        body = {"by": by, "file": file, "digest": digest, **({"same_as": number} if same else {"grounds": grounds})}
        audit.append(conn, [Entry(at, Event.config, body=body)])
        if not same:
            conn.execute(delete(facts).where(facts.c.name == LAST))
            conn.execute(insert(facts).values(name=LAST, value=str(conn.scalar(select(func.max(table.c.id))))))
    return [None for _ in loads]


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
    joined: dict[str, Joined] = {}
    for row in conn.execute(_until(at, Event.standing).order_by(table.c.id)):
        told = json.loads(row.body)
        if row.channel:
            standings[row.channel] = msgspec.convert({"channel": row.channel, "at": row.at, **told}, Standing)
        else:
            joined[told["group"]] = Joined(told["chat"], told["members"])
    return Known(Grounds.model_validate(body["grounds"]), standings, joined)


def joined_entry(joined: Joined, group: str, at: float) -> Entry:
    """Who is in a group is another question now, and this the answer."""
    return Entry(at, Event.standing, body={"group": group, "chat": joined.chat, "members": dict(joined.members)})


def _until(at: float, kind: Event) -> Select[Any]:
    return select(table).where(table.c.kind == kind.value, table.c.at <= at)
