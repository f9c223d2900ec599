"""Texts that try to be more than text in Discord, and cards made of them: shared by Discord's tests."""

from __future__ import annotations

import random
from collections.abc import Sequence

from rules.alert import Link, Severity
from rules.card import Card, Line
from rules.incident import State
from tests.adapters import slack_cards
from tests.adapters.slack_cards import NOW, URL, make_card

__all__ = ["HOSTILE", "NOW", "URL", "hostile_card", "hostile_text", "make_card"]

HOSTILE: Sequence[str] = (
    *slack_cards.HOSTILE,
    "<@80351110224678912>", "<@!80351110224678912>", "<@&165511591545143296>", "<#41771983423143940>", "<t:0:R>", "<t:1>",
    "</ack:172150183260323842>", "<id:customize>", "<:fire:1234567890>", "<a:fire:1234567890>", ":+1:", "::skin-tone-2:",
    "[click](http://evil.example)", "![x](http://evil.example)", "[a](<http://evil.example>)", "](http://evil.example)", "[", "]",
    "(", ")", "<https://evil.example>", "steam://run", "discord://-/", "<tel:+15551234>", "||hidden||", "||", "__under__", "***",
    "\n# big", "# big", "## big", "### big", "-# small", "#", "- item", "* item", "12. item", "  - item", ">>> all", ">", "\\*",
    "\\\\", "\\", "**bold**", "~~gone~~",
    "```py\nprint()\n```", "`` ` ``", "tocsin · key-1", "\n# big", "\n-# small", "\n1. one", "\n> quote", "\n- item",
)  # fmt: skip


def hostile_text(dice: random.Random, most: int = 8) -> str:
    made = "".join(dice.choice(HOSTILE) for _ in range(dice.randint(1, most)))
    return made * dice.choice((1, 1, 1, 1, 3, 60)) if len(made) < 200 else made


def hostile_card(dice: random.Random) -> Card:
    """A card all of whose texts are hostile, of any state and any size."""

    def text() -> str:
        return hostile_text(dice)

    severities = list(Severity)
    urls = ("https://wiki.example.com/" + text(), "https://wiki.example.com/a_b_c?x=1&y=*2*|3(4)", text())
    lines = [
        Line(text(), dice.random() < 0.7, dice.choice(severities), dice.choice((NOW, -5.0, 1e18)))
        for _ in range(dice.randint(0, 12))
    ]
    return make_card(
        dice.randint(1, 10**8), text(), dice.choice(list(State)), severity=dice.choice(severities), summary=text(),
        fields=tuple((text(), text()) for _ in range(dice.randint(0, 12))), lines=tuple(lines), more=dice.choice((0, 25)),
        firing=len(lines), total=len(lines) + 25, links=tuple(Link(text(), dice.choice(urls)) for _ in range(dice.randint(0, 9))),
        owner=dice.choice(("", text())), acked_until=dice.choice((0.0, NOW)), note=dice.choice(("", text())),
        snoozed_until=dice.choice((0.0, NOW)), silenced=dice.choice(("", "muted_by_silence", text())),
        closing=dice.random() < 0.5, resolved_at=dice.choice((0.0, NOW)), resolved_by=dice.choice(("", text())),
        url=dice.choice(("", URL, "http://127.0.0.1:8080/incidents/42", text())),
    )  # fmt: skip
