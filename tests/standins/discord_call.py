"""One call of the stand-in Discord's REST API as the work behind it sees it."""

from __future__ import annotations

import msgspec

from tests.standins.discord_state import Body, DiscordError


class Request(msgspec.Struct):
    """A call as it arrived. `at`: seconds of the stand-in's clock. `call`: such as "POST channels/5/messages"; `name`: what for.

    `status` 0: no answer. `error`: the code that it was answered, 0 for none.
    """

    at: float
    name: str
    call: str
    headers: dict[str, str]
    query: dict[str, str] = {}
    body: Body = {}
    status: int = 0
    error: int = 0

    @property
    def channel(self) -> str:
        parts = self.call.split(" ")[1].split("/")
        return parts[1] if parts[0] == "channels" and len(parts) > 1 else ""


class Call(msgspec.Struct):
    """`path`: the ids in the address. `items`: the body if it is a list."""

    name: str
    path: dict[str, str]
    query: dict[str, str]
    body: Body
    items: list[Body] = []

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A number of the query. Raises 50035 outside of the limits."""
        raw = self.query.get(name, str(default))
        value = int(raw) if raw.isdigit() else -1
        if not least <= value <= most:
            word = f"greater than or equal to {least}" if value < least else f"less than or equal to {most}"
            code = "NUMBER_TYPE_MIN" if value < least else "NUMBER_TYPE_MAX"
            tree = {name: {"_errors": [{"code": code, "message": f"int value should be {word}."}]}}
            raise DiscordError(400, 50035, "Invalid Form Body", tree)
        return value

    def snowflake(self, name: str) -> int:
        """An id of the query, 0 if there is none."""
        raw = self.query.get(name, "0")
        if not raw.isdigit():
            tree = {name: {"_errors": [{"code": "NUMBER_TYPE_COERCE", "message": f'Value "{raw}" is not snowflake.'}]}}
            raise DiscordError(400, 50035, "Invalid Form Body", tree)
        return int(raw)
