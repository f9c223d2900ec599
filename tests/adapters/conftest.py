"""A bench of each kind of chat, for the contract that holds for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.adapters.chat_bench import Bench
from tests.adapters.chat_benches import BENCHES


@pytest.fixture(params=sorted(BENCHES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def bench(kind: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    async with BENCHES[kind].open() as found:
        yield found
