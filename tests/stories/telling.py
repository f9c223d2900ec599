"""A Tocsin that runs for one story."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec
from aiohttp import web
from structlog.testing import capture_logs

from adapters.registry import CHATS
from tests.standins.httpchat import HttpChatServer, serving
from tests.standins.slack import Slack
from tests.stories.story import BASE, Story, config_text
from tests.stories.views_slack import config_of, move_in, with_ids


class Heard(NamedTuple):
    """A call that reached the platform. `card`: its key or, in edits, its ref. Times: seconds of the monotonic clock."""

    method: str
    path: str
    card: str
    began: float
    ended: float


def _listener(heard: list[Heard]) -> Any:
    @web.middleware
    async def listen(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        body, began = await request.read(), time.monotonic()
        card = request.match_info.get("ref") or (msgspec.json.decode(body).get("key", "") if body else "")
        try:
            answer: web.StreamResponse = await handler(request)
            return answer
        finally:
            heard.append(Heard(request.method, request.path, card, began, time.monotonic()))

    return listen


@asynccontextmanager
async def telling(folder: Path, config: str = BASE, chat: str = "httpchat", chat_config: str = "") -> AsyncIterator[Story]:
    """Starts it in the folder. Whatever the story, nothing may go wrong inside. `chat_config`: more YAML of the chat."""
    async with AsyncExitStack() as stack:
        stack.enter_context(patch.dict(CHATS, {"httpchat": "tests.standins.chat:HttpChat"}))
        logs = stack.enter_context(capture_logs())
        heard: list[Heard] = []
        server = HttpChatServer() if chat == "httpchat" else None
        line = "{type: console}"
        if server:
            application = server.application()
            application.middlewares.append(_listener(heard))
            url = await stack.enter_async_context(serving(application))
            line = f"{{type: httpchat, url: '{url}'{chat_config}}}"
        slack = None
        if chat.startswith("slack"):
            slack = move_in(await stack.enter_async_context(Slack()))
            line, config = config_of(slack, http=chat == "slack over HTTP"), with_ids(config)
        path = folder / "config.yaml"
        path.write_text(config_text(folder, line, config))
        story = Story(path, server, slack)
        story.logs, story.heard = logs, heard
        await story.start()
        try:
            yield story
        finally:
            await story.stop()
        faults = [entry for entry in logs if "exc_info" in entry or entry["event"] == "worker_ended"]
        assert not faults, faults
