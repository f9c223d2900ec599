"""The Chat port against the stand-in platform of httpchat.py: a second implementation, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import quote

import aiohttp
import msgspec
from aiohttp import web
from pydantic import Field

from adapters.chat import ChatConfig, DeliveryError, Desk, Failure, Finding, Lane, ThreadNote
from rules.card import Card
from rules.channel import Channel, ChannelFacts
from tests.standins.callbacks import Callbacks

CREATES = ("post", "reply_in_thread", "direct_message")
"""Done twice, these show twice; the other calls may simply be repeated."""


class HttpChatConfig(ChatConfig):
    """The stand-in platform."""

    type: Literal["httpchat"] = "httpchat"
    group_key: ClassVar[str] = "httpchat_group"
    url: str = Field(description="Where it listens, such as http://127.0.0.1:9000.")
    timeout: float = Field(10.0, gt=0, description="Seconds until a call counts as unanswered.")
    per_second: float | None = Field(None, gt=0, description="Messages a second that a channel takes; no limit by default.")
    burst: int = Field(1, gt=0, description="How many of them at once.")


class HttpChat:
    """The Chat port over HTTP and JSON."""

    config_model = HttpChatConfig

    def __init__(self, name: str, config: HttpChatConfig, desk: Desk) -> None:
        self._name = name
        self._config = config
        self._desk = desk
        self._session: aiohttp.ClientSession | None = None

    @property
    def trouble(self) -> str:
        return ""

    async def start(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._config.timeout)
        self._session = aiohttp.ClientSession(timeout=timeout)

    async def stop(self) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def post(self, channel: Channel, card: Card, key: str) -> str:
        return _ref(await self._call("post", "POST", _messages(channel), {"key": key, "card": card}))

    async def update(self, channel: Channel, ref: str, card: Card) -> str:
        return _ref(await self._call("update", "PATCH", f"{_messages(channel)}/{_quoted(ref)}", {"card": card}))

    async def reply_in_thread(self, channel: Channel, ref: str, note: ThreadNote, key: str) -> None:
        path = f"{_messages(channel)}/{_quoted(ref)}/replies"
        await self._call("reply_in_thread", "POST", path, {"key": key, "lines": note.lines})

    async def direct_message(self, account: str, text: str, key: str) -> str:
        path = f"/people/{_quoted(account)}/messages"
        return _ref(await self._call("direct_message", "POST", path, {"key": key, "text": text}))

    async def find(self, channel: Channel, key: str, thread: str = "", since: float = 0.0) -> str | None:
        path = f"{_messages(channel)}?key={_quoted(key)}&thread={_quoted(thread)}"
        found = (await self._call("find", "GET", path))["messages"]
        return _ref(found[0]) if found else None

    def lanes(self, op: str, channel: Channel, ref: str = "") -> Sequence[Lane]:
        limit = self._config.per_second
        if limit is None or op in ("find", "inspect", "clear_thread"):
            return ()
        return (Lane(f"{self._name}:{channel.id}", limit, self._config.burst),)

    async def inspect(self, channel: Channel) -> ChannelFacts:
        return ChannelFacts.model_validate(await self._call("inspect", "GET", f"/channels/{_quoted(channel.id)}"))

    async def clear_thread(self, channel: Channel, ref: str) -> None:
        await self._call("clear_thread", "DELETE", f"{_messages(channel)}/{_quoted(ref)}/replies")

    async def name_of(self, account: str) -> str:
        return str((await self._call("name_of", "GET", f"/people/{_quoted(account)}"))["name"])

    async def members_of(self, group: str) -> Mapping[str, str]:
        members: dict[str, str] = await self._call("members_of", "GET", f"/groups/{_quoted(group)}")
        return members

    def forget(self, channel_id: str, account: str) -> None:
        """Nothing is remembered of channels."""

    def link(self, channel: Channel, ref: str) -> str:
        return f"{self._config.url}{_messages(channel)}/{_quoted(ref)}"

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        return Callbacks(self._name, self._desk).routes()

    async def diagnose(self, channels: Mapping[str, Channel], accounts: Mapping[str, str]) -> Sequence[Finding]:
        return (Finding("the stand-in platform", ok=True),)

    async def _call(self, op: str, method: str, path: str, told: object = None) -> Any:
        """The answer's JSON. Raises DeliveryError with what the failure means."""
        if self._session is None:
            raise DeliveryError(Failure.transient, "the chat is not started")
        try:
            body = None if told is None else msgspec.json.encode(told)
        except UnicodeEncodeError as problem:  # half a character (a lone surrogate)
            raise DeliveryError(Failure.payload, "the text holds characters that are not valid Unicode") from problem
        try:
            async with self._session.request(method, self._config.url + path, data=body) as answer:
                content = await answer.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as problem:
            raise DeliveryError(Failure.transient, f"cannot connect for {op}: {problem}") from problem
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise DeliveryError(_doubt(op), f"no answer to {op}: {type(problem).__name__}") from problem
        if answer.status != 200:
            raise _failure(op, answer.status, answer.headers.get("Retry-After"))
        return msgspec.json.decode(content)


def _failure(op: str, status: int, retry_after: str | None) -> DeliveryError:
    kinds = {
        400: Failure.payload, 413: Failure.payload, 422: Failure.payload, 401: Failure.credentials,
        403: Failure.channel_unreachable, 404: Failure.channel_unreachable, 410: Failure.channel_unreachable,
        429: Failure.rate_limited, 503: Failure.transient,
    }  # fmt: skip
    kind = kinds.get(status, _doubt(op) if status >= 500 else Failure.payload)
    if status == 404 and op in ("update", "reply_in_thread"):
        kind = Failure.message_gone
    return DeliveryError(kind, f"{op} was answered with {status}", float(retry_after) if retry_after else None)


def _doubt(op: str) -> Failure:
    """What silence means: a call that creates may have done so."""
    return Failure.unknown_outcome if op in CREATES else Failure.transient


def _messages(channel: Channel) -> str:
    return f"/channels/{_quoted(channel.id)}/messages"


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _ref(answer: Any) -> str:
    return str(answer["ref"])
