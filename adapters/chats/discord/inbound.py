"""Everything that comes in from Discord: given a first answer at once, done after, and done once.

discord.py keeps the session and takes interactions apart. They all come through one door, and none needs anything that was kept
since the card was posted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import discord
import structlog

from adapters.chat import Desk, Reply
from adapters.chats.discord.answer import MESSAGE, Desktop, said
from adapters.chats.discord.asked import COMMAND, COMPONENT, SUBMISSION, TYPING, Asked, asked_of
from adapters.chats.discord.autocomplete import Autocomplete
from adapters.chats.discord.buttons import Buttons
from adapters.chats.discord.changes import change_in
from adapters.chats.discord.config import DiscordConfig
from adapters.chats.discord.gateway import Gateway
from adapters.chats.discord.link import Frame, Heard
from adapters.chats.discord.modals import Modals
from adapters.chats.discord.once import Once
from adapters.chats.discord.pace import WAITS, Waits
from adapters.chats.discord.rest import Rest
from adapters.chats.discord.slash import Slash
from adapters.chats.discord.sync import Sync
from adapters.work import Work

log = structlog.get_logger()

DRAIN = 10.0
"""Seconds that work gets to end when the chat stops."""
UNKNOWN = Reply("I do not know what this is. Type: /tocsin help", ok=False)


class Inbound:
    """The inbound side of one chat.

    `on_channel_event` is called with Discord's id of a channel about which something changed, empty where it may be all of them,
    of the user who came, left or changed, empty where it is nobody in particular, and of the roles that a user who was there
    before has now.
    """

    def __init__(
        self, name: str, config: DiscordConfig, desk: Desk, on_channel_event: Callable[[str, str, Sequence[str] | None], None],
        waits: Waits = WAITS,
    ) -> None:  # fmt: skip
        self._name, self._guild, self._on_channel_event = name, config.guild, on_channel_event
        self._work, self._once = Work(), Once()
        self._rest = Rest(config, desk.now)
        desktop = Desktop(name, desk, self._rest)
        self._modals = Modals(desktop)
        self._desktop, self._autocomplete = desktop, Autocomplete(desktop)
        self._slash, self._buttons = Slash(desktop, self._modals), Buttons(desktop, self._modals)
        self._sync = Sync(name, config.guild, self._rest)
        heard = Heard(identified=_nothing, session=self._on_session, frame=self._on_frame, interaction=self._on_interaction)
        self._gateway = Gateway(name, config, self._rest, heard, waits)

    @property
    def trouble(self) -> str:
        """Why nothing comes in now, or empty."""
        return self._gateway.trouble

    @property
    def connected(self) -> bool:
        return self._gateway.connected

    async def start(self) -> None:
        """Returns with the first session, or when the first try led to none, and goes on trying."""
        self._rest.open()
        await self._gateway.start()

    async def stop(self) -> None:
        """Takes nothing more; what people were promised is done first."""
        await self._gateway.stop()
        await self._sync.stop()
        await self._work.finish(DRAIN)
        await self._rest.close()

    def _on_session(self, app: str) -> None:
        """A new session: what happened since the last one, nobody told us."""
        self._on_channel_event("", "", None)
        self._sync.start(app)

    def _on_frame(self, frame: Frame) -> None:
        change = change_in(frame, self._guild)
        if change:
            log.debug("discord_channel_event", chat=self._name, about=change.about, channel=change.channel)
            self._on_channel_event(change.channel, change.user, change.roles)

    def _on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        if self._once.first(str(interaction.id)):
            asked = asked_of(interaction)
            self._work.start(f"interaction of kind {asked.kind}", self._run(asked))

    async def _run(self, asked: Asked) -> None:
        if asked.kind == COMMAND:
            await self._slash.run(asked)
        elif asked.kind == COMPONENT:
            await self._buttons.run(asked)
        elif asked.kind == TYPING:
            await self._autocomplete.run(asked)
        elif asked.kind == SUBMISSION:
            await self._modals.submit(asked)
        else:
            log.info("discord_interaction_unknown", chat=self._name, kind=asked.kind)
            await self._desktop.begin(asked, MESSAGE, said(UNKNOWN))


def _nothing() -> None:
    return None
