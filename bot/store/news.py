"""What replicas on one PostgreSQL tell each other: gathered in a transaction, sent by NOTIFY with its commit, in its order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from sqlalchemy import Connection, text

from bot.store.counters import take

CHANNEL = "tocsin"
SEQUENCE = "news"
"""The fact that counts the transactions that changed alerts: whoever has heard of the last one knows what all others changed."""

MOST_BYTES = 6000
"""PostgreSQL takes 8,000 in one NOTIFY."""

MOST_NAMED = 2000
"""Changed alerts beyond which everything is to be forgotten."""


class News(msgspec.Struct, omit_defaults=True):
    """What one transaction of the process `by` did, or a word to all.

    `changed`: (source, fingerprint) of alerts that are not what they were; `all_changed`: too many to name. `granted`: what
    channels merit or who is in a group is written down anew. `leader`: who leads from now on. `vacant`: nobody does. `doubt`:
    what a chat told of a channel, or (`group`) of a group: (chat, its id there, account), as in Desk.channel_changed.
    """

    by: str
    changed: list[tuple[str, str]] = []
    all_changed: bool = False
    granted: bool = False
    leader: str = ""
    vacant: bool = False
    doubt: tuple[str, str, str] | None = None
    group: bool = False


def begin(conn: Connection, process: str) -> None:
    """At the start of a transaction: nothing to tell yet."""
    conn.info["news"] = News(process)


def changed(conn: Connection, keys: Iterable[tuple[str, str]]) -> None:
    """These alerts are not what other replicas may remember."""
    if news := conn.info.get("news"):
        news.changed += keys


def granted(conn: Connection) -> None:
    if news := conn.info.get("news"):
        news.granted = True


def leads(conn: Connection, leader: str) -> None:
    if news := conn.info.get("news"):
        news.leader = leader


def send(conn: Connection) -> None:
    """At the end of a transaction. It is told even if there is nothing to say but that something was committed."""
    news: News = conn.info["news"]
    if len(news.changed) > MOST_NAMED:
        news.changed, news.all_changed = [], True
    number = take(conn, SEQUENCE, 1) if news.changed or news.all_changed else 0
    *parts, last = _parts(news)
    for part in parts:
        conn.execute(_NOTIFY, {"channel": CHANNEL, "told": written(0, part)})
    conn.execute(_NOTIFY, {"channel": CHANNEL, "told": written(number, last)})  # only now all of it is known


def written(number: int, news: News) -> str:
    """As a NOTIFY has it. `number`: the place in the sequence, or 0."""
    return f"{number} {msgspec.json.encode(news).decode()}"


def read(told: str) -> tuple[int, News]:
    """The inverse of `written`."""
    number, _, body = told.partition(" ")
    return int(number), _NEWS.decode(body)


def _parts(news: News) -> Iterator[News]:
    """The same in parts that are short enough."""
    part: list[tuple[str, str]] = []
    size = 0
    for key in news.changed:
        length = len(msgspec.json.encode(key)) + 1
        if size + length > MOST_BYTES:
            yield News(news.by, part)
            part, size = [], 0
        part.append(key)
        size += length
    news.changed = part
    yield news


_NEWS = msgspec.json.Decoder(News)
_NOTIFY = text("SELECT pg_notify(:channel, :told)")
