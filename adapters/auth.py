"""How a sender proves who it is: the `auth:` key of a source, and the check of one request against it.

A refusal says which header is missing or wrong, and never repeats a value: what was sent may be almost right.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Literal

from msgspec.structs import replace
from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from adapters.signature import (
    GITHUB,
    HEADER_NAME,
    Hmac,
    Secret,
    Signed,
    StandardSecret,
    check_hmac,
    check_standard,
    header_of,
    same,
)
from adapters.source import Rejected, Request, Stamp
from rules import access
from rules.access import Strict

__all__ = ["GITHUB", "Auth", "Network", "Secret", "Signed", "bare", "is_in", "verify"]

_OF_AN_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*")


def _network(written: Any) -> Any:
    """Only texts: `ip_network(10)` is 0.0.0.10, which nobody means."""
    if not isinstance(written, str):
        raise ValueError("write a network such as 10.0.0.0/8, in quotes")
    return ip_network(written)


def _fits_an_address(secret: access.Secret) -> access.Secret:
    if not _OF_AN_ADDRESS.fullmatch(secret.get_secret_value()):
        raise ValueError("it stands in an address, so only letters, digits, - . _ ~ can be in it: take `openssl rand -hex 32`")
    return secret


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
SecretOfAddress = Annotated[Secret, AfterValidator(_fits_an_address)]


class Basic(Strict):
    """HTTP basic authentication."""

    user: str = Field(pattern="^[^:]*$", description="The user name; it cannot hold a colon.")
    password: Secret = Field(description="Write ${NAME} or ${file:PATH}.")


class Header(Strict):
    """A header with a secret value. The value alone is enough where the source knows the header's name."""

    name: str = Field("", pattern=f"^$|{HEADER_NAME}", description="The header's name, such as X-Token.")
    value: Secret = Field(description="Write ${NAME} or ${file:PATH}.")

    @model_validator(mode="before")
    @classmethod
    def _value_alone(cls, data: Any) -> Any:
        return {"value": data} if isinstance(data, str | access.Secret) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "description": "The value."}, handler(core)]}


class Query(Strict):
    """A secret in the address, as `?token=…`, for senders that can do no better."""

    name: str = Field("token", pattern="^[A-Za-z0-9._~-]+$", description="The parameter's name.")
    value: Secret = Field(description="Write ${NAME} or ${file:PATH}.")


class Auth(Strict):
    """How a source's sender proves who it is: one of the ways below; beside it, or alone, `ip`."""

    none: Literal[True] | None = Field(None, exclude=True, description="Set by the plain word `none`: anybody may send.")
    bearer: Secret | None = Field(None, description="The token after `Authorization: Bearer`.")
    basic: Basic | None = None
    hmac: Hmac | None = None
    standard: StandardSecret | None = Field(None, description="The secret (whsec_…) of a sender that keeps to Standard Webhooks.")
    header: Header | None = None
    path: SecretOfAddress | None = Field(None, description="The end of the address: /webhooks/<source>/<secret>.")
    query: Query | None = None
    ip: tuple[Network, ...] = Field((), description="Networks the sender must be in, such as 10.0.0.0/8.")

    @property
    def needs_body(self) -> bool:
        """Whether the proof shows only with the body."""
        return self.hmac is not None or self.standard is not None

    def shown(self, request: Request) -> str:
        """The secret that a request shows, as it was sent: what somebody may guess at. Empty where there is none to guess."""
        if self.header:
            return request.headers.get(self.header.name.lower(), "").strip()
        if self.path:
            return request.path.partition("/")[0]
        if self.query:
            return request.query.get(self.query.name, "")
        return request.headers.get("authorization", "").strip() if self.bearer or self.basic else ""

    @model_validator(mode="before")
    @classmethod
    def _plain_none(cls, data: Any) -> Any:
        if data == "none":
            return {"none": True}
        if not isinstance(data, Mapping | Auth):
            ways = ", ".join(f"{{{name}: …}}" for name in cls._ways())
            raise ValueError(f"write {ways} or {{ip: […]}}; or none, if anybody may send")
        if isinstance(data, Mapping) and (empty := [str(name) for name, value in data.items() if value is None]):
            raise ValueError(f"nothing is written after {' and '.join(empty)}")
        return data

    @model_validator(mode="after")
    def _one_way(self) -> Auth:
        given = [name for name in ("none", *self._ways()) if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} together: choose one (only ip may stand beside another)")
        if self.none and self.ip:
            raise ValueError("none and ip together: leave none away")
        if not given and not self.ip:
            raise ValueError("it is empty: write {bearer: …}, or none if anybody may send")
        return self

    @classmethod
    def _ways(cls) -> list[str]:
        return [name for name in cls.model_fields if name not in ("none", "ip")]

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        ways = handler(core)
        handler.resolve_ref_schema(ways)["properties"].pop("none", None)  # written as the plain word instead
        return {"anyOf": [{"const": "none", "description": "Anybody may send."}, ways]}


