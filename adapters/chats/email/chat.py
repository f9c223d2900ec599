"""The port of chats for e-mail: a new card is a letter; later ones in its thread tell when its state is another one.

A letter cannot be taken back, edited, found or pressed. What may be shown here is bounded by that: nobody can prove who reads a
mailbox, so nothing that needs proof is ever sent (G3).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from typing import ClassVar

import structlog
from aiohttp import web

from adapters.chat import DeliveryError, Desk, Failure, Finding, Lane, ThreadNote
from adapters.chats.email.config import EmailConfig, is_address
from adapters.chats.email.letter import inert, letter_of, message_id, written
from adapters.chats.email.smtp import connect, send
from adapters.plain import clean
from rules.alert import Severity
from rules.card import Card
from rules.channel import Channel, ChannelFacts
from rules.incident import State

log = structlog.get_logger()

PER_SECOND, BURST = 1.0, 20
"""Letters; a mail server that gets many more in a row takes their sender for a nuisance."""

_REF = re.compile(r"(<[\w.@-]{3,320}>) (firing|acknowledged|resolved) (critical|high|warning|low|info) (full|stub)", re.ASCII)


class Email:
    """The handle of a card is the id of its first letter, and what its readers were told last."""

    config_model: ClassVar = EmailConfig

    def __init__(self, name: str, config: EmailConfig, desk: Desk) -> None:
        self._name, self._config, self._desk = name, config, desk

    @property
    def trouble(self) -> str:
        return ""  # nothing ever comes in from e-mail

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def post(self, channel: Channel, card: Card, key: str) -> str:
        to, first = _addresses(channel.id), message_id(key, self._config.domain)
        letter = letter_of(card, self._config.sender, to, self._desk.now())
        letter["Message-ID"] = first
        await self._send(to, letter)
        return _ref(first, card)

    async def update(self, channel: Channel, ref: str, card: Card) -> str:
        """Tells a new state or a worse severity in a letter of the same thread; all else can wait for that."""
        known = _REF.fullmatch(ref)
        if not known:
            raise DeliveryError(Failure.message_gone, "there is no such letter")
        first, state, severity, standing = known.groups()
        worse = card.severity < Severity[severity] and card.state != State.resolved
        if card.state == state and not worse and (card.stub or standing == "full"):
            return ref
        to = _addresses(channel.id)
        letter = letter_of(card, self._config.sender, to, self._desk.now())
        letter["Message-ID"] = f"{first.partition('@')[0]}-r{card.revision}@{self._config.domain}>"
        letter["In-Reply-To"] = letter["References"] = first
        await self._send(to, letter)
        return _ref(first, card)

    async def reply_in_thread(self, channel: Channel, ref: str, note: ThreadNote, key: str) -> None:
        """Nothing: a letter for each remark would bury those that matter. They stand on the page that the letter leads to."""

    async def direct_message(self, account: str, text: str, key: str) -> str:
        to, subject = _addresses(account), text.partition("\n")[0]
        letter = written(subject, inert(clean(text)), self._config.sender, to, self._desk.now())
        letter["Message-ID"] = message_id(key, self._config.domain)
        await self._send(to, letter)
        return str(letter["Message-ID"])

    async def find(self, channel: Channel, key: str, thread: str = "", since: float = 0.0) -> str | None:
        """Never: it cannot be asked. A letter that is sent again bears the same id, so that most mailboxes show it once."""
        return None

    def lanes(self, op: str, channel: Channel, ref: str = "") -> Sequence[Lane]:
        return (Lane(f"{self._name}:letters", PER_SECOND, BURST),) if op in ("post", "update", "direct_message") else ()

    async def inspect(self, channel: Channel) -> ChannelFacts:
        """Nobody knows who reads a mailbox, or forwards it."""
        return ChannelFacts()

    async def clear_thread(self, channel: Channel, ref: str) -> None: ...

    async def members_of(self, group: str) -> Mapping[str, str]:
        raise DeliveryError(Failure.channel_unreachable, "e-mail knows no groups")

    async def name_of(self, account: str) -> str:
        return account

    def forget(self, channel_id: str, account: str) -> None: ...

    def link(self, channel: Channel, ref: str) -> str:
        return ""

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        return ()

    async def diagnose(self, channels: Mapping[str, Channel], accounts: Mapping[str, str]) -> Sequence[Finding]:
        """Signs in, and sends nothing."""
        found = [_finding(f"channel {name}", channel.id) for name, channel in channels.items()]
        found += [_finding(f"person {key}", account) for key, account in accounts.items() if account]
        try:
            await asyncio.to_thread(lambda: connect(self._config).close())
        except DeliveryError as problem:
            return [Finding("mail server", False, f"Look at host, port, security, user and password: {problem.reason}."), *found]
        return [Finding("mail server", True), *found]

    async def _send(self, to: Sequence[str], letter: EmailMessage) -> None:
        refused = await asyncio.to_thread(send, self._config, to, letter.as_bytes())
        if refused:
            log.warning("letter_refused_for_some", chat=self._name, count=len(refused))


def _addresses(written: str) -> list[str]:
    """Of one or more addresses with commas between them. Raises DeliveryError when there is none."""
    found = [one.strip() for one in written.split(",")]
    if not all(map(is_address, found)):
        raise DeliveryError(Failure.channel_unreachable, "the channel's id must be one or more e-mail addresses")
    return found


def _finding(what: str, written: str) -> Finding:
    well = all(is_address(one.strip()) for one in written.split(","))
    return Finding(what, well, "" if well else "Write one or more e-mail addresses, with commas between them.")


def _ref(first: str, card: Card) -> str:
    return f"{first} {card.state.value} {card.severity.name} {'stub' if card.stub else 'full'}"
