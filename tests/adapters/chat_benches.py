"""The benches there are, by kind of chat, and the faults that each can have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.adapters.chat_bench import Bench, Fault
from tests.adapters.chat_console import ConsoleBench
from tests.adapters.chat_discord import DiscordBench
from tests.adapters.chat_httpchat import HttpChatBench
from tests.adapters.chat_slack import SlackBench

BENCHES: Mapping[str, type[Bench]] = {
    "console": ConsoleBench,
    "discord": DiscordBench,
    "httpchat": HttpChatBench,
    "slack": SlackBench,
}

KNOWN: Mapping[tuple[str, str], str] = {}
"""What does not hold yet, and where that is to be mended."""


def _case(kind: str, what: str, *values: object) -> Any:
    why = KNOWN.get((kind, what))
    return pytest.param(kind, *values, id=f"{kind}-{what}", marks=[pytest.mark.xfail(strict=True, reason=why)] if why else [])


each_fault = pytest.mark.parametrize(
    ("kind", "fault"), [_case(k, fault.name, fault) for k in sorted(BENCHES) for fault in Fault if fault not in BENCHES[k].cannot]
)
"""For tests that take `bench` and `fault`."""
each_that_is_limited = pytest.mark.parametrize(
    "kind", [_case(kind, "full_lane") for kind in sorted(BENCHES) if Fault.rate_limit not in BENCHES[kind].cannot]
)
