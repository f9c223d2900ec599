"""Signed-in browsers. Only hashes of cookies are stored: a stolen copy of the database signs nobody in."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from adapters.chat import Session
from bot.attempts import Attempts
from bot.store import audit
from bot.store.engine import Store
from bot.store.tables import sessions
from rules.audit_entry import Entry, Event

LIFE = 30 * 86400.0
"""Seconds after which a browser signs in again."""

CODE_LIFE = 15 * 60.0


class NewSession(NamedTuple):
    cookie_hash: str
    person: str
    csrf: str
    expires_at: float


class SignedIn(NamedTuple):
    """A session that begins. `by`: with what, `link` or `token`. `at`: seconds since the epoch."""

    session: NewSession
    by: str
    at: float


class SignIn:
    """Implements adapters.chat.Sessions. `person_of_token` compares in constant time."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        person_of_token: Callable[[str], str | None],
        known: Callable[[str], bool],
        attempts: Attempts,
    ) -> None:
        self._store, self._clock, self._person_of_token, self._known = store, clock, person_of_token, known
        self._attempts = attempts
        self._codes: dict[str, tuple[str, float]] = {}

    def one_time_code(self, person: str) -> str:
        """A code that signs this person in once, within CODE_LIFE."""
        code = secrets.token_urlsafe(24)
        self._codes[_hash(code)] = (person, self._clock() + CODE_LIFE)
        return code

    async def sign_in(self, token: str, address: str) -> str | None:
        self._attempts.admit(address, token)
        coded = self._use_code(token)
        person = coded or self._person_of_token(token)
        if person is None or not self._known(person):
            self._attempts.wrong(address, token)
            return None
        self._attempts.right(token)
        now = self._clock()
        cookie = secrets.token_urlsafe(32)
        new = NewSession(_hash(cookie), person, secrets.token_urlsafe(24), now + LIFE)
        await self._store.write(_add, SignedIn(new, "link" if coded else "token", now))
        return cookie

    async def session(self, cookie: str) -> Session | None:
        row = await self._store.read(_find, _hash(cookie), self._clock())
        return row if row and self._known(row.person) else None

    async def sign_out(self, cookie: str) -> None:
        await self._store.write(_remove, _hash(cookie))

    def _use_code(self, code: str) -> str | None:
        person, until = self._codes.pop(_hash(code), ("", 0.0))
        return person if self._clock() < until else None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _add(conn: Connection, new: Sequence[SignedIn]) -> list[None]:
    conn.execute(insert(sessions), [one.session._asdict() for one in new])
    audit.append(conn, [Entry(one.at, Event.sign_in, one.session.person, body={"by": one.by}) for one in new])
    return [None for _ in new]


def _find(conn: Connection, cookie_hash: str, now: float) -> Session | None:
    row = conn.execute(select(sessions).where(sessions.c.cookie_hash == cookie_hash, sessions.c.expires_at > now)).one_or_none()
    return Session(row.person, row.csrf) if row else None


def _remove(conn: Connection, hashes: Sequence[str]) -> list[None]:
    conn.execute(delete(sessions).where(sessions.c.cookie_hash.in_(hashes)))
    return [None for _ in hashes]
