"""How a sender proves who it is: the `auth:` key of a source, and the check of one request against it.

A refusal says which header is missing or wrong, and never repeats a value: what was sent may be almost right.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from adapters.source import Rejected, Request, Stamp
from rules import access
from rules.access import Strict
from rules.duration import Duration

_UNIX_SECONDS = re.compile(r"[0-9]{1,12}")
_HEADER_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"


class Signed(NamedTuple):
    """Where a kind of source puts its signature unless the config says otherwise; GitHub's way is the most copied."""

    header: str
    prefix: str


GITHUB = Signed("X-Hub-Signature-256", "sha256=")


def _not_empty(secret: access.Secret) -> access.Secret:
    if not secret.get_secret_value():
        raise ValueError("the secret is empty")
    return secret


def _network(written: Any) -> Any:
    """Only texts: `ip_network(10)` is 0.0.0.10, which nobody means."""
    if not isinstance(written, str):
        raise ValueError("write a network such as 10.0.0.0/8, in quotes")
    return ip_network(written)


Secret = Annotated[access.Secret, AfterValidator(_not_empty)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]


class Basic(Strict):
    """HTTP basic authentication."""

    user: str = Field(pattern="^[^:]*$", description="The user name; it cannot hold a colon.")
    password: Secret = Field(description="Write ${NAME} or ${file:PATH}.")


class Hmac(Strict):
    """A signature over the body, in hex. The secret alone is enough where the source knows the rest."""

    secret: Secret = Field(description="The secret shared with the sender. Write ${NAME} or ${file:PATH}.")
    header: str | None = Field(None, pattern=_HEADER_NAME, description="Holds the signature; default: as the source does it.")
    prefix: str | None = Field(None, description="Stands before the hex digits; default: as the source does it.")
    algorithm: Literal["sha256", "sha1", "sha384", "sha512"] = Field("sha256", description="The hash behind the signature.")
    timestamp_header: str | None = Field(
        None, pattern=_HEADER_NAME, description="Holds the unix time in seconds; then `time:body` is what is signed."
    )
    window: Duration = Field(300.0, description="How far that time may be from ours, so that an old request cannot be replayed.")

    @model_validator(mode="before")
    @classmethod
    def _secret_alone(cls, data: Any) -> Any:
        return {"secret": data} if isinstance(data, str | access.Secret) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "description": "The secret."}, handler(core)]}


class Header(Strict):
    """A header with a secret value."""

    name: str = Field(pattern=_HEADER_NAME, description="The header's name, such as X-Token.")
    value: Secret = Field(description="Write ${NAME} or ${file:PATH}.")


class Auth(Strict):
    """How a source's sender proves who it is: one of `bearer`, `basic`, `hmac` and `header`; beside it, or alone, `ip`."""

    none: Literal[True] | None = Field(None, exclude=True, description="Set by the plain word `none`: anybody may send.")
    bearer: Secret | None = Field(None, description="The token after `Authorization: Bearer`.")
    basic: Basic | None = None
    hmac: Hmac | None = None
    header: Header | None = None
    ip: tuple[Network, ...] = Field((), description="Networks the sender must be in, such as 10.0.0.0/8.")

    @model_validator(mode="before")
    @classmethod
    def _plain_none(cls, data: Any) -> Any:
        if data == "none":
            return {"none": True}
        if not isinstance(data, Mapping | Auth):
            raise ValueError("write {bearer: …}, {basic: …}, {hmac: …}, {header: …} or {ip: […]}; or none, if anybody may send")
        if isinstance(data, Mapping) and (empty := [str(name) for name, value in data.items() if value is None]):
            raise ValueError(f"nothing is written after {' and '.join(empty)}")
        return data

    @model_validator(mode="after")
    def _one_way(self) -> Auth:
        given = [name for name in ("none", "bearer", "basic", "hmac", "header") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} together: choose one (ip may stand beside bearer, basic, hmac or header)")
        if self.none and self.ip:
            raise ValueError("none and ip together: leave none away")
        if not given and not self.ip:
            raise ValueError("it is empty: write {bearer: …}, or none if anybody may send")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        ways = handler(core)
        handler.resolve_ref_schema(ways)["properties"].pop("none", None)  # written as the plain word instead
        return {"anyOf": [{"const": "none", "description": "Anybody may send."}, ways]}


def shown(auth: Auth, headers: Mapping[str, str]) -> str:
    """The secret that a request shows, as it was sent: what somebody may guess at. Empty where there is none to guess."""
    if auth.header:
        return headers.get(auth.header.name.lower(), "").strip()
    return headers.get("authorization", "").strip() if auth.bearer or auth.basic else ""


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
    return _check_hmac(auth.hmac, request, now, signed) if auth.hmac else None


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
    if not _same(_credentials(request, "Bearer"), token.get_secret_value()):
        raise Rejected(401, "Authorization: the token is wrong")


def _check_basic(basic: Basic, request: Request) -> None:
    try:
        sent = b64decode(_credentials(request, "Basic").encode("utf-8", "surrogatepass"), validate=True)
    except NotBase64:
        raise Rejected(401, "Authorization: what follows Basic is not base64") from None
    if not hmac.compare_digest(sent, f"{basic.user}:{basic.password.get_secret_value()}".encode()):
        raise Rejected(401, "Authorization: the user or the password is wrong")


def _check_hmac(wanted: Hmac, request: Request, now: float, signed: Signed) -> Stamp | None:
    header = wanted.header or signed.header
    prefix = signed.prefix if wanted.prefix is None else wanted.prefix
    sent = _header(request, header)
    if not sent.startswith(prefix):
        raise Rejected(401, f"{header}: must start with {prefix}")
    body, at = request.body, ""
    if wanted.timestamp_header:
        at = _recent(wanted.timestamp_header, request, now, wanted.window)
        body = at.encode() + b":" + body
    signature = hmac.new(wanted.secret.get_secret_value().encode(), body, wanted.algorithm).hexdigest()
    if not _same(sent.removeprefix(prefix).lower(), signature):
        raise Rejected(401, f"{header}: the signature is wrong")
    return Stamp(hashlib.sha256(signature.encode()).hexdigest(), int(at) + wanted.window) if at else None


def _recent(header: str, request: Request, now: float, window: float) -> str:
    """The time as it was sent."""
    sent = _header(request, header)
    if not _UNIX_SECONDS.fullmatch(sent):
        raise Rejected(401, f"{header}: must be the unix time in seconds")
    if abs(now - int(sent)) > window:
        raise Rejected(401, f"{header}: more than {window:g} seconds from our clock")
    return sent


def _check_header(wanted: Header, request: Request) -> None:
    if not _same(_header(request, wanted.name), wanted.value.get_secret_value()):
        raise Rejected(401, f"{wanted.name}: the value is wrong")


def _header(request: Request, name: str) -> str:
    if not (value := request.headers.get(name.lower(), "").strip()):
        raise Rejected(401, f"{name}: the header is missing")
    return value


def _credentials(request: Request, scheme: str) -> str:
    sent, _, credentials = _header(request, "Authorization").partition(" ")
    if sent.lower() != scheme.lower():
        raise Rejected(401, f"Authorization: must start with {scheme}")
    return credentials.strip()


def _same(sent: str, wanted: str) -> bool:
    """In constant time; a header may hold any bytes, which the server hands over as half surrogates."""
    return hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), wanted.encode("utf-8", "surrogatepass"))
