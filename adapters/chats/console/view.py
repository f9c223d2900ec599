"""Cards as HTML: which tone, which place in the list, and the templates. Autoescape is on and all text is cleaned (G8)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import msgspec

from adapters.chat import Message, ThreadNote
from adapters.chats.console.board import MOST_CARDS, Tally
from adapters.chats.console.static import Static
from adapters.chats.console.text import clean, cut, safe_url
from adapters.chats.console.when import LATEST, absolute, iso, span
from rules.card import Card
from rules.change import Kind
from rules.incident import State

RESOLVED_SHOWN = 50
WHY_QUIET = {
    Kind.muted_by_silence: "a silence is on",
    Kind.muted_by_inhibition: "a worse alert fires that explains it",
    Kind.muted_by_time_interval: "it is outside of the hours of its route",
}


class ChannelItem(msgspec.Struct, frozen=True):
    """One line of the list of channels."""

    name: str
    clearance: str
    current: bool
    tally: Tally


class Shown(msgspec.Struct, frozen=True):
    """A card and where it stands. `rank`: cards of a list are sorted by it, as text."""

    id: int
    channel: str
    card: Card
    list: str
    rank: str
    tone: str


def place(message_id: int, channel: str, card: Card) -> Shown:
    """Open cards stand above resolved ones: first what nobody has taken on, then by severity, then the latest first.

    At night the first card on the page is the one to look at; one that is acknowledged, snoozed or silenced steps back.
    """
    started, resolved = (int(min(max(0.0, at), LATEST)) for at in (card.started_at, card.resolved_at))
    if card.state == State.resolved:
        return Shown(message_id, channel, card, "resolved", f"{10**12 - resolved:013d}", "resolved")
    calm = card.state == State.acknowledged or bool(card.silenced) or bool(card.snoozed_until)
    tone = "silenced" if card.silenced else "acknowledged" if card.state == State.acknowledged else card.severity.name
    return Shown(message_id, channel, card, "open", f"{calm:d}{int(card.severity)}{10**12 - started:013d}", tone)


def body_hash(body: bytes) -> int:
    return zlib.crc32(body)


def version(rows: Sequence[Message]) -> str:
    """Names the cards as they are; changes when any of them does."""
    total = 0
    for row in rows:
        total = zlib.crc32(row.body, zlib.crc32(str(row.id).encode(), total))
    return f"{len(rows)}-{total:08x}"


def _finalize(value: Any) -> Any:
    """Cleans every text on its way into a page; what a macro made is clean already."""
    return clean(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


class Views:
    """All fragments and pages of the console."""

    def __init__(self, static: Static) -> None:
        self._env = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
            undefined=jinja2.StrictUndefined,
            autoescape=True,
            finalize=_finalize,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.filters.update(cut=cut, safe_url=safe_url, iso=iso, absolute=absolute, span=span, clean=clean)
        self._env.globals.update(static=static.url, why_quiet=WHY_QUIET)

    def page(self, template: str, **values: Any) -> str:
        return self._env.get_template(template).render(**values)

    def card(self, message_id: int, channel: str, card: Card, now: float) -> dict[str, str | bool]:
        """One card for the stream: the fragment, and the line a screen reader says when it is news."""
        shown = place(message_id, channel, card)
        html = self.page("card.html", shown=shown, now=now)
        urgent = card.state == State.firing and card.severity == 0
        return {"id": f"card-{message_id}", "html": html, "say": clean(cut(card.headline, 300)), "urgent": urgent}

    def lists(self, rows: Sequence[Message], now: float) -> Mapping[str, Any]:
        """What cards.html needs: open and resolved cards in order."""
        placed = [place(row.id, row.channel, msgspec.json.decode(row.body, type=Card)) for row in rows]
        shown = sorted(placed, key=lambda one: one.rank)
        resolved = [s for s in shown if s.list == "resolved"]
        return {
            "open": [s for s in shown if s.list == "open"],
            "resolved": resolved[:RESOLVED_SHOWN],
            "cut_off": len(resolved) > RESOLVED_SHOWN or len(rows) >= MOST_CARDS,
            "now": now,
        }

    def thread(self, rows: Sequence[Message], now: float) -> str:
        notes = [(row.at, msgspec.json.decode(row.body, type=ThreadNote)) for row in rows]
        return self.page("thread.html", notes=notes, now=now)

    def note(self, row_id: int, text: str, at: float, now: float) -> str:
        return self.page("note.html", id=row_id, text=text, at=at, now=now)

    def count(self, channel: str, tally: Tally) -> bytes:
        """The badge of a channel, as the data of an event."""
        html = self.page("count.html", name=channel, tally=tally)
        return msgspec.json.encode({"id": f"count-{clean(channel)}", "html": html})
