"""What somebody did in Discord, in plain data: a command, a press, a filled-in dialog, a word that is being typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import discord
import msgspec

COMMAND, COMPONENT, TYPING, SUBMISSION = 2, 3, 4, 5


class Asked(msgspec.Struct, frozen=True):
    """`token`: what answers go by, a secret for 15 minutes. `app`: the id of our app. `at`: seconds since the epoch.

    `channel`: the id of the channel, of a thread that of the channel it is in; empty outside of one. `data`: as Discord sent it.
    `message`, `footer`: the id and the small print of the message that was pressed on.
    """

    id: str
    token: str
    app: str
    kind: int
    account: str
    at: float
    channel: str = ""
    data: Mapping[str, Any] = {}
    message: str = ""
    footer: str = ""

    @property
    def custom_id(self) -> str:
        return str(self.data.get("custom_id") or "")

    @property
    def options(self) -> Sequence[Mapping[str, Any]]:
        found = self.data.get("options")
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def asked_of(interaction: discord.Interaction[Any]) -> Asked:
    message, channel = interaction.message, interaction.channel
    parent = channel.parent_id if isinstance(channel, discord.Thread) else None
    user: discord.User | discord.Member | None = interaction.user or None  # discord.py: MISSING, which is false, if there is none
    return Asked(
        id=str(interaction.id),
        token=interaction.token,
        app=str(interaction.application_id),
        kind=int(interaction.type.value),
        account=str(user.id) if user else "",
        at=interaction.created_at.timestamp(),
        channel=str(parent or interaction.channel_id or ""),
        data=dict(interaction.data or {}),
        message=str(message.id) if message else "",
        footer=next((str(embed.footer.text) for embed in message.embeds if embed.footer.text), "") if message else "",
    )


def filled_in(components: object) -> dict[str, str]:
    """What stands in the fields of a dialog, by their ids."""
    return dict(_fields(components))


def _fields(components: object) -> Iterator[tuple[str, str]]:
    for one in components if isinstance(components, list) else ():
        if not isinstance(one, dict):
            continue
        if isinstance(one.get("custom_id"), str) and isinstance(one.get("value"), str):
            yield one["custom_id"], one["value"]
        yield from _fields(one.get("components"))
        yield from _fields([one.get("component")])
