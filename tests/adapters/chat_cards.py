"""Cards for the contract of chats: a plain one, hostile ones, the biggest one there can be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import msgspec

from adapters.chat import ThreadNote
from rules.alert import Link, Severity
from rules.card import Button, Card, Line
from rules.incident import State

NOW = 1_767_668_400.0  # 2026-01-06 03:00 UTC
PAGE, WIKI = "https://tocsin.example.com/incidents/", "https://wiki.example.com/runbook?a=1&b=*2*|3"
BUTTONS = {"ack": "Ack", "resolve": "Resolve", "snooze": "Snooze", "silence": "Silence", "note": "Note"}
UNPRONOUNCEABLE = ("\ud83d", "a\udc00b")
"""Half characters. Sources let none through; a chat may refuse them as a payload."""

HOSTILE: Sequence[str] = (
    # Slack
    "<!channel>", "<!here|here>", "<!everyone>", "<@U01ANA>", "<@U01ANA|ana>", "<#C0OPS|ops>", "<!subteam^S01>", "@here",
    "<!date^0^{date}^https://evil.example/|*x*>", "@channel", "#general", "<http://evil.example|click>", "http://evil.example",
    "<mailto:a@evil.example|mail>", "a@evil.example", "www.evil.example", ":fire:", "&lt;!channel&gt;", "&amp;lt;!here&amp;gt;",
    # Discord
    "@everyone", "<@80351110224678912>", "<@!80351110224678912>", "<@&41771983423143937>", "<@&0>", "<#41771983423143999>",
    "<t:0:R>", "<:fire:41771983423143937>", "<a:fire:41771983423143937>", "</ack:41771983423143937>", "<id:customize>",
    "[click](https://evil.example)", "[click](<https://evil.example> 'x')", "<https://evil.example>", "discord.gg/evil.example",
    "https://discord.gg/evil", "# heading", "-# small", ">>> quote", "> quote", "||spoiler||", "[a]: https://evil.example",
    # a browser
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><a href='http://evil.example'>x</a>", "'); alert(1); //",
    "javascript:alert(1)", "</article></main><iframe src=//evil.example>", "<!--", "&#60;script&#62;", "{{7*7}}", "{% x %}",
    # both
    "*bold*", "**bold**", "_it_", "__under__", "~gone~", "~~gone~~", "`code`", "```\nblock\n```", "\\", "\\*", "\\<@1>", "- item",
    "1. item", "<", ">", "&", "|", '"', "'", "%s", "#42", "Acknowledged by Ana", "tocsin · work-1", "\n\n\nResolved\n",
    # letters
    "\u202eevil", "\u2066", "\u200b", "@\u200beveryone", "\u200d", "\ufeff", "\u2060", "\x00", "\x1b[31m", "\r\n", "\u2028", "\t",
    "\uffff", "\U000e0041", "🔥", "👩‍👩‍👧", "e\u0301" * 20, "漢字" * 30, "\u0e33" * 50, "word " * 50, "x" * 4000, "𝕏" * 3000, " ",
    "",
)  # fmt: skip
NO_ADDRESS = ("javascript:alert(1)", "data:text/html,x", "http://a:b@evil.example/", "//evil.example", "ftp://evil.example/")


def a_card(number: int = 42, title: str = "orders-db is down", state: State = State.firing, **more: object) -> Card:
    """A card with the usual buttons; `more` are fields of Card."""
    verbs = {} if state == State.resolved else BUTTONS
    fields: dict[str, object] = {
        "revision": 1, "severity": Severity.critical, "summary": "", "started_at": NOW - 400, "changed_at": NOW, "firing": 1,
        "total": 1, "url": f"{PAGE}{number}",
        "buttons": tuple(Button(verb, words, command(verb, number)) for verb, words in verbs.items()),
        **more,
    }  # fmt: skip
    return Card(number=number, state=state, title=title, **fields)  # type: ignore[arg-type]  # a test's free choice


def command(verb: str, number: int) -> str:
    return f"silence #{number}" if verb == "silence" else f"{verb} {number}"


def full_card(text: str, number: int = 42, state: State = State.firing, **more: object) -> Card:
    """A card that says the text wherever it can hold one, its headline apart."""
    address = "".join(letter for letter in text[:200] if letter.isascii() and letter.isalnum())
    fields: dict[str, object] = {
        "summary": text, "fields": tuple((f"{text}{n}", text) for n in range(8)), "more": 10**6, "firing": 10**6,
        "lines": tuple(Line(text, n % 2 == 0, Severity(n % 5), NOW - n) for n in range(10)), "total": 2 * 10**6, "note": text,
        "links": tuple(Link(text, f"https://wiki.example.com/{n}/{address}") for n in range(20)), "silenced": text, "owner": text,
        "acked_until": NOW, "snoozed_until": NOW, "closing": True, "resolved_at": NOW if state == State.resolved else 0.0,
        "resolved_by": text if state == State.resolved else "", **more,
    }  # fmt: skip
    return a_card(number, state=state, **fields)  # type: ignore[arg-type]  # the same


def hostile_cards(first: int = 1) -> Iterator[Card]:
    """Cards in which each hostile text stands in each place once. Nothing in them leads elsewhere than to `PAGE` and `WIKI`."""
    for number in range(len(HOSTILE)):
        nth = count(number * 7)

        def text(nth: Iterator[int] = nth) -> str:
            return HOSTILE[next(nth) % len(HOSTILE)]

        yield a_card(
            first + number, text(), summary=text(), fields=tuple((text(), text()) for _ in range(8)), owner=text(), note=text(),
            lines=tuple(Line(text(), True, Severity.critical, NOW) for _ in range(10)), silenced=text(),
            links=(Link(text(), WIKI), Link(text(), NO_ADDRESS[number % len(NO_ADDRESS)])),
        )  # fmt: skip


def hostile_notes() -> Iterator[ThreadNote]:
    yield from (ThreadNote(42, (HOSTILE[number], HOSTILE[-number])) for number in range(len(HOSTILE)))


def resolved(card: Card) -> Card:
    """The end of it, told by whoever owned it."""
    gone = {"state": State.resolved, "resolved_at": NOW, "resolved_by": card.owner, "buttons": (), "revision": card.revision + 1}
    return msgspec.structs.replace(card, **gone)
