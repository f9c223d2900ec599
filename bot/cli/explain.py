"""`tocsin explain`: where an alert would go, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.cli.screen import say, say_json
from bot.cli.walk import say_walk
from bot.config import Config
from bot.config.decision import Decision, Taken, decide
from bot.config.moment import format_moment
from rules.duration import format_duration
from rules.matcher import match_all
from rules.mute import NEVER


def explain(config: Config, alerts: Sequence[Mapping[str, str]], at: float) -> None:
    """Prints what becomes of each alert at a time, in seconds since the epoch."""
    for i, labels in enumerate(alerts):
        if i:
            say()
        _explain(config, labels, at)


def _explain(config: Config, labels: Mapping[str, str], at: float) -> None:
    decision = decide(config, labels, at)
    say((" ".join(f"{name}={value}" for name, value in labels.items()) or "an alert without labels", "bold"))
    say((f"at {format_moment(at)}", "dim"))
    say()
    say_walk(decision.steps, [taken.node.id for taken in decision.taken], labels)
    for taken in decision.taken:
        say()
        say("route ", (taken.node.id, "bold"))
        _say_taken(config, decision, taken)
        for text in _inhibitors(config, labels):
            _line("", text)


def _say_taken(config: Config, decision: Decision, taken: Taken) -> None:
    _line("channels", ", ".join((*taken.channels, *taken.added)))
    first, *more = _shown_where(config, decision, taken)
    _line("sensitivity", decision.sensitivity + first)
    for line in more:
        _line("", line)
    _line("incident", _one_for(taken))
    timing = taken.node.timing
    shown = {name: format_duration(getattr(timing, name)) for name in timing.__struct_fields__}
    _line("timing", f"first card after {shown['group_wait']}, further alerts every {shown['group_interval']},")
    _line("", f"reminder every {shown['repeat_interval']}; closes after {shown['resolve_after']} of quiet,")
    _line("", f"reopens within {shown['reopen_within']}")
    if taken.mute:
        until = "" if taken.mute.until == NEVER else f", until {format_moment(taken.mute.until)}"
        _line("muted", f"yes: {taken.mute.text}{until}", "yellow")
    else:
        _line("muted", "no")


def _line(name: str, text: str, style: str = "") -> None:
    say((f"  {name:<12} ", "dim"), (text, style))


def _one_for(taken: Taken) -> str:
    """Which alerts share the incident."""
    parts = [f"with {name}={value}" for name, value in taken.group.items()]
    parts += [f"without {name}" for name in taken.node.group_by if name not in taken.group and name != "..."]
    return f"one for all alerts {', '.join(parts) or 'of this route'}"


def _shown_where(config: Config, decision: Decision, taken: Taken) -> list[str]:
    """Which channels get a stub instead, and where the content is: what follows the level, and further lines."""
    proof = ", only while it is verified" if decision.needs_proof else ""
    if not taken.withheld:
        return [f": in full{proof}" if proof else ""]
    stubs = ", ".join(f"{name} (clearance {config.channels[name].clearance})" for name in taken.withheld)
    full = [name for name in (*taken.channels, *taken.added) if name not in taken.withheld]
    where = f"in full in {', '.join(full)}{proof}" if full else "in full nowhere: no channel is cleared"
    return [f": only a stub in {stubs}", where]


def _inhibitors(config: Config, labels: Mapping[str, str]) -> list[str]:
    """What would mute it if it fired, one line a rule."""
    found = []
    for rule in config.inhibit:
        if match_all(rule.target, labels) and not match_all(rule.source, labels):
            same = f" with the same {', '.join(rule.equal)}" if rule.equal else ""
            found.append(f"(it would be, while {', '.join(map(str, rule.source))}{same} fires)")
    return found


def explain_json(config: Config, alerts: Sequence[Mapping[str, str]], at: float) -> None:
    """The same for scripts: a list with one object an alert."""
    say_json([_decision_json(decide(config, labels, at), labels, at) for labels in alerts])


def _decision_json(decision: Decision, labels: Mapping[str, str], at: float) -> dict[str, Any]:
    return {
        "labels": dict(labels),
        "at": at,
        "sensitivity": decision.sensitivity,
        "channels": decision.channels,
        "withheld": decision.withheld,
        "muted": decision.mute.kind if decision.mute else None,
        "routes": [_taken_json(taken) for taken in decision.taken],
        "walk": [
            {"route": step.node.id, "depth": step.depth, "matched": step.matched, "failed": step.failed or None}
            for step in decision.steps
        ],
    }


def _taken_json(taken: Taken) -> dict[str, Any]:
    mute = taken.mute
    return {
        "route": taken.node.id,
        "channels": (*taken.channels, *taken.added),
        "withheld": taken.withheld,
        "group": taken.group,
        "timing": taken.node.timing,
        "muted": mute and {"kind": mute.kind, "text": mute.text, "until": None if mute.until == NEVER else mute.until},
    }
