"""One call of the Web API: who calls, with which arguments, in whichever encoding."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from tests.standins.slack_state import Body, SlackError

STRUCTURED = {
    "blocks": "invalid_blocks_format", "attachments": "invalid_attachments", "metadata": "invalid_metadata_format",
    "unfurls": "invalid_unfurls_format", "view": "invalid_arguments", "user_auth_blocks": "invalid_arguments",
}  # fmt: skip
"""Arguments that may come as a text of JSON, and the error if they are none."""


class Token(msgspec.Struct):
    """`kind`: bot or app. `dead`: the error it gets instead of an answer, such as token_revoked."""

    kind: str
    scopes: set[str]
    dead: str = ""


class Request(msgspec.Struct):
    """A call as it arrived. `at`: seconds of the stand-in's clock. `error`: what it was answered; `status` 0: nothing."""

    at: float
    method: str
    headers: dict[str, str]
    args: Body = {}
    status: int = 0
    error: str = ""


class Call(msgspec.Struct):
    method: str
    args: Body
    token: Token
    url: str = ""

    def need(self, *scopes: str) -> None:
        """Raises missing_scope unless the token has one of them."""
        if scopes and not self.token.scopes.intersection(scopes):
            raise SlackError("missing_scope", needed=scopes[0], provided=",".join(sorted(self.token.scopes)))

    def text(self, name: str, default: str | None = None) -> str:
        """An argument. Raises invalid_arguments if it is missing and has no default."""
        value = self.args.get(name, default)
        if value is None or (value == "" and default is None):
            raise SlackError("invalid_arguments", response_metadata={"messages": [f"[ERROR] missing required field: {name}"]})
        if isinstance(value, (dict, list)):
            problem = f"[ERROR] must be a string [json-pointer:/{name}]"
            raise SlackError("invalid_arguments", response_metadata={"messages": [problem]})
        return str(value)

    def flag(self, name: str) -> bool:
        return str(self.args.get(name, "")).lower() in ("1", "true")

    def number(self, name: str, default: int, most: int) -> int:
        try:
            value = int(self.text(name, str(default)))
        except ValueError:
            value = -1
        if value < 0:
            raise SlackError("invalid_limit" if name == "limit" else "invalid_arguments")
        return min(value or default, most)


async def read(request: web.Request, takes_json: bool) -> tuple[Body, str]:
    """The arguments and the token. What a method that takes no JSON gets as JSON is ignored, as the platform does."""
    args: Body = dict(request.query)
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    body = await request.read()
    if body and request.content_type == "application/json":
        args.update(_json_object(body) if takes_json else {})
        args.pop("token", None)
    elif body and request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        args.update(await request.post())
    elif body:
        raise SlackError("invalid_post_type" if "Content-Type" in request.headers else "missing_post_type")
    token = token or str(args.pop("token", ""))
    for name in STRUCTURED.keys() & args.keys():
        args[name] = _structured(name, args[name])
    return {name: value for name, value in args.items() if value is not None}, token


def _json_object(body: bytes) -> Body:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SlackError("invalid_json") from None
    if not isinstance(value, dict):
        raise SlackError("json_not_object")
    return value


def _structured(name: str, value: Any) -> Any:
    if not isinstance(value, str) or not value:
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SlackError(STRUCTURED[name]) from None
