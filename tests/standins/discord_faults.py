"""What goes wrong at the stand-in Discord's REST API: scripted by tests, the same in each run."""

from __future__ import annotations

import random
from fnmatch import fnmatch
from typing import Any, Literal, TypedDict, Unpack

import msgspec

from tests.standins.discord_call import Request

Kind = Literal["reset", "answer", "cut", "slow", "hang", "error", "limit"]
Scope = Literal["user", "global", "shared"]


class Fault(msgspec.Struct):
    """One thing that goes wrong in calls of `what`, in `channel` if given, with probability `p`.

    `what`: a pattern of the name, such as messages.*, or of the call, such as "POST channels/*/messages".
    `times`: how often it strikes, -1 for ever. `keep`: the call does its work all the same; only its answer goes wrong.
    `struck`: how often it did so far.
    """

    kind: Kind
    what: str
    times: int = -1
    p: float = 1.0
    seed: int = 0
    channel: str = ""
    keep: bool = False
    seconds: float = 0.0
    status: int = 200
    content_type: str = ""
    body: str = ""
    code: int = 0
    more: dict[str, Any] = {}
    retry_after: float | None = None
    scope: Scope = "user"
    struck: int = 0
    dice: random.Random | None = None


class When(TypedDict, total=False):
    """What every fault takes, see Fault."""

    times: int
    p: float
    seed: int
    channel: str
    keep: bool


class Faults:
    """The script. Each method adds a fault from now on and returns it, so that a test may count how often it struck."""

    def __init__(self) -> None:
        self.script: list[Fault] = []

    def clear(self) -> None:
        self.script.clear()

    def lose(self, what: str, **when: Unpack[When]) -> Fault:
        """The work is done, then the connection is reset without an answer."""
        when.setdefault("keep", True)
        return self.add(Fault("reset", what, **when))

    def reset(self, what: str, **when: Unpack[When]) -> Fault:
        """The connection is reset before anything is done."""
        return self.add(Fault("reset", what, **when))

    def html(self, what: str, status: int = 502, **when: Unpack[When]) -> Fault:
        """A page of a proxy."""
        page = "<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"
        return self.add(Fault("answer", what, status=status, content_type="text/html", body=page, **when))

    def plain(self, what: str, status: int = 503, **when: Unpack[When]) -> Fault:
        text = "upstream connect error or disconnect/reset before headers"
        return self.add(Fault("answer", what, status=status, content_type="text/plain", body=text, **when))

    def broken_json(self, what: str, status: int = 200, **when: Unpack[When]) -> Fault:
        """A status with half a body; `keep=True` to do the work all the same."""
        return self.add(Fault("answer", what, status=status, content_type="application/json", body='{"id":"17', **when))

    def cut(self, what: str, **when: Unpack[When]) -> Fault:
        """The work is done; the answer breaks off in the middle of its body."""
        when.setdefault("keep", True)
        return self.add(Fault("cut", what, **when))

    def slow(self, what: str, seconds: float, **when: Unpack[When]) -> Fault:
        """The work is done and answered after `seconds`."""
        return self.add(Fault("slow", what, seconds=seconds, **when))

    def hang(self, what: str, **when: Unpack[When]) -> Fault:
        """No answer at all."""
        return self.add(Fault("hang", what, **when))

    def error(
        self, what: str, status: int, code: int = 0, message: str = "no", times: int = -1, channel: str = "", **more: Any
    ) -> Fault:
        """This status and code as JSON, and nothing done; `more`: what else the body says."""
        more = {"message": message, **more}
        return self.add(Fault("error", what, times, channel=channel, status=status, code=code, more=more))

    def limit(
        self, what: str, retry_after: float | None = 1.0, scope: Scope = "user", code: int = 0, **when: Unpack[When]
    ) -> Fault:
        """429 once, or `times`; if retry_after is None neither the header nor the body says how long."""
        when.setdefault("times", 1)
        return self.add(Fault("limit", what, retry_after=retry_after, scope=scope, code=code, **when))

    def add(self, fault: Fault) -> Fault:
        fault.dice = random.Random(fault.seed)
        self.script.append(fault)
        return fault

    def hit(self, seen: Request) -> Fault | None:
        """The first fault that strikes this call."""
        return next((fault for fault in self.script if _strikes(fault, seen)), None)


def _strikes(fault: Fault, seen: Request) -> bool:
    if not matches(seen, fault.what) or fault.channel not in ("", seen.channel) or fault.times == fault.struck:
        return False
    if fault.dice is not None and fault.dice.random() >= fault.p:
        return False
    fault.struck += 1
    return True


def matches(seen: Request, what: str) -> bool:
    return fnmatch(seen.name, what) or fnmatch(seen.call, what)
