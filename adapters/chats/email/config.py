"""What the config says of a mail server."""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from adapters.auth import Secret
from adapters.chat import ChatConfig

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,200}[A-Za-z0-9])?")


def is_address(text: str) -> bool:
    return bool(_ADDRESS.fullmatch(text))


def _check_sender(text: str) -> str:
    if not text.isprintable() or not is_address(parseaddr(text)[1]):
        raise ValueError("expected an address such as tocsin@example.com or Tocsin <tocsin@example.com>")
    return text


class EmailConfig(ChatConfig):
    """A mail server that takes letters to anybody. A channel's `id` is whom they go to."""

    type: Literal["email"] = Field("email", description="E-mail.")
    host: str = Field(min_length=1, description="The mail server, such as smtp.example.com.")
    port: int = Field(587, gt=0, lt=65536, description="Its port: 587 for starttls, 465 for tls.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is encrypted; `none` is for a server on this machine."
    )
    user: str | None = Field(None, description="Who signs in there; by default nobody does.")
    password: Secret | None = Field(None, description="Their password. Write ${NAME} or ${file:PATH}.")
    sender: Annotated[str, AfterValidator(_check_sender)] = Field(description="From whom the letters are.")
    timeout: float = Field(10.0, gt=0, le=10.0, description="Seconds until an answer of the server counts as missing.")

    @model_validator(mode="after")
    def _check_sign_in(self) -> EmailConfig:
        if (self.user is None) != (self.password is None):
            raise ValueError("write user and password, or neither")
        if self.password and self.security == "none" and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("the password would cross the network in plain text: use starttls or tls")
        return self

    @property
    def domain(self) -> str:
        """That of the sender: message ids end with it."""
        return parseaddr(self.sender)[1].rpartition("@")[2]
