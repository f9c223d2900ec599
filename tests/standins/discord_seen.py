"""What a person saw of what they did in the stand-in Discord."""

from __future__ import annotations

from tests.standins import discord_markdown as markdown
from tests.standins.discord_interactions import DEFERRED, DEFERRED_UPDATE, Interaction, Modal
from tests.standins.discord_state import Body, Message, World


class Refused(Exception):
    """Discord's own client, or Discord, does not let one do that; the app hears nothing of it."""


class Seen:
    """`acked`: the app answered in time. `error`: what Discord itself told them, such as "This interaction failed".

    `deferred`: it said first that it is thinking. `ephemeral`: only they see the answer. `replies`, `texts`, `text`: the answers
    so far; more may come, so ask `reply()`. `choices`: of an autocompletion. `modal()`: the form that opened.
    """

    def __init__(self, world: World, interaction: Interaction) -> None:
        self._world, self.interaction = world, interaction
        self.error = ""

    @property
    def acked(self) -> bool:
        return bool(self.interaction.answer)

    @property
    def deferred(self) -> bool:
        return self.interaction.answer in (DEFERRED, DEFERRED_UPDATE)

    @property
    def thinking(self) -> bool:
        """It still says so."""
        original = self.interaction.original
        return bool(original and original.loading and not original.deleted)

    @property
    def ephemeral(self) -> bool:
        return bool(self.replies) and all(message.only_for for message in self.replies)

    @property
    def replies(self) -> list[Message]:
        """The answer and its follow-ups; not the message that was pressed on."""
        one = self.interaction
        mine = [one.original] if one.original and one.original is not one.source else []
        return [message for message in [*mine, *one.followups] if not message.loading and not message.deleted]

    @property
    def texts(self) -> list[str]:
        return [markdown.shown(message.last, self._world) for message in self.replies]

    @property
    def text(self) -> str:
        return "\n".join(self.texts)

    @property
    def choices(self) -> list[Body]:
        """`name` is what one sees, `value` what is sent."""
        return self.interaction.choices

    @property
    def view(self) -> Modal | None:
        """The form that opened, if it is still open."""
        modal = self.interaction.modal
        return modal if modal and modal.open else None

    async def reply(self, within: float = 5.0) -> Message:
        """The first answer, when it is there."""
        found: list[Message] = await self._world.until(lambda: self.replies, within, "an answer")
        return found[0]

    async def modal(self, within: float = 5.0) -> Modal:
        """The form that opens, when it is there."""
        found: Modal = await self._world.until(lambda: self.view, within, "a modal")
        return found
