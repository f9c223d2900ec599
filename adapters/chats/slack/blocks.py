"""A card in Block Kit: a headline, and an attachment for the colour bar with all the rest in it.

Untrusted text stands in `plain_text` only; mrkdwn holds our own words, dates and links. Slack publishes no limit for the sum of
all blocks and refuses somewhat above 13,000 characters, so a card that would be large is drawn again with less of everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from adapters.chats.slack.text import date, label, link, safe_url, spoken
from adapters.plain import clean, cut, one_line
from rules.alert import Severity
from rules.card import MOST_LINES, Button, Card, Line
from rules.change import Kind
from rules.incident import State

Block = dict[str, Any]
Message = dict[str, Any]

MOST_BYTES = 12_000
"""Of blocks and attachments as JSON, which is more than any of their texts."""
ID = re.compile(r"[A-Z0-9]{1,40}")
HEADER, FIELDS, BUTTON, VALUE, OPTION_VALUE, ACTION_ID = 150, 10, 75, 2000, 150, 255

SNOOZES = {"30 minutes": "30m", "1 hour": "1h", "4 hours": "4h", "until tomorrow": "24h"}
SIGNS = {Severity.critical: "🔴", Severity.high: "🟠", Severity.warning: "🟡", Severity.low: "🔵", Severity.info: "⚪"}
COLOURS = {
    Severity.critical: "#d7263d", Severity.high: "#f46036", Severity.warning: "#f2c037", Severity.low: "#3f88c5",
    Severity.info: "#8d99ae",
}  # fmt: skip
RESOLVED, ACKNOWLEDGED, QUIET = "#2eb67d", "#7b61c9", "#9aa0a6"
WHY_QUIET: Mapping[str, str] = {
    Kind.muted_by_silence: "a silence is on",
    Kind.muted_by_inhibition: "a worse alert fires that explains it",
    Kind.muted_by_time_interval: "it is outside of the hours of its route",
}


class Thrift(msgspec.Struct, frozen=True):
    """How much of each text is shown, in characters; how many links."""

    title: int
    summary: int
    field: int
    line: int
    note: int
    links: int


THRIFT = (Thrift(600, 1500, 200, 150, 300, 8), Thrift(300, 600, 100, 80, 150, 3), Thrift(0, 200, 40, 40, 80, 0))


def draw(card: Card) -> Message:
    """`text`, `blocks` and `attachments` of chat.postMessage and chat.update; never larger than Slack takes."""
    for thrift in THRIFT:
        message = _Sheet(card, thrift).message()
        if len(msgspec.json.encode([message["blocks"], message["attachments"]])) <= MOST_BYTES:
            break
    return message


def colour(card: Card) -> str:
    if card.state == State.resolved:
        return RESOLVED
    if card.silenced or card.snoozed_until:
        return QUIET
    return ACKNOWLEDGED if card.state == State.acknowledged else COLOURS[card.severity]


def plain(text: str) -> Block:
    """A text that Slack takes as it is. It must hold something to be seen, or Slack refuses the whole message."""
    return {"type": "plain_text", "text": text if text.strip() else "…", "emoji": False}


def own(text: str) -> Block:
    """mrkdwn of our own making. Verbatim: Slack adds no mention and no link to it."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


