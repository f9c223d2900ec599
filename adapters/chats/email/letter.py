"""A card as a letter: plain text only, so that nothing in it can be more than text (G8)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP

from adapters.plain import clean, cut, one_line, safe_url
from rules.alert import Severity
from rules.card import Card
from rules.incident import State

LATEST = 253402300799.0  # the last second of the year 9999; 0.0 stands first below so that NaN becomes 0
POLICY = SMTP.clone(cte_type="7bit")
MOST_TEXT, MOST_LINE, MOST_SUBJECT = 4000, 500, 150
_ID = re.compile(r"[A-Za-z0-9-]{1,60}")


def letter_of(card: Card, sender: str, to: Sequence[str], at: float) -> EmailMessage:
    """Without its ids. `at`: seconds since the epoch."""
    told = card.severity.name if card.state == State.firing else card.state.value
    letter = written(f"[{told}] {f'#{card.number} ' if card.number else ''}{card.title}", "\n".join(_body(card)), sender, to, at)
    if card.severity == Severity.critical and card.state == State.firing:
        letter["Importance"] = "high"
    return letter


def written(subject: str, text: str, sender: str, to: Sequence[str], at: float) -> EmailMessage:
    """Any letter of ours."""
    letter = EmailMessage(policy=POLICY)
    letter["Subject"] = cut(inert(one_line(subject)), MOST_SUBJECT)
    letter["From"], letter["To"] = sender, ", ".join(to)
    letter["Date"] = _moment(at)
    letter["Auto-Submitted"] = "auto-generated"  # so that no robot answers
    letter["X-Auto-Response-Suppress"] = "All"
    letter.set_content(text + "\n")
    return letter


def message_id(key: str, domain: str) -> str:
    """The same for the same key: mailboxes that get a letter twice show it once."""
    name = key if _ID.fullmatch(key) else hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return f"<{name}@{domain}>"


def inert(text: str) -> str:
    """Text in which no mail program finds an address to make a link of."""
    return re.sub(r"(?i)\bwww\.", "www\u2024", text.replace("://", "\ua789//")).replace("@", "\uff20")


def _body(card: Card) -> Iterator[str]:
    yield f"{card.severity.name.upper()}, {card.state.value} since {_words(card.started_at)}"
    yield from _handling(card)
    yield ""
    yield _line(card.title)
    if card.summary:
        yield cut(inert(clean(card.summary)), MOST_TEXT)
    yield ""
    yield from (f"{_line(name)}: {_line(value)}" for name, value in card.fields)
    yield from (f"- {'' if line.firing else 'resolved: '}{_line(line.text)}" for line in card.lines)
    if card.more:
        yield f"- and {card.more} more"
    yield from (f"{_line(link.name)}: {address}" for link in card.links if (address := safe_url(link.url)))
    if address := safe_url(card.url):
        yield f"\nSee it, and act on it: {address}"


def _handling(card: Card) -> Iterator[str]:
    if card.owner and card.state != State.resolved:
        yield f"{_line(card.owner)} has it"
    if card.resolved_by:
        yield f"Resolved by {_line(card.resolved_by)}"
    if card.note:
        yield f"Note: {_line(card.note)}"


def _line(text: str) -> str:
    return cut(inert(one_line(text)), MOST_LINE)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(min(max(0.0, at), LATEST), UTC)


def _words(at: float) -> str:
    return _moment(at).strftime("%Y-%m-%d %H:%M UTC")
