"""What commands answer, as plain text that reads well on a phone. Everything asks the access rules first (G3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from adapters.chat import Reply
from bot.disclosure import eyes_of
from bot.drawing import alerts_of
from bot.policy import Policy
from bot.store import deliveries, incidents, timeline
from bot.walk import walk_text
from rules.access import Caller
from rules.command import VERBS, Command
from rules.duration import format_duration
from rules.incident import Incident, State
from rules.matcher import Matcher
from rules.mute import Silence
from rules.wording import tell

MOST_LISTED = 20
MOST_READ = 2000

ICONS: Mapping[State, str] = {State.firing: "●", State.acknowledged: "◐", State.resolved: "✓"}


def refusal(caller: Caller, verb: str, incident: Incident | None, number: int, policy: Policy) -> str:
    """Why this person may not do this to this incident; empty if they may. What they may not see does not exist for them."""
    if incident is None or not eyes_of(caller, policy).sees(incident):
        return unseen(caller, number, policy)
    return refusal_for(caller, verb, incident.labels, policy)


def unseen(caller: Caller, number: int, policy: Policy) -> str:
    """The answer on what somebody may not see, the same as on what is not there."""
    rule = policy.config.reveal
    glass = f" If it must be: reveal {number} REASON" if rule and caller.groups.intersection(rule.groups) else ""
    more = f"{admins(policy)} may show you more.{glass}"
    return f"There is no incident #{number} that you may see. To list yours: incidents. {more}"


def admins(policy: Policy) -> str:
    """Whom to ask."""
    return f"Members of {', '.join(policy.config.admin.groups)}" if policy.config.admin.groups else "The people who run Tocsin"


def refusal_for(caller: Caller, verb: str, labels: Mapping[str, str], policy: Policy) -> str:
    """Why this person may not use the verb on something with these labels; empty if they may."""
    permission = VERBS[verb].permission
    if permission is None or policy.may(caller, permission, labels):
        return ""
    groups = policy.who_may(permission, labels)
    who = f"Members of {', '.join(groups)} may." if groups else "Nobody may: `permissions` in the config lists no group for it."
    return f"You may not {verb} this. {who}"


def stranger(policy: Policy) -> str:
    admins = ", ".join(policy.config.admin.groups) or "the people who run Tocsin"
    groups = ", ".join(dict.fromkeys(f"`{one.name}`" for one in policy.platform_groups))
    or_to = f", or to the group in your chat that is {groups} here" if groups else ""
    return f"I do not know you, so I may not tell or do anything. Ask {admins} to add you under `people` in the config{or_to}."


def whoami(caller: Caller, policy: Policy) -> str:
    if not caller.key:
        return stranger(policy)
    allowed = [
        f"{', '.join(one.allow)}" + (f" where {matchers_text(one.where)}" if one.where else "")
        for one in policy.config.permissions
        if caller.groups.intersection(one.groups)
    ]
    rule = policy.config.reveal if policy.config.reveal and caller.groups.intersection(policy.config.reveal.groups) else None
    return "\n".join([
        f"You are {caller.name} ({caller.key}).",
        f"Groups: {', '.join(sorted(caller.groups)) or 'none'}",
        f"Clearance: {caller.clearance or 'none, so you see no incident'}",
        f"You may: {'; '.join(allowed) or 'nothing but read'}",
        *([f"With a reason you may look at what is {rule.up_to}, too: reveal NUMBER REASON"] if rule else []),
    ])  # fmt: skip


def list_incidents(conn: Connection, caller: Caller, command: Command, policy: Policy, now: float) -> Reply:
    """The incidents of a scope that this person may see, worst first."""
    rows, eyes = incidents.listed(conn, command.scope != "all", MOST_READ), eyes_of(caller, policy)
    found = [
        row.incident
        for row in rows
        if eyes.sees(row.incident)
        and eyes.about(row.incident.number).match(command.matchers, row.incident.labels)
        and (command.scope != "mine" or row.incident.owner == caller.key)
    ]
    if not found:
        return Reply({"mine": "You own no open incident."}.get(command.scope, "No incident. All quiet."))
    more = [f'… and {len(found) - MOST_LISTED} more. Narrow it: incidents team="db"'] if len(found) > MOST_LISTED else []
    return Reply("\n".join([*(_line(one, policy, now) for one in found[:MOST_LISTED]), *more]))


def show_incident(conn: Connection, caller: Caller, command: Command, policy: Policy, now: float) -> Reply:
    """One incident: alerts, timeline, delivery receipts."""
    number = command.numbers[0]
    row = incidents.load(conn, [number]).get(number)
    if row is None or (refused := refusal(caller, "incident", row.incident, number, policy)):
        return Reply(refused if row else refusal(caller, "incident", None, number, policy), ok=False)
    incident = eyes_of(caller, policy).about(number).shown(row.incident)
    alerts = alerts_of(conn, incident, MOST_LISTED)
    told = timeline.latest(conn, number, MOST_LISTED)
    shown = deliveries.of_incidents(conn, [number])
    lines = [
        _line(incident, policy, now),
        "  ".join(f"{name}={value}" for name, value in incident.labels.items()),
        "",
        f"Alerts ({incident.firing_count} of {incident.total} firing):",
        *(f"  {'●' if a.firing else '✓'} {a.severity.name}  {a.title}  since {clock(a.starts_at)}" for a in alerts),
        "Timeline:",
        *(f"  {clock(change.at)}  {tell(change, policy.names)}" for change in told),
        "Cards:",
        *(f"  {_receipt(one)}" for one in shown),
    ]
    return Reply("\n".join(lines))


def why_incident(conn: Connection, caller: Caller, command: Command, policy: Policy, now: float) -> Reply:
    """Why an incident came where it did: the route walk, what mutes it, where it is withheld."""
    number = command.numbers[0]
    row = incidents.load(conn, [number]).get(number)
    if row is None or refusal(caller, "why", row.incident, number, policy):
        return Reply(refusal(caller, "why", None, number, policy), ok=False)
    incident = row.incident
    first = next(iter(alerts_of(conn, incident, 1)), None)
    lines = [f"#{number} took the route {incident.route}, grouped by {_labels(incident.group) or 'nothing'}."]
    if first:
        lines += ["The way of its first alert:", *walk_text(policy.root, first.labels)]
    lines.append(f"It is {incident.sensitivity}:")
    on_storm_cards = {row.channel for row in deliveries.of_incidents(conn, [number]) if row.carried}
    for name in policy.destinations(incident):
        channel = policy.channels.get(name)
        cleared = policy.shows(name, incident.sensitivity)
        clearance = channel.clearance if channel else "gone from the config"
        how = "carries it on its storm card" if name in on_storm_cards else "shows it" if cleared else "shows a stub"
        lines.append(f"  {name} ({clearance}) {how}")
    if incident.is_muted:
        lines.append(f"Nobody is told now: {incident.silenced.replace('_', ' ')}.")
    return Reply("\n".join(lines))


QUERIES: Mapping[str, Callable[[Connection, Caller, Command, Policy, float], Reply]] = {
    "incidents": list_incidents, "incident": show_incident, "why": why_incident,
}  # fmt: skip


def silences_text(found: Sequence[Silence], policy: Policy, now: float) -> str:
    if not found:
        return "No silence is in force."
    return "\n".join(_silence(silence, policy, now) for silence in found)


def _silence(silence: Silence, policy: Policy, now: float) -> str:
    by, reason = policy.names.get(silence.by, silence.by), f": {silence.reason}" if silence.reason else ""
    if silence.author and silence.author != by:
        by = f'{by} as "{silence.author}"'
    lasts = f"for {format_duration(float(round(silence.ends_at - max(now, silence.starts_at))))}"
    when = f"{lasts} more" if silence.starts_at <= now else f"upcoming: from {_moment(silence.starts_at, now)} {lasts}"
    return f"{silence.id}  {matchers_text(silence.matchers)}  {when}, by {by}{reason}"


def _moment(at: float, now: float) -> str:
    """A time to come, with its day when that is not within 24 hours."""
    return f"{clock(at)} UTC" if at < now + 86_400 else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def matchers_text(matchers: Sequence[Matcher]) -> str:
    return "{" + ", ".join(str(matcher) for matcher in matchers) + "}"


def until_text(until: float, now: float) -> str:
    """` for 2h, until 14:30 UTC`, or nothing for a time that is not set."""
    return f" for {format_duration(float(round(until - now)))}, until {clock(until)} UTC" if until else ""


def still_firing(incident: Incident) -> str:
    count = incident.firing_count
    if not count:
        return ""
    what = "1 alert still fires" if count == 1 else f"{count} alerts still fire"
    return f" But {what}: if that goes on, it will be brought up again."


def clock(at: float) -> str:
    """Hours and minutes, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")


def _line(incident: Incident, policy: Policy, now: float) -> str:
    owner = f", {policy.names.get(incident.owner, incident.owner)} has it" if incident.owner else ""
    age = format_duration(float(max(0, round(now - incident.started_at))))
    state = incident.state.value + (", snoozed" if incident.snoozed_until else "") + (", muted" if incident.is_muted else "")
    return f"{ICONS[incident.state]} #{incident.number} {incident.severity.name} {incident.title} ({state}{owner}, {age})"


def _receipt(row: deliveries.Delivery) -> str:
    if row.carried:
        return f"{row.channel}: on the storm card there, until somebody acts on it"
    if not row.behind:
        return f"{row.channel}: shown at {clock(row.shown_at)}"
    what = f"{row.channel}: revision {row.wanted} wanted, {row.shown or 'none'} shown"
    return f"{what}; {row.failure.replace('_', ' ')}: {row.error}" if row.failures else what


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels.items())
