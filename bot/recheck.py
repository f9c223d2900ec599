"""Work that comes due with time, inside a transaction: ticks of incidents, mutes that begin or end, alerts that expire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from msgspec.structs import replace
from sqlalchemy import Connection

from bot.absorb import Told
from bot.moves import Moves, inhibiting_sources
from bot.policy import Policy
from bot.store import alerts as alert_rows
from bot.store import incidents, members, silences
from bot.store.alerts import AlertRow, Key
from bot.store.members import MemberRow
from rules.alert import expire
from rules.deadline import tick
from rules.incident import Delta, Member

AT_ONCE = 200
"""Incidents handled in one transaction, so that no webhook waits long behind them."""


def tick_due(conn: Connection, policy: Policy, run: str, now: float) -> Told:
    """Moves incidents that are due by `now`, AT_ONCE at most. Returns what happened."""
    rows = incidents.due(conn, now, AT_ONCE)
    if not rows:
        return []
    moves = Moves(conn, policy, run, now)
    moves.load(row.incident.number for row in rows)
    check = [row.incident.number for row in rows if row.check_at <= now]
    if check:
        _check_mutes(conn, moves, check)
        moves.apply()
    for row in rows:
        if row.due_at <= now:
            moves.move(row.incident.number, partial(tick, timing=policy.timing(row.incident.route), now=now))
    return moves.save()


def _check_mutes(conn: Connection, moves: Moves, numbers: Sequence[int]) -> None:
    """Looks again at who is to be told of the alerts that fire in these incidents."""
    policy, now = moves.policy, moves.now
    active, sources = silences.current(conn, now), inhibiting_sources(conn, policy)
    places = [place for number in numbers for place in members.firing_in(conn, number)]
    alerts = alert_rows.load_ids(conn, {place.alert for place in places})
    for number in numbers:
        moves.rows[number].check_at = float("inf")
    for place in places:
        node = policy.node(moves.rows[place.incident].incident.route)
        mute, until = policy.mute(alerts[place.alert].alert, node, active, sources, now)
        moves.check_by(place.incident, until)
        muted = mute.kind.value if mute else ""
        if muted != place.member.muted:
            after = replace(place.member, muted=muted)
            moves.add(place.incident, Delta(place.member, after))
            moves.put(replace(place, member=after))


def expire_due(
    conn: Connection, policy: Policy, run: str, now: float, expiry: Callable[[str, str], float], lag: float = 0.0
) -> tuple[Told, list[Key]]:
    """Resolves alerts that nobody reported again in time, AT_ONCE at most.

    `expiry` gives the expiry an alert's last report named: rows lag behind it, and catch up here. Returns what happened, and
    which alerts expired. `lag`: how much later than the row says, in seconds.
    """
    rows = alert_rows.expiring(conn, now - lag, AT_ONCE)
    later = [(row, at) for row in rows if (at := expiry(*row.key)) > now]
    alert_rows.extend(conn, [(row.id, at) for row, at in later])
    renewed = {row.id for row, _ in later}
    over = [_expired(row) for row in rows if row.id not in renewed]
    told = _resolve(conn, over, Moves(conn, policy, run, now)) if over else []
    return told, [row.key for row in over]


def _expired(row: AlertRow) -> AlertRow:
    state = expire(row.state)
    return replace(row, state=state, alert=replace(row.alert, firing=False, ends_at=state.ends_at))


def _resolve(conn: Connection, over: Sequence[AlertRow], moves: Moves) -> Told:
    by_id = {row.id: row for row in over}
    alert_rows.save(conn, over)
    places = members.firing(conn, list(by_id))
    moves.load({place.incident for place in places})
    for place in places:
        after = Member(place.member.severity, False)
        moves.add(place.incident, Delta(place.member, after))
        moves.put(MemberRow(place.incident, place.alert, after, place.starts_at, by_id[place.alert].state.ends_at))
    if any(row.inhibits for row in over):
        incidents.check_all(conn, moves.now)
    return moves.save()
