"""What goes wrong at the stand-in Slack: scripted by tests, the same in each run."""

from __future__ import annotations

import random
from fnmatch import fnmatch
from typing import Any, Literal, TypedDict, Unpack

import msgspec

Kind = Literal["reset", "answer", "slow", "hang", "error", "limit"]


class Fault(msgspec.Struct):
    """One thing that goes wrong in calls of `method` (a pattern such as chat.*), in `channel` if given, with probability `p`.

    `times`: how often it strikes, -1 for ever. `keep`: the call does its work all the same; only its answer goes wrong.
    `struck`: how often it did so far.
    """

    kind: Kind
    method: str
    times: int = -1
    p: float = 1.0
    seed: int = 0
    channel: str = ""
    keep: bool = False
    seconds: float = 0.0
    status: int = 200
    content_type: str = ""
    body: str = ""
    code: str = ""
    more: dict[str, Any] = {}
    retry_after: int | None = None
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

    def lose(self, method: str, **when: Unpack[When]) -> Fault:
        """The work is done, then the connection is reset without an answer."""
        when.setdefault("keep", True)
        return self.add(Fault("reset", method, **when))

    def reset(self, method: str, **when: Unpack[When]) -> Fault:
        """The connection is reset before anything is done."""
        return self.add(Fault("reset", method, **when))

    def html(self, method: str, status: int = 500, **when: Unpack[When]) -> Fault:
        """A page of a proxy."""
        page = "<html><body>Something went wrong</body></html>"
        return self.add(Fault("answer", method, status=status, content_type="text/html", body=page, **when))

    def plain(self, method: str, status: int = 503, **when: Unpack[When]) -> Fault:
        body = "upstream connect error"
        return self.add(Fault("answer", method, status=status, content_type="text/plain", body=body, **when))

    def broken_json(self, method: str, **when: Unpack[When]) -> Fault:
        """200 with half a body."""
        return self.add(Fault("answer", method, content_type="application/json", body='{"ok":true,"ts":"17', **when))

    def slow(self, method: str, seconds: float, **when: Unpack[When]) -> Fault:
        """The work is done and answered after `seconds`."""
        return self.add(Fault("slow", method, seconds=seconds, **when))

    def hang(self, method: str, **when: Unpack[When]) -> Fault:
        """No answer at all."""
        return self.add(Fault("hang", method, **when))

    def error(
        self, method: str, code: str, times: int = -1, channel: str = "", p: float = 1.0, seed: int = 0, **more: Any
    ) -> Fault:
        """`ok: false` with this code, and nothing done; `more`: what else the body says."""
        return self.add(Fault("error", method, times, p, 0, channel, code=code, more=more))

    def limit(self, method: str, retry_after: int | None = 1, **when: Unpack[When]) -> Fault:
        """429 once, or `times`; without the header if `retry_after` is None."""
        when.setdefault("times", 1)
        return self.add(Fault("limit", method, retry_after=retry_after, **when))

    def add(self, fault: Fault) -> Fault:
        fault.dice = random.Random(fault.seed)
        self.script.append(fault)
        return fault

    def hit(self, method: str, channel: str) -> Fault | None:
        """The first fault that strikes this call."""
        return next((fault for fault in self.script if _strikes(fault, method, channel)), None)


def _strikes(fault: Fault, method: str, channel: str) -> bool:
    if not fnmatch(method, fault.method) or fault.channel not in ("", channel) or fault.times == fault.struck:
        return False
    if fault.dice is not None and fault.dice.random() >= fault.p:
        return False
    fault.struck += 1
    return True
