"""The thread of a card, and plain messages: the lines that tell there what happened, a direct message."""

from __future__ import annotations

from collections import OrderedDict

import structlog

from adapters.chat import DeliveryError, Failure, ThreadNote
from adapters.chats.discord import errors, history
from adapters.chats.discord.embed import QUIET, SILENT, Message, fits, footer
from adapters.chats.discord.errors import DiscordFailure
from adapters.chats.discord.ref import Ref
from adapters.chats.discord.rest import Rest
from adapters.chats.discord.route import delete_message, edit_channel, make_thread, post_message
from adapters.chats.discord.text import told
from adapters.plain import clean, one_line

log = structlog.get_logger()

MOST_LINE, ROOM, MOST_TEXT = 600, 4000, 3900
MOST_KNOWN = 10_000
ARCHIVE_AFTER = 1440
"""Minutes without a word until a thread leaves the list; the next word brings it back."""


class Threads:
    """Makes a thread from a card when there is something to tell in it. Its id is the card's, so that nothing need be kept."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._known: OrderedDict[str, None] = OrderedDict()
        self._cleared: OrderedDict[str, str] = OrderedDict()  # card -> the last message that was taken back there

    def has(self, card: str) -> bool:
        """Whether the card surely has one. `card`: the id of its message."""
        return card in self._known

    async def reply(self, card: Ref, note: ThreadNote, key: str) -> None:
        """Once a person locked the thread, or deleted it, nothing is told there: the card has the state, Tocsin the timeline."""
        again = self._cleared.get(card.message, "")  # the nonce alone would name what was taken back
        message = with_nonce(draw_note(note, key), key, again)
        if not self.has(card.message):
            await self._make(card, note.number)
        try:
            await self._post(card.message, message)
        except DiscordFailure as problem:
            if problem.code not in (errors.THREAD_LOCKED, errors.UNKNOWN_CHANNEL):
                raise
            self._known.pop(card.message, None)
            if problem.code == errors.UNKNOWN_CHANNEL and await self._make(card, note.number):
                await self._post(card.message, message)
            else:
                why = "locked" if problem.code == errors.THREAD_LOCKED else "deleted"
                log.warning("thread_closed", incident=note.number, channel=card.channel, why=why)

    async def clear(self, card: Ref, me: str) -> bool:
        """Deletes what we said in the thread of a card. `me`: our user id. Whether nothing was to be seen there, which proves
        nothing to those who may not read history.

        Message by message: the thread itself would go with what people wrote in it.
        """
        said, blind = await history.ours(self._rest, me, card.message)
        for message in said:
            await self._delete(card.message, message)
            self._cleared[card.message] = message
        while len(self._cleared) > MOST_KNOWN:
            self._cleared.popitem(last=False)
        return blind

    async def _delete(self, thread: str, message: str) -> None:
        """In an archived thread nothing can be deleted, and only a post or a right of its own opens it again."""
        try:
            await self._rest.call(delete_message(thread, message))
        except DiscordFailure as problem:
            if problem.code == errors.THREAD_ARCHIVED:
                await self._open(thread)
                await self._rest.call(delete_message(thread, message))
            elif problem.code != errors.UNKNOWN_MESSAGE:
                raise

    async def _open(self, thread: str) -> None:
        """Out of the archive. What is locked besides opens to moderators only."""
        try:
            await self._rest.one(edit_channel(thread), {"archived": False})
        except DiscordFailure as problem:
            if problem.code not in (errors.LACKS_RIGHT, errors.THREAD_ARCHIVED, errors.THREAD_LOCKED):
                raise
            why = "a thread is locked and archived, so that nothing can be taken back: unlock it, or give the bot Manage Threads"
            raise DeliveryError(Failure.channel_unreachable, why) from None

    async def _post(self, thread: str, message: Message) -> None:
        """A post reopens an archived thread, unless it is locked."""
        try:
            await self._rest.one(post_message(thread, fleeting=True), message)
        except DiscordFailure as problem:
            if problem.code != errors.THREAD_ARCHIVED:
                raise
            await self._rest.one(edit_channel(thread), {"archived": False})
            await self._rest.one(post_message(thread, fleeting=True), message)

    async def _make(self, card: Ref, number: int) -> bool:
        """Whether it is new. Its name tells no more than the number: a name stays when a card is withdrawn."""
        wanted = {"name": f"Incident #{number}", "auto_archive_duration": ARCHIVE_AFTER}
        new = True
        try:
            await self._rest.one(make_thread(card.channel, card.message), wanted)
        except DiscordFailure as problem:
            if problem.code != errors.THREAD_EXISTS:
                raise
            new = False
        self._known[card.message] = None
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return new


def with_nonce(message: Message, key: str, again: str = "") -> Message:
    return {**message, "nonce": history.nonce(key, again), "enforce_nonce": True}


def draw_note(note: ThreadNote, key: str) -> Message:
    """A batch of lines as one reply. Later lines matter more: of a long batch the first ones go."""
    lines = [told(one_line(line), MOST_LINE, 2 * MOST_LINE) or "…" for line in note.lines]
    for kept in range(len(lines), 0, -1):
        left_out = len(lines) - kept
        message = _message("\n".join([*([f"… {left_out} earlier lines"] if left_out else []), *lines[left_out:]]), key)
        if fits(message["embeds"][0]):
            return message
    return _message(f"Incident #{note.number}", key)


def draw_text(text: str, key: str) -> Message:
    """A text of several lines, cut where Discord would refuse it."""
    return _message(told(clean(text).strip(), MOST_TEXT, ROOM), key)


def _message(text: str, key: str) -> Message:
    embed = {"description": text if text.strip() else "…", "color": QUIET, "footer": footer(key)}
    return {"embeds": [embed], "allowed_mentions": SILENT}
