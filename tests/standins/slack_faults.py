"""What goes wrong at the stand-in Slack: scripted by tests, the same in each run."""

from __future__ import annotations

import random
from fnmatch import fnmatch
from typing import Any, Literal

import msgspec

Kind = Literal["reset", "answer", "slow", "hang", "error", "limit"]


class Fault(msgspec.Struct):
    """One thing that goes wrong in calls of `method` (a pattern such as chat.*), in `channel` if given, with probability `p`.

    `times`: how often it strikes, -1 for ever. `keep`: the call does its work all the same; only its answer goes wrong.
    """

    kind: Kind
    method: str
    times: int = -1
    p: float = 1.0
    keep: bool = False
    seconds: float = 0.0
    status: int = 200
    content_type: str = ""
    body: str = ""
    code: str = ""
    more: dict[str, Any] = {}
    retry_after: int | None = None
    channel: str = ""
    struck: int = 0


class Faults:
    """The script. Each method adds a fault from now on and returns it, so that a test may count how often it struck."""

    def __init__(self) -> None:
        self.script: list[Fault] = []
        self._dice: dict[int, random.Random] = {}

    def clear(self) -> None:
        self.script.clear()

    def lose(self, method: str, times: int = -1, p: float = 1.0, seed: int = 0, channel: str = "") -> Fault:
        """The work is done, then the connection is reset without an answer."""
        return self.add(Fault("reset", method, times, p, keep=True, channel=channel), seed)

    def reset(self, method: str, times: int = -1, p: float = 1.0, seed: int = 0, channel: str = "") -> Fault:
        """The connection is reset before anything is done."""
        return self.add(Fault("reset", method, times, p, channel=channel), seed)

    def html(self, method: str, status: int = 500, times: int = -1, keep: bool = False) -> Fault:
        """A page of a proxy."""
        page = "<html><body>Something went wrong</body></html>"
        return self.add(Fault("answer", method, times, keep=keep, status=status, content_type="text/html", body=page))

    def plain(self, method: str, status: int = 503, times: int = -1, keep: bool = False) -> Fault:
        body = "upstream connect error"
        return self.add(Fault("answer", method, times, keep=keep, status=status, content_type="text/plain", body=body))

    def broken_json(self, method: str, times: int = -1, keep: bool = False) -> Fault:
        """200 with half a body."""
        return self.add(Fault("answer", method, times, keep=keep, content_type="application/json", body='{"ok":true,"ts":"17'))

    def slow(self, method: str, seconds: float, times: int = -1) -> Fault:
        """The work is done and answered after `seconds`."""
        return self.add(Fault("slow", method, times, seconds=seconds))

    def hang(self, method: str, times: int = -1, keep: bool = False) -> Fault:
        """No answer at all."""
        return self.add(Fault("hang", method, times, keep=keep))

    def error(self, method: str, code: str, times: int = -1, channel: str = "", keep: bool = False, **more: Any) -> Fault:
        """`ok: false` with this code."""
        return self.add(Fault("error", method, times, keep=keep, code=code, more=more, channel=channel))

    def limit(self, method: str, retry_after: int | None = 1, times: int = 1) -> Fault:
        """429, without the header if `retry_after` is None."""
        return self.add(Fault("limit", method, times, retry_after=retry_after))

    def add(self, fault: Fault, seed: int = 0) -> Fault:
        self.script.append(fault)
        self._dice[id(fault)] = random.Random(seed)
        return fault

    def hit(self, method: str, channel: str) -> Fault | None:
        """The first fault that strikes this call."""
        return next((fault for fault in self.script if self._strikes(fault, method, channel)), None)

    def _strikes(self, fault: Fault, method: str, channel: str) -> bool:
        if not fnmatch(method, fault.method) or fault.channel not in ("", channel) or fault.times == fault.struck:
            return False
        if self._dice[id(fault)].random() >= fault.p:
            return False
        fault.struck += 1
        return True
