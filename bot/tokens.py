"""Whose token a request of the APIs bears: as bearer, or as the password of basic authentication, which some tools know only."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable

from aiohttp import web

from adapters.source import Rejected
from bot.attempts import Attempts
from bot.commands import Commands
from bot.policy import Policy
from rules.access import Caller

NO_TOKEN = "send `Authorization: Bearer TOKEN` with the token of a person in `people`, or the token as password of basic auth"


class Tokens:
    def __init__(self, policy: Callable[[], Policy], commands: Commands, attempts: Attempts) -> None:
        self._policy, self._commands, self._attempts = policy, commands, attempts

    async def caller(self, request: web.Request) -> Caller:
        """Who asks. Raises Rejected: 401, 429 for who guesses."""
        token, address = _sent(request.headers.get("Authorization", "")), request.remote or ""
        if not token:
            raise Rejected(401, NO_TOKEN)
        self._attempts.admit(address, token)
        person = self._policy().person_of_token(token)
        if person is None:
            self._attempts.wrong(address, token)
            raise Rejected(401, NO_TOKEN)
        self._attempts.right(token)
        return await self._commands.caller(person)


def _sent(header: str) -> str:
    """The token in an Authorization header, or an empty text. The user of basic authentication says nothing: tokens do."""
    scheme, _, credentials = header.partition(" ")
    credentials = credentials.strip()
    if scheme.lower() == "bearer":
        return credentials
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(credentials, validate=True).decode().partition(":")[2]
    except (NotBase64, ValueError):  # not ASCII, not base64, not UTF-8
        return ""
