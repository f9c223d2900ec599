"""What sources share that stand in for a vendor's API: its clients send one key, and know the vendor's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from adapters.auth import Auth, Secret
from adapters.signature import same
from adapters.source import Rejected, Request, Response, Stamp
from adapters.sources._sender import Sender, SenderConfig

LONGEST_LABEL = 255
"""Characters. Vendors cut longer texts; refusing them would lose the alert."""


def cut(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels that are not too long to be kept."""
    return {name[:LONGEST_LABEL]: text[:LONGEST_LABEL] for name, text in labels.items()}


class KeyAuth(Auth):
    """How the sender proves who it is: with the key that the vendor's clients send, or as every source does."""

    key: Secret | None = Field(None, description="The key that the vendor's clients send. Write ${NAME} or ${file:PATH}.")
    where: ClassVar[str]
    """What holds the key, for refusals."""

    def sent(self, request: Request) -> str:
        """The key in a request. Raises Rejected (400) when its body cannot be read."""
        raise NotImplementedError

    def headers(self, key: str) -> Mapping[str, str]:
        """How a key is sent without touching the body, for samples."""
        raise NotImplementedError

    def shown(self, request: Request) -> str:
        return self.sent(request) if self.key else super().shown(request)

    def check(self, request: Request) -> None:
        """Raises Rejected (401)."""
        if self.key is None:
            return
        sent = self.sent(request)
        if not same(sent, self.key.get_secret_value()):
            raise Rejected(401, f"{self.where}: the key is {'wrong' if sent else 'missing'}")


class VendorConfig(SenderConfig):
    """A sender that believes it speaks with that vendor."""

    auth: KeyAuth = Field(description="How the sender proves who it is; `none` must be said.")


class VendorSender(Sender):
    """Fulfils adapters.source.Vendor."""

    methods: Sequence[str] = ("POST",)
    _config: VendorConfig

    def verify(self, request: Request, now: float) -> Stamp | None:
        stamp = super().verify(request, now)
        self._config.auth.check(request)
        return stamp

    def refuse(self, problem: Rejected) -> Response:
        raise NotImplementedError