def verify(auth: Auth, request: Request, now: float, signed: Signed = GITHUB) -> Stamp | None:
    """Checks who sent a request. Raises Rejected: 403 for an address that is not listed, else 401. `now`: seconds, UTC.

    `signed`: where this kind of source puts an HMAC signature unless the config says it. The stamp of a signature over a time.
    """
    if auth.ip:
        _check_address(auth.ip, request.remote)
    if auth.bearer:
        _check_bearer(auth.bearer, request)
    if auth.basic:
        _check_basic(auth.basic, request)
    if auth.header:
        _check_header(auth.header, request)
    if auth.path:
        _check_path(auth.path, request)
    if auth.query:
        _check_query(auth.query, request)
    if auth.standard:
        return check_standard(auth.standard, request, now)
    return check_hmac(auth.hmac, request, now, signed) if auth.hmac else None


def bare(auth: Auth, request: Request) -> Request:
    """The request without the secret in its address, as a source may see it."""
    if auth.path:
        return replace(request, path=request.path.partition("/")[2])
    if auth.query:
        return replace(request, query={name: text for name, text in request.query.items() if name != auth.query.name})
    return request


def is_in(networks: tuple[Network, ...], address: str) -> bool:
    """Whether an address is in one of the networks, also one of IPv4 written as IPv6. Raises ValueError if it is none."""
    found = ip_address(address)
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)


def _check_address(networks: tuple[Network, ...], remote: str) -> None:
    try:
        known = is_in(networks, remote)
    except ValueError:
        raise Rejected(403, "the sender's address is unknown, and auth.ip asks for one") from None
    if not known:
        raise Rejected(403, "the sender's address is not in auth.ip")


def _check_bearer(token: access.Secret, request: Request) -> None:
    if not same(_credentials(request, "Bearer"), token.get_secret_value()):
        raise Rejected(401, "Authorization: the token is wrong")


def _check_basic(basic: Basic, request: Request) -> None:
    try:
        sent = b64decode(_credentials(request, "Basic").encode("utf-8", "surrogatepass"), validate=True)
    except NotBase64:
        raise Rejected(401, "Authorization: what follows Basic is not base64") from None
    if not hmac.compare_digest(sent, f"{basic.user}:{basic.password.get_secret_value()}".encode()):
        raise Rejected(401, "Authorization: the user or the password is wrong")


def _check_header(wanted: Header, request: Request) -> None:
    if not same(header_of(request, wanted.name), wanted.value.get_secret_value()):
        raise Rejected(401, f"{wanted.name}: the value is wrong")


def _check_path(secret: access.Secret, request: Request) -> None:
    sent = request.path.partition("/")[0]
    if not same(sent, secret.get_secret_value()):
        raise Rejected(401, f"the address: the secret after the source's name is {'wrong' if sent else 'missing'}")


def _check_query(wanted: Query, request: Request) -> None:
    sent = request.query.get(wanted.name, "")
    if not same(sent, wanted.value.get_secret_value()):
        raise Rejected(401, f"the address: the parameter {wanted.name} is {'wrong' if sent else 'missing'}")


def _credentials(request: Request, scheme: str) -> str:
    sent, _, credentials = header_of(request, "Authorization").partition(" ")
    if sent.lower() != scheme.lower():
        raise Rejected(401, f"Authorization: must start with {scheme}")
    return credentials.strip()
