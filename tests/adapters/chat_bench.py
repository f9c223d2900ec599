"""What the contract of chats needs of a chat: its platform's stand-in, faults on demand, and the eyes of its readers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import ClassVar, Self

from adapters.chat import Chat
from rules.access import Caller
from rules.channel import Channel
from tests.standins.desk import StandinDesk
from tests.stories.views import View

NAME = "work"
PUBLIC_URL = "https://tocsin.example.com"
GROUPS = frozenset({"sre"})


class Fault(StrEnum):
    """What may be wrong with a platform. A call to it then fails in the way that the contract says."""

    unreachable = "nothing listens"
    lost_request = "the request is lost"
    lost_reply = "done, but the reply is lost"
    hang = "no reply, ever"
    error_page = "a 5xx page"
    broken_json = "half a body"
    odd_json = "a body of another shape"
    rate_limit = "429, come again in 7 s"
    dead_token = "the token is dead"
    removed_channel = "the channel is removed"
    archived_channel = "the channel is archived"
    removed_message = "all messages of the channel are deleted"
    refused_payload = "what is written is refused"
    shut_inbox = "the person takes no direct messages"


class Promise(StrEnum):
    """What a platform gives beyond the calls of the port; a chat that cannot have it says why."""

    once = "the same key twice is one message"
    pings = "calls whom a card names"
    closed = "knows who is in a channel"
    doctor = "tells what is wrong when asked"


class BenchDesk(StandinDesk):
    """A desk that lives in the time of the platform."""

    def __init__(self, channels: Mapping[str, Channel], clock: Callable[[], float], people: Sequence[str] = ("ana",)) -> None:
        callers = {key: Caller(key=key, name=key.title(), groups=GROUPS, clearance="restricted") for key in people}
        super().__init__(channels, callers, PUBLIC_URL)
        self._clock = clock

    def now(self) -> float:
        return self._clock()


def a_channel(channel_id: str, clearance: str) -> Channel:
    found: Channel = Channel.model_validate({"chat": NAME, "id": channel_id, "clearance": clearance, "audience": ("sre",)})
    return found


class Bench(ABC):
    """One chat of the name `NAME` with the channels `ops` and `vault`, which is private; started, and nothing is wrong yet.

    `cannot`: faults (`Fault`), a call under a fault (`fault: op`) and promises (`Promise`) that this platform does not know, and
    why. `account`: of a person who is in both channels; `group`: the platform's own, if it has some. `secrets`: what no error may
    tell. `patience`: seconds that the chat waits for an answer.
    """

    cannot: ClassVar[Mapping[str, str]] = {}
    chat: Chat
    channels: Mapping[str, Channel]
    view: View
    account: str
    group: str = ""
    secrets: Sequence[str]
    patience: float

    @classmethod
    @abstractmethod
    def open(cls) -> AbstractAsyncContextManager[Self]: ...

    @abstractmethod
    def build(self) -> Chat:
        """Another chat on the same platform and with the same config, as after a restart; not started."""

    @abstractmethod
    async def breaks(self, fault: Fault) -> None: ...

    @abstractmethod
    async def mends(self) -> None:
        """Nothing is wrong any more, and whatever was remembered of it is too old."""

    @abstractmethod
    async def now(self) -> float:
        """Seconds since the epoch, there."""

    @abstractmethod
    async def pings(self) -> list[str]:
        """Everyone who was ever called by what the chat wrote, as the platform names them."""

    @abstractmethod
    async def forged(self) -> list[str]:
        """What of the chat's writing looks like a call, might become one, or does something by itself."""

    @abstractmethod
    async def links(self) -> list[str]:
        """Every address to which anything that the chat wrote may lead, or that it loads."""

    @abstractmethod
    async def notes(self) -> list[str]:
        """The direct messages to `account`."""
