"""What the config says of a Discord server."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from adapters.auth import Secret
from adapters.chat import ChatConfig

SNOWFLAKE = re.compile(r"[0-9]{15,20}")
"""An id of Discord."""


def _check_url(kind: str, example: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(rf"{kind}s?://[^\s/@?#]+(/[^\s?#]*)?", text):
            raise ValueError(f"expected an address such as {example}")
        return text.rstrip("/") + "/"

    return AfterValidator(check)


def _check_token(secret: Secret) -> Secret:
    if secret.get_secret_value().startswith("Bot "):
        raise ValueError('leave out the word "Bot" before the token')
    return secret


def _check_guild(guild: str) -> str:
    if not SNOWFLAKE.fullmatch(guild):
        raise ValueError("expected the server's id, a long number: Discord, Settings, Advanced, Developer Mode, Copy Server ID")
    return guild


class DiscordConfig(ChatConfig):
    """A Discord server: a bot in one guild."""

    group_key: ClassVar[str] = "discord_role"
    one_session: ClassVar[bool] = True

    type: Literal["discord"] = Field("discord", description="Discord.")
    token: Annotated[Secret, AfterValidator(_check_token)] = Field(
        description="The bot's token: Developer Portal, the app, Bot, Reset Token. Write ${NAME} or ${file:PATH}."
    )
    guild: Annotated[str, BeforeValidator(lambda v: str(v) if type(v) is int else v), AfterValidator(_check_guild)] = Field(
        description="The id of the server (Discord calls it guild), in quotes."
    )
    api_url: Annotated[str, _check_url("http", "https://discord.com/api/v10/")] = Field(
        "https://discord.com/api/v10/", description="Where Discord's API is; another one for a proxy."
    )
    gateway_url: Annotated[str, _check_url("ws", "wss://gateway.discord.gg/")] = Field(
        "wss://gateway.discord.gg/", description="Where Discord's gateway is; another one for a proxy."
    )
