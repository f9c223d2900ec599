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
from tests.standins.discord import Discord
from tests.standins.httpchat import HttpChatServer, serving
from tests.standins.slack import Slack
from tests.stories import views_discord, views_slack
from tests.stories.story import BASE, Story, config_text

OURS = {"httpchat": "tests.standins.chat:HttpChat", "discord": "tests.stories.views_discord:HastyChat"}
"""What the registry names otherwise, or not."""


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
    """Starts it in the folder. Whatever the story, nothing may go wrong inside. `chat_config`: more YAML of the chat.

    `chat`: a kind; "slack over HTTP"; or "slack and discord", where the config names the latter SECOND.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(patch.dict(CHATS, OURS))
        logs = stack.enter_context(capture_logs())
        heard: list[Heard] = []
        server = HttpChatServer() if chat == "httpchat" else None
        line = "{type: console}"
        if server:
            application = server.application()
            application.middlewares.append(_listener(heard))
            url = await stack.enter_async_context(serving(application))
            line = f"{{type: httpchat, url: '{url}'{chat_config}}}"
        slack = discord = None
        if chat.startswith("slack"):
            slack = views_slack.move_in(await stack.enter_async_context(Slack()))
            line, config = views_slack.config_of(slack, http=chat == "slack over HTTP"), views_slack.with_ids(config)
        if chat.endswith("discord"):
            discord = views_discord.move_in(await stack.enter_async_context(Discord()))
            second, config = views_discord.config_of(discord), views_discord.with_ids(config)
            line, config = (line, config.replace("SECOND", second)) if slack else (second, config)
        path = folder / "config.yaml"
        path.write_text(config_text(folder, line, config))
        story = Story(path, server, slack, discord)
        story.logs, story.heard = logs, heard
        await story.start()
        try:
            yield story
        finally:
            await story.stop()
        faults = [entry for entry in logs if "exc_info" in entry or entry["event"] == "worker_ended"]
        assert not faults, faults