class _Sheet:
    """One drawing of a card. `_was_cut`: some text is not shown in full."""

    def __init__(self, card: Card, thrift: Thrift) -> None:
        self._card, self._thrift = card, thrift
        self._was_cut = False
        self._url = safe_url(card.url)

    def message(self) -> Message:
        card = self._card
        title = one_line(card.title) or "alert without a name"
        sign = "✅" if card.state == State.resolved else SIGNS[card.severity]
        headline = cut(f"{sign} {card.named}{title}", HEADER)
        blocks: list[Block] = [{"type": "header", "text": plain(headline)}]
        blocks += self._pings()
        inside = [self._status(), *self._rest_of_title(title, headline), *self._body(), *self._last_words(), *self._actions()]
        for place, block in enumerate([*blocks, *inside]):
            block["block_id"] = f"tocsin-{card.number}-{card.revision}-{place}"
        return {"text": spoken(card.headline), "blocks": blocks, "attachments": [{"color": colour(card), "blocks": inside}]}

    def _shorten(self, text: str, limit: int) -> str:
        short = cut(text, limit)
        self._was_cut |= len(short) < len(text)
        return short

    def _status(self) -> Block:
        """In our own words: state, severity, since when, how many, and the link to the incident."""
        card, parts = self._card, []
        if card.state == State.resolved:
            when = f" {date(card.resolved_at)}" if card.resolved_at else ""
            parts += [f"*Resolved*{when}", f"was {card.severity.name}", f"began {date(card.started_at)}"]
        else:
            parts += [f"*{card.state.title()}*", f"*{card.severity.name}*", f"since {date(card.started_at)}"]
            parts += [f"{int(card.firing)} of {int(card.total)} firing"] if card.total > 1 else []
        parts += [link(self._url, f"open {card.named}".strip())] if self._url else []
        return {"type": "section", "text": own(" · ".join(parts))}

    def _rest_of_title(self, title: str, headline: str) -> Iterator[Block]:
        if not headline.endswith(title):
            self._was_cut = True
            if self._thrift.title:
                yield {"type": "section", "text": plain(self._shorten(title, self._thrift.title))}

    def _body(self) -> Iterator[Block]:
        card, thrift = self._card, self._thrift
        yield from self._people()
        yield from self._marks()
        if summary := clean(card.summary).strip():
            yield {"type": "section", "text": plain(self._shorten(summary, thrift.summary))}
        if card.fields:
            yield {"type": "section", "fields": [plain(self._field(*field)) for field in card.fields[:FIELDS]]}
        for line in card.lines[:MOST_LINES]:
            yield self._line(line)
        if more := card.more + len(card.lines[MOST_LINES:]):
            command = "incidents" if card.storm else f"incident {card.number}"
            yield {"type": "actions", "elements": [_button("incident", f"and {more} more", command)]}

    def _field(self, name: str, value: str) -> str:
        return self._shorten(f"{cut(one_line(name), 60)}: {one_line(value)}", self._thrift.field)

    def _pings(self) -> Iterator[Block]:
        """Whom the channel's policy calls; Slack tells them when the message is posted, and not when it is edited."""
        pings = [ping for ping in self._card.pings if ID.fullmatch(ping.id)]
        if pings:
            yield {"type": "section", "text": own(" ".join(f"<{'!subteam^' if ping.group else '@'}{ping.id}>" for ping in pings))}

    def _people(self) -> Iterator[Block]:
        """Who has it, until when; who ended it; what they noted."""
        card, elements = self._card, []
        if card.state == State.resolved and card.resolved_by:
            elements.append(plain(f"Resolved by {cut(one_line(card.resolved_by), 80)}"))
        elif card.owner:
            had = "had it" if card.state == State.resolved else "has it"
            elements.append(plain(f"👤 {cut(one_line(card.owner), 80)} {had}"))
        if card.acked_until and card.state == State.acknowledged:
            elements.append(own(f"until {date(card.acked_until)}"))
        if note := one_line(card.note):
            elements.append(plain(f"📝 {self._shorten(note, self._thrift.note)}"))
        if elements:
            yield {"type": "context", "elements": elements}

    def _marks(self) -> Iterator[Block]:
        card, elements = self._card, []
        if card.state == State.resolved:
            return
        if card.silenced:
            why = WHY_QUIET.get(card.silenced) or self._shorten(one_line(card.silenced), self._thrift.note)
            elements.append(plain(f"🔕 Nobody is told: {why}"))
        if card.snoozed_until:
            elements.append(own(f"💤 snoozed until {date(card.snoozed_until)}"))
        if card.closing:
            elements.append(own("☑️ nothing fires any more, closing soon"))
        if elements:
            yield {"type": "context", "elements": elements}

    def _line(self, line: Line) -> Block:
        """One alert of a group."""
        told = f"{SIGNS[line.severity]} since {date(line.since)}" if line.firing else f"✅ {date(line.since)}"
        return {"type": "context", "elements": [own(told), plain(self._shorten(one_line(line.text), self._thrift.line))]}

    def _last_words(self) -> Iterator[Block]:
        """Where to read on."""
        links = [(safe_url(one.url), label(one.name)) for one in self._card.links]
        shown = [link(url, words) for url, words in links if url][: self._thrift.links]
        if self._was_cut and self._url:
            shown.append(link(self._url, "all of the text"))
        if shown:
            yield {"type": "context", "elements": [own(f"🔗 {' · '.join(shown)}")]}

    def _actions(self) -> Iterator[Block]:
        elements = {button.verb: _element(button) for button in self._card.buttons[:20]}
        if elements and self._card.storm:
            yield {"type": "actions", "elements": [_of_many(button) for button in self._card.buttons[:20]]}
        elif elements:
            elements["more"] = _more(self._card.number)
            yield {"type": "actions", "elements": list(elements.values())}


def _element(button: Button) -> Block:
    if button.verb == "snooze":
        options = [_option(words, f"{button.command} for {span}") for words, span in SNOOZES.items()]
        return {
            "type": "static_select", "action_id": "tocsin:snooze", "placeholder": plain(one_line(button.label)[:BUTTON]),
            "options": options,
        }  # fmt: skip
    return _button(button.verb, button.label, button.command)


def _button(verb: str, words: str, command: str) -> Block:
    made: Block = {
        "type": "button", "action_id": f"tocsin:{verb}", "text": plain(cut(one_line(words), BUTTON)), "value": command[:VALUE]
    }  # fmt: skip
    return {**made, "style": "primary"} if verb == "ack" else made


def _of_many(button: Button) -> Block:
    """One of several for the same verb: no two controls of a block may have the same id."""
    return {**_button(button.verb, button.label, button.command), "action_id": f"tocsin:{button.command}"[:ACTION_ID]}


def _more(number: int) -> Block:
    """What is asked less often."""
    options = [_option("Show all of it, to me", f"incident {number}"), _option("Why did it come here?", f"why {number}")]
    return {"type": "overflow", "action_id": "tocsin:more", "options": options}


def _option(words: str, command: str) -> Block:
    return {"text": plain(words), "value": command[:OPTION_VALUE]}
