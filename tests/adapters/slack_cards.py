"""Sample cards, and texts that try to be more than text: shared by Slack's tests."""

from __future__ import annotations

import random
from collections.abc import Sequence

from rules.alert import Link, Severity
from rules.card import Button, Card, Line
from rules.incident import State

NOW = 1_767_668_400.0  # 2026-01-06 03:00 UTC
URL = "https://tocsin.example.com/incidents/42"

HOSTILE: Sequence[str] = (
    "<!channel>", "<!here|here>", "<!everyone>", "<@U01ANA>", "<#C01DB|db>", "<!subteam^S01>", "<!date^0^{date}|*x*>", "@here",
    "@channel", "@everyone", "#general", "<http://evil.example|click>", "http://evil.example", "www.evil.com", "a@evil.com",
    "<mailto:a@evil.com|mail>", "*bold*", "_it_", "~gone~", "`code`", "```block```", "> quote", "&gt; quote", "\n> quote",
    ":fire:", ":white_check_mark:", "&lt;!channel&gt;", "&amp;", "<", ">", "&", "|", "*", "_", "`", "~", ":", "\u202eevil",
    "\u200b",
    "\u2066", "\ufeff", "\u200d", "\u2060", "\x00", "\x1b[31m", "\r\n", "\n", "\u2028", "\t", "\ud83d", "\udc00", "\uffff",
    "🔥", "👩‍👩‍👧", "e\u0301" * 20, "漢字" * 30, "word " * 50, "x" * 4000, "𝕏" * 500, "\\", '"', "'", "{{x}}", "%s",
    "#42 ", "Acknowledged by Ana", "- item", "• item", "1. item", "https://evil.example/|*x*",
)  # fmt: skip


def make_card(number: int = 42, title: str = "Web servers are down", state: State = State.firing, **more: object) -> Card:
    """A card with the usual buttons; `more` are fields of Card."""
    first = "unack" if state == State.acknowledged else "ack"
    verbs = () if state == State.resolved else (first, "resolve", "snooze", "silence", "note")
    buttons = tuple(Button(verb, verb.title(), f"{verb} {'#' if verb == 'silence' else ''}{number}") for verb in verbs)
    fields: dict[str, object] = {
        "revision": 1, "severity": Severity.critical, "summary": "", "started_at": NOW - 400, "changed_at": NOW, "firing": 1,
        "total": 1, "buttons": buttons, "url": URL, **more,
    }  # fmt: skip
    return Card(number=number, state=state, title=title, **fields)  # type: ignore[arg-type]  # a test's free choice


def hostile_text(dice: random.Random, most: int = 8) -> str:
    made = "".join(dice.choice(HOSTILE) for _ in range(dice.randint(1, most)))
    return made * dice.choice((1, 1, 1, 1, 3, 1000)) if len(made) < 200 else made


def hostile_card(dice: random.Random) -> Card:
    """A card all of whose texts are hostile, of any state and any size."""

    def text() -> str:
        return hostile_text(dice)

    severities = list(Severity)
    lines = [
        Line(text(), dice.random() < 0.7, dice.choice(severities), dice.choice((NOW, -5.0, 1e18)))
        for _ in range(dice.randint(0, 12))
    ]
    links = [
        Link(text(), dice.choice((text(), "https://wiki.example.com/" + text(), "https://wiki.example.com/a_b_c?x=1&y=*2*|3")))
    ]
    return make_card(
        dice.randint(1, 10**8), text(), dice.choice(list(State)), severity=dice.choice(severities), summary=text(),
        fields=tuple((text(), text()) for _ in range(dice.randint(0, 12))), lines=tuple(lines), more=dice.choice((0, 25)),
        firing=len(lines), total=len(lines) + 25, links=tuple(links * dice.randint(0, 9)), owner=dice.choice(("", text())),
        acked_until=dice.choice((0.0, NOW)), note=dice.choice(("", text())), snoozed_until=dice.choice((0.0, NOW)),
        silenced=dice.choice(("", "muted_by_silence", text())), closing=dice.random() < 0.5, resolved_at=dice.choice((0.0, NOW)),
        resolved_by=dice.choice(("", text())), url=dice.choice(("", URL, text())),
    )  # fmt: skip
