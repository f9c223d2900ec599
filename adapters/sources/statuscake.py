"""StatusCake: the webhook of a contact group, a form or a query."""

from __future__ import annotations

import hashlib
from typing import ClassVar, Literal

from pydantic import Field

from adapters.auth import Auth, Secret, verify
from adapters.form import load_fields
from adapters.signature import same
from adapters.source import Rejected, Request, Stamp
from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig
from rules.access import Strict

FIRING = {"down": True, "up": False}


class Md5(Strict):
    """StatusCake's own token, made of user and key. It never changes and signs nothing; `path` is no worse."""

    user: str = Field(description="The user name at StatusCake.")
    key: Secret = Field(description="The API key. Write ${NAME} or ${file:PATH}.")

    @property
    def token(self) -> str:
        return hashlib.md5(f"{self.user.lower()}{self.key.get_secret_value()}".encode(), usedforsecurity=False).hexdigest()


class StatusCakeAuth(Auth):
    """How StatusCake proves who it is: one of the usual ways, or `md5`, its own token."""

    md5: Md5 | None = None

    @property
    def needs_body(self) -> bool:
        return self.md5 is not None or super().needs_body

    def shown(self, request: Request) -> str:
        return _token(request) if self.md5 else super().shown(request)


class StatusCakeConfig(SenderConfig):
    """StatusCake. A test that is down is critical."""

    type: Literal["statuscake"] = "statuscake"
    auth: StatusCakeAuth = Field(description="How the sender proves who it is; `none` must be said.")


class StatusCake(Sender):
    """One StatusCake account. The alert is a test, by name and address."""

    config_model: ClassVar = StatusCakeConfig
    usual: ClassVar = "critical"

    def __init__(self, name: str, config: StatusCakeConfig) -> None:
        super().__init__(name, config)
        self._auth = config.auth

    def verify(self, request: Request, now: float) -> Stamp | None:
        stamp, sent = verify(self._auth, request, now), _token(request) if self._auth.md5 else ""
        if self._auth.md5 and not same(sent, self._auth.md5.token):
            raise Rejected(401, f"Token: is {'wrong' if sent else 'missing'}")
        return stamp

    def read(self, item: Item) -> Found:
        name, url = item.need("Name", "name", "URL", "url"), item.text("URL", "url")
        firing = item.word(FIRING, True, "Status", "status")
        code = item.text("StatusCode", "code")
        return Found(
            (name, url),
            name,
            firing,
            summary=f"{name} is {'down' if firing else 'up'}",
            description={"": "", "0": "No answer in time"}.get(code, f"Status code {code}"),
            labels={**item.texts("Tags"), **item.texts("tags"), "check": name},
            links={"target": url},
        )


def _token(request: Request) -> str:
    """Of a form or a query; empty for none."""
    try:
        fields = load_fields(request)[0] if request.body.lstrip()[:1] not in (b"{", b"[") else {}
    except Rejected:
        return ""
    return next((str(value) for name, value in fields.items() if name.lower() == "token"), "") if isinstance(fields, dict) else ""
