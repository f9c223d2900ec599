"""Brings what is stored in line with the rules as they are now: at start and after a reload."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, delete, insert, select

from bot.config import Config
from bot.policy import Policy
from bot.store import alerts as alert_rows
from bot.store import incidents
from bot.store.engine import Store
from bot.store.tables import facts

PAGE = 1000


class NeedsRestart(Exception):
    """A change that a running Tocsin cannot take over."""


def check_reloadable(old: Config, new: Config) -> None:
    """Raises NeedsRestart: half of a new config would be worse than none, with channels of a chat that is not there."""
    changed = [f"`{key}`" for key in ("listen", "store", "chats") if getattr(old, key) != getattr(new, key)]
    if (old.tls is None) != (new.tls is None):
        changed.append("`tls`")
    if changed:
        raise NeedsRestart(f"{' and '.join(changed)} changed: that needs a restart, and until then all stays as it was")


class Applying(NamedTuple):
    policy: Policy
    now: float


async def apply_policy(store: Store, policy: Policy, now: float) -> None:
    """Marks anew which firing alerts mute others, if those rules changed, and has all mutes looked at again."""
    if await store.read(_applied) != _digest(policy):
        await store.write(_apply, Applying(policy, now))


def _digest(policy: Policy) -> str:
    """Names all rules that mute: inhibitions, and time intervals with the routes that use them."""
    intervals = {name: [spec.model_dump(mode="json") for spec in specs] for name, specs in policy.config.time_intervals.items()}
    muting = {n.id: [n.route.mute_time_intervals, n.route.active_time_intervals] for n in policy.nodes.values()}
    return f"{policy.inhibitions_digest} {hashlib.sha256(msgspec.json.encode([intervals, muting])).hexdigest()[:16]}"


def _applied(conn: Connection) -> str | None:
    return conn.scalar(select(facts.c.value).where(facts.c.name == "rules"))


def _apply(conn: Connection, items: Sequence[Applying]) -> list[None]:
    policy, now = items[-1]
    if policy.inhibitions:
        _mark_all(conn, policy)
    else:
        alert_rows.unmark_all(conn)
    incidents.check_all(conn, now)
    conn.execute(delete(facts).where(facts.c.name == "rules"))
    conn.execute(insert(facts).values(name="rules", value=_digest(policy)))
    return [None for _ in items]


def _mark_all(conn: Connection, policy: Policy) -> None:
    last = 0
    while rows := alert_rows.firing_marks(conn, last, PAGE):
        last = rows[-1][0]
        marks = [(alert_id, policy.inhibits(labels), before) for alert_id, labels, before in rows]
        alert_rows.mark(conn, [(alert_id, now) for alert_id, now, before in marks if now != before])
