"""What goes wrong at the stand-in chat server: scripted, so that a run can be repeated."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

import msgspec

WRITES = ("post", "update", "reply", "dm")


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One thing that goes wrong, in the calls of `op` (empty: all that write) to `channel` (empty: each).

    `delay`: waits `seconds`, then goes on. `hang`: no answer for `seconds`. `lose`: the connection is reset without an answer.
    In both the message is kept all the same, unless `keep` is false. `status`: refuses with `status` and `retry_after`.
    `rate`: 429 to what is beyond `per_second` calls (`burst` at once) in one channel, and after how long to come again.
    Hits with probability `p`, drawn from `seed`, at most `times` times (-1: for ever).
    """

    kind: Literal["delay", "hang", "lose", "status", "rate"]
    op: str = ""
    channel: str = ""
    seconds: float = 0.0
    status: int = 500
    retry_after: float | None = None
    keep: bool = True
    per_second: float = 1.0
    burst: int = 1
    p: float = 1.0
    seed: int = 0
    times: int = -1


class Script:
    """The faults that are set, and what they have done so far."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self.faults = list(faults)
        self._dice = [random.Random(fault.seed) for fault in self.faults]
        self._full_at: list[dict[str, float]] = [{} for _ in self.faults]

    def hits(self, op: str, channel: str, now: float) -> list[Fault]:
        """The faults that strike this call, in the order they were set. `now`: seconds of a clock that never jumps."""
        return [
            struck
            for index, fault in enumerate(self.faults)
            if (fault.op == op if fault.op else op in WRITES)
            and fault.channel in ("", channel)
            and (struck := self._strike(index, fault, channel, now))
        ]

    def _strike(self, index: int, fault: Fault, channel: str, now: float) -> Fault | None:
        if not fault.times or self._dice[index].random() >= fault.p:
            return None
        if fault.kind == "rate":
            wait = self._over(index, fault, channel, now)
            if not wait:
                return None
            fault = msgspec.structs.replace(fault, kind="status", status=429, retry_after=wait)
        if self.faults[index].times > 0:
            self.faults[index].times -= 1
        return fault

    def _over(self, index: int, fault: Fault, channel: str, now: float) -> float:
        """Seconds until the channel's next call is allowed; 0.0 if this one is. A refused call costs nothing."""
        step = 1.0 / fault.per_second
        full_at = max(self._full_at[index].get(channel, 0.0), now)  # when the bucket has all its tokens again
        wait = full_at - now - step * (fault.burst - 1)
        if wait > 1e-6:
            return wait
        self._full_at[index][channel] = full_at + step
        return 0.0
