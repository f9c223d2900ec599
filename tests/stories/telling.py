"""A Tocsin that runs for one story."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from unittest.mock import patch

from structlog.testing import capture_logs

from adapters.registry import CHATS
from tests.standins.httpchat import HttpChatServer, serving
from tests.stories.story import BASE, Story, config_text


@asynccontextmanager
async def telling(folder: Path, config: str = BASE, chat: str = "httpchat", chat_config: str = "") -> AsyncIterator[Story]:
    """Starts it with a database in the folder. Whatever the story, nothing may go wrong inside. `chat_config`: more YAML of it."""
    async with AsyncExitStack() as stack:
        stack.enter_context(patch.dict(CHATS, {"httpchat": "tests.standins.chat:HttpChat"}))
        logs = stack.enter_context(capture_logs())
        server = HttpChatServer() if chat == "httpchat" else None
        line = "{type: console}"
        if server:
            url = await stack.enter_async_context(serving(server.application()))
            line = f"{{type: httpchat, url: '{url}'{chat_config}}}"
        path = folder / "config.yaml"
        path.write_text(config_text(folder, line, config))
        story = Story(path, server)
        story.logs = logs
        await story.start()
        try:
            yield story
        finally:
            await story.stop()
        faults = [entry for entry in logs if "exc_info" in entry or entry["event"] in ("request_failed", "worker_ended")]
        assert not faults, faults
