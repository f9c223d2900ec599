"""A card as an embed, with controls below it. Every text in it is escaped; links are masked and lead where the card says (G8).

An embed holds 6,000 characters in all, so a card that would be larger is drawn again with less of everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from adapters.chats.discord.components import fits_button, rows
from adapters.chats.discord.ref import MARK
from adapters.chats.discord.text import escape, label, link, moment, told
from adapters.plain import clean, one_line, size
from rules.alert import Severity
from rules.card import MOST_LINES, Card, Line, Ping
from rules.change import Kind
from rules.incident import State

Embed = dict[str, Any]
Message = dict[str, Any]

TITLE, DESCRIPTION, FIELDS, NAME, VALUE, IN_ALL = 256, 4096, 10, 256, 1024, 6000
PERSON, WHO = 80, 160
MOST_PINGS = 40
SILENT: Mapping[str, Any] = {"parse": []}
"""Nobody is called by what a message says. Discord forgets it at each edit, so always."""

SIGNS = {Severity.critical: "🔴", Severity.high: "🟠", Severity.warning: "🟡", Severity.low: "🔵", Severity.info: "⚪"}
COLOURS = {
    Severity.critical: 0xD7263D, Severity.high: 0xF46036, Severity.warning: 0xF2C037, Severity.low: 0x3F88C5,
    Severity.info: 0x8D99AE,
}  # fmt: skip
RESOLVED, ACKNOWLEDGED, QUIET = 0x2EB67D, 0x7B61C9, 0x9AA0A6
WHY_QUIET: Mapping[str, str] = {
    Kind.muted_by_silence: "a silence is on",
    Kind.muted_by_inhibition: "a worse alert fires that explains it",
    Kind.muted_by_time_interval: "it is outside of the hours of its route",
}
_ID = re.compile(r"[0-9]{1,20}")


class Thrift(msgspec.Struct, frozen=True):
    """How much of each text is shown, in characters; how many links."""

    title: int
    summary: int
    field: int
    line: int
    note: int
    links: int


THRIFT = (Thrift(600, 1500, 200, 150, 300, 8), Thrift(300, 600, 100, 80, 150, 3), Thrift(0, 200, 40, 40, 80, 0))


def draw(card: Card, key: str) -> Message:
    """`embeds`, `components` and `allowed_mentions` of a message; never larger than Discord takes. It calls nobody."""
    for thrift in THRIFT:
        sheet = _Sheet(card, thrift)
        embed = sheet.embed(key)
        if fits(embed):
            break
    return {"embeds": [embed], "components": rows(card, sheet.more), "allowed_mentions": SILENT}


def calling(message: Message, card: Card) -> Message:
    """The message of a new card: with those in it whom the channel's policy calls, and nobody else.

    It says no more than number and severity, for an edit leaves it as it is.
    """
    pings = [ping for ping in dict.fromkeys(card.pings) if _ID.fullmatch(ping.id)][:MOST_PINGS]
    if not pings:
        return message
    content = f"{' '.join(map(_mention, pings))} #{card.number} {card.severity.name}"
    roles, users = [ping.id for ping in pings if ping.group], [ping.id for ping in pings if not ping.group]
    return {**message, "content": content, "allowed_mentions": {"parse": [], "roles": roles, "users": users}}


def footer(key: str) -> Mapping[str, str]:
    """What names the post, so that it can be found again. No untrusted text ever stands here."""
    return {"text": MARK + key}


def fits(embed: Embed) -> bool:
    fields = embed.get("fields", ())
    texts = [embed.get("title", ""), embed["description"], embed["footer"]["text"]]
    texts += [field[part] for field in fields for part in ("name", "value")]
    return size(embed["description"]) <= DESCRIPTION and sum(map(size, texts)) <= IN_ALL


def colour(card: Card) -> int:
    if card.state == State.resolved:
        return RESOLVED
    if card.silenced or card.snoozed_until:
        return QUIET
    return ACKNOWLEDGED if card.state == State.acknowledged else COLOURS[card.severity]


def _mention(ping: Ping) -> str:
    return f"<@&{ping.id}>" if ping.group else f"<@{ping.id}>"


class _Sheet:
    """One drawing of a card. `_was_cut`: some text is not shown in full."""

    def __init__(self, card: Card, thrift: Thrift) -> None:
        self._card, self._thrift = card, thrift
        self._was_cut = False
        self.more = card.more + len(card.lines[MOST_LINES:])

    def embed(self, key: str) -> Embed:
        card = self._card
        title = one_line(card.title) or "alert without a name"
        sign = "✅" if card.state == State.resolved else SIGNS[card.severity]
        start = f"{sign} {card.named}"
        room = TITLE - size(start)
        headline = told(title, room, room)
        parts = ["\n".join([self._status(), *self._rest_of_title(title, headline), *self._people(), *self._marks()])]
        if summary := clean(card.summary).strip():
            parts.append(self._told(summary, self._thrift.summary))
        parts.append("\n".join(self._line(line) for line in card.lines[:MOST_LINES]))
        fields = [self._field(*field) for field in card.fields[:FIELDS]]
        parts.append(self._links())
        description = "\n\n".join(part for part in parts if part)
        return {
            "title": start + headline, "description": description, "color": colour(card), "fields": fields,
            "footer": footer(key),
        }  # fmt: skip

    def _told(self, text: str, limit: int) -> str:
        self._was_cut |= size(text) > limit
        return told(text, limit, 2 * limit + 20)

    def _status(self) -> str:
        """In our own words: state, severity, since when, how many, and where to open it if no button does."""
        card, parts = self._card, []
        if card.state == State.resolved:
            when = f" {moment(card.resolved_at)}" if card.resolved_at else ""
            parts += [f"**Resolved**{when}", f"was {card.severity.name}", f"began {moment(card.started_at)}"]
        else:
            parts += [f"**{card.state.title()}**", f"**{card.severity.name}**", f"since {moment(card.started_at)}"]
            parts += [f"{int(card.firing)} of {int(card.total)} firing"] if card.total > 1 else []
        if not fits_button(card.url) and (opening := link(card.url, f"open {card.named}".strip())):
            parts.append(opening)
        return " · ".join(parts)

    def _rest_of_title(self, title: str, headline: str) -> Iterator[str]:
        if headline != escape(title):
            self._was_cut = True
            if self._thrift.title:
                yield self._told(title, self._thrift.title)

    def _people(self) -> Iterator[str]:
        """Who has it, until when; who ended it; what they noted."""
        card, parts = self._card, []
        if card.state == State.resolved and card.resolved_by:
            parts.append(f"Resolved by {told(one_line(card.resolved_by), PERSON, WHO)}")
        elif card.owner:
            had = "had it" if card.state == State.resolved else "has it"
            parts.append(f"👤 {told(one_line(card.owner), PERSON, WHO)} {had}")
        if card.acked_until and card.state == State.acknowledged:
            parts.append(f"until {moment(card.acked_until)}")
        if parts:
            yield " · ".join(parts)
        if note := one_line(card.note):
            yield f"📝 {self._told(note, self._thrift.note)}"

    def _marks(self) -> Iterator[str]:
        card = self._card
        if card.state == State.resolved:
            return
        if card.silenced:
            why = WHY_QUIET.get(card.silenced) or self._told(one_line(card.silenced), self._thrift.note)
            yield f"🔕 Nobody is told: {why}"
        if card.snoozed_until:
            yield f"💤 snoozed until {moment(card.snoozed_until)}"
        if card.closing:
            yield "☑️ nothing fires any more, closing soon"

    def _line(self, line: Line) -> str:
        """One alert of a group."""
        when = f"{SIGNS[line.severity]} since {moment(line.since)}" if line.firing else f"✅ {moment(line.since)}"
        return f"{when} {self._told(one_line(line.text), self._thrift.line)}"

    def _field(self, name: str, value: str) -> Mapping[str, object]:
        shown = self._told(one_line(value), self._thrift.field) or "…"
        return {"name": told(one_line(name), 60, NAME) or "…", "value": shown, "inline": True}

    def _links(self) -> str:
        """Where to read on."""
        links = [link(one.url, label(one.name)) for one in self._card.links]
        shown = [one for one in links if one][: self._thrift.links]
        if self._was_cut and (whole := link(self._card.url, "all of the text")):
            shown.append(whole)
        return f"🔗 {' · '.join(shown)}" if shown else ""
