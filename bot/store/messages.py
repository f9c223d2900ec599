"""The posts of a chat that has no server of its own: the console's MessageLog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from adapters.chat import DeliveryError, Failure, Message
from bot.store.engine import Store
from bot.store.tables import messages
from bot.store.writer import StoreUnavailable


class New(NamedTuple):
    chat: str
    channel: str
    key: str
    parent: int
    body: bytes
    at: float


class Edit(NamedTuple):
    id: int
    body: bytes
    edited_at: float


class Messages:
    """Implements adapters.chat.MessageLog on the store."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock

    async def add(self, chat: str, channel: str, key: str, body: bytes, parent: int = 0) -> int:
        try:
            return await self._store.write(_add, New(chat, channel, key, parent, body, self._clock()))
        except StoreUnavailable as problem:
            raise DeliveryError(Failure.transient, str(problem)) from problem

    async def edit(self, message_id: int, body: bytes) -> bool:
        try:
            return await self._store.write(_edit, Edit(message_id, body, self._clock()))
        except StoreUnavailable as problem:
            raise DeliveryError(Failure.transient, str(problem)) from problem

    async def find(self, chat: str, key: str) -> int | None:
        try:
            return await self._store.read(_find, chat, key)
        except StoreUnavailable as problem:
            raise DeliveryError(Failure.transient, str(problem)) from problem

    async def cards(self, chat: str, channel: str, limit: int) -> Sequence[Message]:
        return await self._store.read(_cards, chat, channel, limit)

    async def thread(self, parent: int) -> Sequence[Message]:
        return await self._store.read(_thread, parent)

    async def clear_thread(self, parent: int) -> None:
        try:
            await self._store.write(_clear, parent)
        except StoreUnavailable as problem:
            raise DeliveryError(Failure.transient, str(problem)) from problem


def _add(conn: Connection, posts: Sequence[New]) -> list[int]:
    return [known if (known := _find(conn, post.chat, post.key)) is not None else _insert(conn, post) for post in posts]


def _insert(conn: Connection, post: New) -> int:
    new = insert(messages).values(edited_at=post.at, **post._asdict()).returning(messages.c.id)
    return int(conn.execute(new).scalar_one())


def _edit(conn: Connection, edits: Sequence[Edit]) -> list[bool]:
    query = update(messages)
    return [
        conn.execute(query.where(messages.c.id == edit.id).values(body=edit.body, edited_at=edit.edited_at)).rowcount > 0
        for edit in edits
    ]


def _clear(conn: Connection, parents: Sequence[int]) -> list[None]:
    conn.execute(delete(messages).where(messages.c.parent > 0, messages.c.parent.in_(parents)))
    return [None for _ in parents]


def _find(conn: Connection, chat: str, key: str) -> int | None:
    return conn.scalar(select(messages.c.id).where(messages.c.chat == chat, messages.c.key == key))


def _cards(conn: Connection, chat: str, channel: str, limit: int) -> list[Message]:
    place = (messages.c.chat == chat, messages.c.channel == channel, messages.c.parent == 0)
    rows = conn.execute(select(messages).where(*place).order_by(messages.c.id.desc()).limit(limit)).all()
    return [Message(row.id, row.channel, row.key, row.body, row.at, row.edited_at) for row in reversed(rows)]


def _thread(conn: Connection, parent: int) -> list[Message]:
    rows = conn.execute(select(messages).where(messages.c.parent == parent).order_by(messages.c.id))
    return [Message(row.id, row.channel, row.key, row.body, row.at, row.edited_at, row.parent) for row in rows]
