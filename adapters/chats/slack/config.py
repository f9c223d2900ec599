"""What the config says of a Slack workspace."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from adapters.auth import Secret
from adapters.chat import ChatConfig


def _check_api_url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s?#]*)?", text):
        raise ValueError("expected an address such as https://slack.com/api/")
    return text.rstrip("/") + "/"


class SlackConfig(ChatConfig):
    """A Slack workspace: over Socket Mode with `app_token`, over HTTP with `signing_secret`."""

    group_key: ClassVar[str] = "slack_usergroup"

    type: Literal["slack"] = Field("slack", description="Slack.")
    bot_token: Secret = Field(description="The Bot User OAuth Token (xoxb-…). Write ${NAME} or ${file:PATH}.")
    app_token: Secret | None = Field(
        None, description="The app-level token (xapp-…), for Socket Mode: Tocsin then needs no address that Slack can reach."
    )
    signing_secret: Secret | None = Field(
        None, description="The signing secret, for HTTP: Slack then calls Tocsin at `public_url`/slack/…"
    )
    api_url: Annotated[str, AfterValidator(_check_api_url)] = Field(
        "https://slack.com/api/", description="Where Slack's Web API is; another one for GovSlack."
    )

    @model_validator(mode="after")
    def _check_way_in(self) -> SlackConfig:
        if (self.app_token is None) == (self.signing_secret is None):
            raise ValueError("write either app_token (Socket Mode) or signing_secret (HTTP), and not both")
        return self

    @property
    def socket_mode(self) -> bool:
        return self.app_token is not None
