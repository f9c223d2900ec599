"""What /readyz says of chats whose inbound side is down: alerts are taken all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.app import App
from bot.config import load
from bot.store import alerts
from rules.alert import OWN_SOURCE
from tests.standins.slack import Slack
from tests.stories.until import until

CONFIG = """
listen: 127.0.0.1:0
store: sqlite:///FOLDER/tocsin.db
chats:
  work: {type: slack, bot_token: "${BOT}", app_token: "${APP}", api_url: "URL"}
  console: {type: console}
channels: {ops: {chat: console}}
sources: {prometheus: {type: alertmanager, auth: {bearer: b}}}
route: {channels: [ops]}
"""


async def readyz(app: App) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{app.port}/readyz") as answer:
        return answer.status, await answer.json()


async def test_a_chat_from_which_nothing_comes_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.watch.EVERY_SECONDS", 0.2)
    async with Slack(rates=False) as slack:
        (tmp_path / "config.yaml").write_text(CONFIG.replace("FOLDER", str(tmp_path)).replace("URL", slack.api_url))
        await slack.down()
        app = App(load(tmp_path / "config.yaml", {"BOT": slack.bot_token, "APP": slack.app_token}))
        await app.start()
        try:

            async def degraded() -> bool:
                return bool((await readyz(app))[1]["status"] == "degraded")

            await until(degraded)
            status, told = await readyz(app)
            assert status == 200 and list(told["degraded"]) == ["chat work, inbound"]
            told_of = told["degraded"]["chat work, inbound"]
            assert told_of.startswith("nothing comes in from people: cannot reach 127.0.0.1")
            assert slack.bot_token not in told_of and slack.app_token not in told_of

            async def told_to_admins(names: list[str]) -> bool:
                firing = await app.store.read(alerts.firing_of, OWN_SOURCE)
                return [row.alert.labels["alertname"] for row in firing] == names

            await until(lambda: told_to_admins(["TocsinHearsNothing"]))
            await slack.up()
            await slack.connected(2, 10.0)
            assert await readyz(app) == (200, {"status": "ok", "degraded": {}})
            await until(lambda: told_to_admins([]))
        finally:
            await app.stop()
