"""`tocsin access`: who can see an alert, or could at some time, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from bot.cli.screen import FAILED, say, say_json
from bot.config import Config
from bot.config.moment import format_moment
from bot.grounds import Known, grounds_of, known_at
from bot.store.look import look
from bot.store.writer import StoreUnavailable
from rules.grounds import Place, Reader, Sight, sight


def access(config: Config, alerts: Sequence[Mapping[str, str]], at: float | None, now: float, as_json: bool) -> int:
    """Prints who sees each alert: at a time as the audit log has it, without one as the config says, with what chats said last.

    The exit code. Raises StoreUnavailable.
    """
    known = _known(config, at, now)
    if known is None:
        say(("✘ ", "red"), f"The audit log begins after {format_moment(at or now)}.")
        return FAILED
    sights = [sight(known.grounds, labels, known.standings, known.joined) for labels in alerts]
    if as_json:
        revealed = [one._asdict() for one in known.revealed]
        say_json([
            {"labels": labels, "at": at or now, "sight": one, "revealed": revealed}
            for labels, one in zip(alerts, sights, strict=True)
        ])  # fmt: skip
        return 0
    for labels, one in zip(alerts, sights, strict=True):
        _say(labels, one, known, at or now)
    return 0


def _known(config: Config, at: float | None, now: float) -> Known | None:
    try:
        found = asyncio.run(look(config.store, lambda conn: known_at(conn, now if at is None else at)))
    except StoreUnavailable:
        if at is not None:
            raise
        found = None  # Tocsin was never started here: the config alone has to do
    if at is not None:
        return found
    return (found or Known(grounds_of(config), {}, (), ()))._replace(grounds=grounds_of(config))


def _say(labels: Mapping[str, str], found: Sight, known: Known, at: float) -> None:
    say((" ".join(f"{name}={value}" for name, value in labels.items()) or "an alert without labels", "bold"))
    say((f"at {format_moment(at)}", "dim"))
    say("  ", ("sensitivity  ", "dim"), found.level)
    say("  ", ("route        ", "dim"), ", ".join(found.routes))
    for place in found.places:
        say()
        _say_place(place, known)
    say()
    say(("by asking", "bold"), ": whoever is cleared")
    for reader in found.cleared:
        _say_reader(reader)
    if not found.cleared:
        say("  nobody")
    for grant in known.revealed:
        say()
        say(("by reveal", "bold"), f": {grant.person} sees incident #{grant.incident}, until {format_moment(grant.until)}")


def _say_place(place: Place, known: Known) -> None:
    standing = known.standings.get(place.channel)
    since = f", since {format_moment(standing.at)}" if standing and place.readers else ""
    how = ("in full", "green") if place.full else ("a stub", "yellow")
    say((place.channel, "bold"), ": ", how, f" ({place.why}{since})")
    for reader in place.readers:
        _say_reader(reader)


def _say_reader(reader: Reader) -> None:
    by = ", ".join(reader.by) if reader.by else ("none of its audience", "red")
    say(f"  {reader.key:<20} {reader.name:<24} ", by)
