"""How a sample shows who sends it: what `auth` of the source asks for, by its own config."""

from __future__ import annotations

import re
import uuid
from base64 import b64encode
from typing import Any

from msgspec.structs import replace

from adapters.auth import Auth
from adapters.signature import Signed, sign_hmac, sign_standard
from adapters.source import Request
from bot.cli.sample import CannotSend


def prove(request: Request, auth: Auth, signed: Signed, source: str, now: float) -> Request:
    """The request with its proof. `now`: seconds since the epoch. Raises CannotSend for what nobody but the sender can make."""
    own: Any = auth  # kinds of source have ways of their own
    if getattr(own, "sns", None):
        raise CannotSend(f"{source} takes only what Amazon SNS signed: publish to its topic instead (aws sns publish)")
    if md5 := getattr(own, "md5", None):
        body = re.sub(rb"(?<=Token=)[0-9a-f]*", md5.token.encode(), request.body)
        return replace(request, body=body)
    if auth.path:
        return replace(request, path=f"{auth.path.get_secret_value()}/{request.path}".rstrip("/"))
    if auth.query:
        return replace(request, query={**request.query, auth.query.name: auth.query.value.get_secret_value()})
    return replace(request, headers={**request.headers, **_headers(request, own, signed, now)})


def _headers(request: Request, auth: Any, signed: Signed, now: float) -> dict[str, str]:
    if auth.bearer:
        return {"Authorization": f"Bearer {auth.bearer.get_secret_value()}"}
    if auth.basic:
        pair = f"{auth.basic.user}:{auth.basic.password.get_secret_value()}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    if auth.header:
        return {auth.header.name: auth.header.value.get_secret_value()}
    if auth.hmac:
        return sign_hmac(auth.hmac, request.body, now, signed)
    if auth.standard:
        return sign_standard(auth.standard, request.body, now, str(uuid.uuid4()))
    if getattr(auth, "key", None):
        return dict(auth.headers(auth.key.get_secret_value()))
    return {}
