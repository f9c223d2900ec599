"""Registers the guild's commands where they differ from what Discord has. Discord itself is the memory: no other can be wrong."""

from __future__ import annotations

import asyncio

import structlog

from adapters.chat import DeliveryError, Failure
from adapters.chats.discord.commands import definitions, same
from adapters.chats.discord.rest import Rest
from adapters.chats.discord.route import route

log = structlog.get_logger()

COMMANDS = "applications/{app}/guilds/{guild}/commands"
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0
"""Seconds between tries."""


async def sync(rest: Rest, app: str, guild: str) -> bool:
    """Whether there was something to change. Discord counts new names (200 a day), so nothing is written without need.

    Raises DeliveryError.
    """
    wanted = definitions()
    if same(await rest.call(route("GET", COMMANDS, app=app, guild=guild)), wanted):
        return False
    await rest.call(route("PUT", COMMANDS, app=app, guild=guild), wanted)
    return True


class Sync:
    """`trouble`: why Discord does not know the commands, or empty."""

    def __init__(self, name: str, guild: str, rest: Rest) -> None:
        self._name, self._guild, self._rest = name, guild, rest
        self._task: asyncio.Task[None] | None = None
        self.trouble = ""

    def start(self, app: str) -> None:
        """Begins, again if it had begun; goes on until it is done or makes no sense. `app`: the id of the app."""
        if self._task:
            self._task.cancel()
        self._task = asyncio.create_task(self._run(app), name="discord-sync")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, app: str) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                changed = await sync(self._rest, app, self._guild)
            except DeliveryError as problem:
                self.trouble = f"slash commands are not registered: {problem.reason}"
                log.warning("discord_commands_not_registered", chat=self._name, reason=problem.reason)
                if problem.kind not in (Failure.transient, Failure.unknown_outcome, Failure.rate_limited):
                    return
                await asyncio.sleep(max(pause, problem.retry_after or 0.0))
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self.trouble = ""
                log.info("discord_commands_registered", chat=self._name, changed=changed)
                return
