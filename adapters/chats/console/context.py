"""What all pages of one console share, and which channels a person may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.chat import Desk, Message
from adapters.chats.console.board import MOST_CARDS, Board
from adapters.chats.console.guard import Guard, Refused, Visitor
from adapters.chats.console.live import Hub
from adapters.chats.console.view import ChannelItem, Views
from rules.channel import Channel

NOTES_KEPT = 86400.0  # seconds a private note stays on the page
MOST_NOTES = 5


@dataclass(frozen=True)
class Context:
    """`name`: that of the chat in the config."""

    name: str
    desk: Desk
    views: Views
    guard: Guard
    hub: Hub
    board: Board

    def readable(self, person: str) -> dict[str, Channel]:
        """The channels the person may read, by name. Asked at every use, so that a reload counts at once (G3)."""
        return {name: channel for name, channel in self.desk.channels(self.name).items() if self.desk.may_read(person, channel)}

    def pick(self, person: str, wanted: str) -> str:
        """The name of the channel to show: the wanted one, else the first; empty when there is none. Raises Refused(404)."""
        mine = self.readable(person)
        if wanted and wanted not in mine:
            raise Refused(404, "There is no such channel, or you are not in its audience.")
        return wanted or next(iter(mine), "")

    async def items(self, visitor: Visitor, current: str) -> list[ChannelItem]:
        """The list of channels."""
        return [
            ChannelItem(name, channel.clearance, name == current, await self.board.tally(name))
            for name, channel in self.readable(visitor.person).items()
        ]

    async def cards(self, channel: str) -> Sequence[Message]:
        return await self.desk.messages.cards(self.name, channel, MOST_CARDS) if channel else ()

    async def notes(self, person: str) -> list[Message]:
        """Today's private notes to the person, oldest first."""
        rows = await self.desk.messages.cards(self.name, private(person), MOST_NOTES)
        return [row for row in rows if row.at > self.desk.now() - NOTES_KEPT]


def private(person: str) -> str:
    """Where private notes are logged, as if it were a channel. The tab keeps it apart from the names that people type."""
    return f"private\t{person}"
