"""Signatures over a request's body with a shared secret, and what all proofs compare: headers and secrets, in constant time."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from adapters.source import Rejected, Request, Stamp
from rules import access
from rules.access import Strict
from rules.duration import Duration

_UNIX_SECONDS = re.compile(r"[0-9]{1,12}")
HEADER_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"


class Signed(NamedTuple):
    """Where a kind of source puts its signature unless the config says otherwise; GitHub's way is the most copied."""

    header: str
    prefix: str


GITHUB = Signed("X-Hub-Signature-256", "sha256=")


def _not_empty(secret: access.Secret) -> access.Secret:
    if not secret.get_secret_value():
        raise ValueError("the secret is empty")
    return secret


def _sound(secret: access.Secret) -> access.Secret:
    try:
        _key(secret)
    except NotBase64:
        raise ValueError("what follows whsec_ is not base64: copy all of it") from None
    return secret


def _key(secret: access.Secret) -> bytes:
    value = secret.get_secret_value()
    return b64decode(value[6:], validate=True) if value.startswith("whsec_") else value.encode()


Secret = Annotated[access.Secret, AfterValidator(_not_empty)]
StandardSecret = Annotated[Secret, AfterValidator(_sound)]


class Hmac(Strict):
    """A signature over the body, in hex. The secret alone is enough where the source knows the rest."""

    secret: Secret = Field(description="The secret shared with the sender. Write ${NAME} or ${file:PATH}.")
    header: str | None = Field(None, pattern=HEADER_NAME, description="Holds the signature; default: as the source does it.")
    prefix: str | None = Field(None, description="Stands before the hex digits; default: as the source does it.")
    algorithm: Literal["sha256", "sha1", "sha384", "sha512"] = Field("sha256", description="The hash behind the signature.")
    timestamp_header: str | None = Field(
        None, pattern=HEADER_NAME, description="Holds the unix time in seconds; then `time:body` is what is signed."
    )
    window: Duration = Field(300.0, description="How far that time may be from ours, so that an old request cannot be replayed.")

    @model_validator(mode="before")
    @classmethod
    def _secret_alone(cls, data: Any) -> Any:
        return {"secret": data} if isinstance(data, str | access.Secret) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "description": "The secret."}, handler(core)]}


def check_hmac(wanted: Hmac, request: Request, now: float, signed: Signed) -> Stamp | None:
    """Raises Rejected (401). The stamp of a signature over a time; none without. `now`: seconds since the epoch."""
    header = wanted.header or signed.header
    prefix = signed.prefix if wanted.prefix is None else wanted.prefix
    sent = header_of(request, header)
    if not sent.startswith(prefix):
        raise Rejected(401, f"{header}: must start with {prefix}")
    if not request.body.strip():
        raise Rejected(401, f"{header}: there is no body to be signed; what stands in the address is not")
    at = _recent(wanted.timestamp_header, request, now, wanted.window) if wanted.timestamp_header else ""
    signature = _signature(wanted, request.body, at)
    if not same(sent.removeprefix(prefix).lower(), signature):
        raise Rejected(401, f"{header}: the signature is wrong")
    return Stamp(hashlib.sha256(signature.encode()).hexdigest(), int(at) + wanted.window) if at else None


def sign_hmac(wanted: Hmac, body: bytes, now: float, signed: Signed) -> dict[str, str]:
    """The headers that `check_hmac` asks for, for samples. `now`: seconds since the epoch."""
    prefix = signed.prefix if wanted.prefix is None else wanted.prefix
    dated = {wanted.timestamp_header: str(int(now))} if wanted.timestamp_header else {}
    return {**dated, wanted.header or signed.header: prefix + _signature(wanted, body, "".join(dated.values()))}


def _signature(wanted: Hmac, body: bytes, at: str) -> str:
    """Over the body, or `time:body`."""
    text = at.encode() + b":" + body if at else body
    return hmac.new(wanted.secret.get_secret_value().encode(), text, wanted.algorithm).hexdigest()


STANDARD_SECONDS = 300.0


def check_standard(secret: access.Secret, request: Request, now: float) -> Stamp:
    """A signature as Standard Webhooks has it: `id.time.body`, in base64, one of several. Raises Rejected (401)."""
    name, at = header_of(request, "webhook-id"), _recent("webhook-timestamp", request, now, STANDARD_SECONDS)
    signature = _standard(secret, name, at, request.body)
    if not any(same(one, signature) for one in header_of(request, "webhook-signature").split()[:10]):
        raise Rejected(401, "webhook-signature: the signature is wrong")
    digest = hashlib.sha256(f"standard:{name}".encode("utf-8", "surrogatepass")).hexdigest()
    return Stamp(digest, int(at) + STANDARD_SECONDS)


def sign_standard(secret: access.Secret, body: bytes, now: float, name: str) -> dict[str, str]:
    """The headers that `check_standard` asks for, for samples. `name`: of this request alone. `now`: seconds since the epoch."""
    at = str(int(now))
    return {"webhook-id": name, "webhook-timestamp": at, "webhook-signature": _standard(secret, name, at, body)}


def _standard(secret: access.Secret, name: str, at: str, body: bytes) -> str:
    text = f"{name}.{at}.".encode("utf-8", "surrogatepass") + body
    return "v1," + b64encode(hmac.digest(_key(secret), text, "sha256")).decode()


def _recent(header: str, request: Request, now: float, window: float) -> str:
    """The time as it was sent."""
    sent = header_of(request, header)
    if not _UNIX_SECONDS.fullmatch(sent):
        raise Rejected(401, f"{header}: must be the unix time in seconds")
    if abs(now - int(sent)) > window:
        raise Rejected(401, f"{header}: more than {window:g} seconds from our clock")
    return sent


def header_of(request: Request, name: str) -> str:
    """A header's value. Raises Rejected (401) when it is missing or empty."""
    if not (value := request.headers.get(name.lower(), "").strip()):
        raise Rejected(401, f"{name}: the header is missing")
    return value


def same(sent: str, wanted: str) -> bool:
    """In constant time; a header may hold any bytes, which the server hands over as half surrogates."""
    return hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), wanted.encode("utf-8", "surrogatepass"))
