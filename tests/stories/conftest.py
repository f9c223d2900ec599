"""Stories are told on each kind of chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.registry import CHATS
from tests.standins.httpchat import HttpChatServer, serving
from tests.stories.story import BASE, Story, config_text


@pytest.fixture(autouse=True)
def _one_more_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHATS, "httpchat", "tests.standins.chat:HttpChat")


@pytest.fixture(params=["console", "httpchat"])
def chat(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def config() -> str:
    """The config of the story; a test that wants another overrides it with `parametrize`."""
    return BASE


@pytest.fixture
async def story(chat: str, config: str, tmp_path: Path) -> AsyncIterator[Story]:
    """A running Tocsin. Whatever the story, nothing may have gone wrong inside."""
    async with AsyncExitStack() as stack:
        logs = stack.enter_context(capture_logs())
        server = HttpChatServer() if chat == "httpchat" else None
        line = "{type: console}"
        if server:
            line = f"{{type: httpchat, url: '{await stack.enter_async_context(serving(server.application()))}'}}"
        path = tmp_path / "config.yaml"
        path.write_text(config_text(tmp_path, line, config))
        found = Story(path, server)
        await found.start()
        try:
            yield found
        finally:
            await found.stop()
    faults = [entry for entry in logs if "exc_info" in entry or entry["event"] in ("request_failed", "worker_ended")]
    assert not faults, faults
