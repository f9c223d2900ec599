"""`tocsin doctor` and `tocsin slack-manifest`, as people and scripts use them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.chat import Finding
from bot.cli.doctor import look
from bot.config import load
from bot.store.engine import Store
from bot.store.probe import probe
from tests.bot.test_cli import Outcome
from tests.standins.discord import Discord
from tests.standins.slack import Slack

CONFIG = """
listen: LISTEN
public_url: https://tocsin.example.com
store: sqlite:///FOLDER/tocsin.db
people: {ana: {name: Ana Petrova, slack: U01ANA}}
groups: {sre: {members: [ana], clearance: restricted}}
chats:
  work: {type: slack, bot_token: "${BOT}", app_token: "${APP}", api_url: "URL"}
  console: {type: console}
channels:
  db: {chat: work, id: C0DB, clearance: confidential, audience: [sre]}
  ops: {chat: console}
sources:
  prometheus: {type: alertmanager, auth: {bearer: b}}
  open: {type: alertmanager, auth: none}
route: {channels: [ops]}
"""


LAB = "165511591545143296"
ROLES = """
store: sqlite:///FOLDER/tocsin.db
groups: {lab: {discord_role: 'LAB'}}
chats: {guild: CHAT}
channels: {db: {chat: guild, id: '41771983423143940'}}
sources: {prometheus: {type: generic, auth: none}}
route: {channels: [db]}
"""


def config_in(folder: Path, url: str = "http://127.0.0.1:9/api/", listen: str = "127.0.0.1:8080") -> Path:
    path = folder / "config.yaml"
    path.write_text(CONFIG.replace("FOLDER", str(folder)).replace("URL", url).replace("LISTEN", listen))
    return path


def wrong(findings: list[Finding]) -> dict[str, str]:
    return {finding.what: finding.remedy for finding in findings if not finding.ok}


async def examine(folder: Path, slack: Slack) -> list[Finding]:
    secrets = {"BOT": slack.bot_token, "APP": slack.app_token}
    return await look(load(config_in(folder, slack.api_url), secrets))


async def test_groups_that_a_chat_tells(tmp_path: Path) -> None:
    async with Discord(rates=False) as discord:
        discord.user("80351110224678912", "ana", [LAB])
        discord.channel("41771983423143940", "db")
        addresses = f"api_url: '{discord.api_url}', gateway_url: '{discord.gateway_url}'"
        chat = f"{{type: discord, token: {discord.token}, guild: '{discord.guild}', {addresses}}}"
        config = ROLES.replace("FOLDER", str(tmp_path)).replace("CHAT", chat).replace("LAB", LAB)
        (tmp_path / "config.yaml").write_text(config)

        async def group() -> tuple[str, str]:
            found = [one for one in await look(load(tmp_path / "config.yaml", {})) if "group lab" in one.what]
            return found[0].what, found[0].remedy

        what = f"guild: group lab ({LAB})"
        assert await group() == (f"{what}: nobody in it", "")
        discord.role(LAB, "lab")
        assert await group() == (f"{what}: 1 in it", "")
        discord.world.enabled_intents.clear()
        told = await group()
        assert told[0] == what and "switch Server Members Intent on" in told[1]


async def test_all_is_well(tmp_path: Path) -> None:
    async with Slack(rates=False) as slack:
        slack.user("U01ANA", "ana")
        slack.channel("C0DB", "db", ["U01ANA"], private=True)
        found = await examine(tmp_path, slack)
    assert wrong(found) == {}
    assert {"store", "source prometheus", "source open", "chat console"} < {finding.what for finding in found}
    assert not (tmp_path / "tocsin.db").exists(), "it changes nothing"


async def test_each_thing_amiss_has_its_remedy(tmp_path: Path) -> None:
    async with Slack(rates=False) as slack:
        slack.channel("C0DB", "db", private=True, bot=False)
        (tmp_path / "tocsin.db").write_text("this is no database, though it is long enough to be read as one" * 20)
        remedies = wrong(await examine(tmp_path, slack))
    assert list(remedies) == ["store", "work: channel db (C0DB)", "work: people.ana.slack (U01ANA)"]
    assert "/invite" in remedies["work: channel db (C0DB)"] and "move it away" in remedies["store"]


def test_it_prints_and_exits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT", "xoxb-hush")
    monkeypatch.setenv("APP", "xapp-hush")
    config = str(config_in(tmp_path, listen="0.0.0.0:8080"))
    shown = Outcome("doctor", "-c", config)
    assert shown.code == 1 and "✔ store" in shown.out and "✘ work: bot_token" in shown.out and "things to do." in shown.out
    assert "✘ source open\n  Set sources.open.auth" in shown.out and "✔ source prometheus" in shown.out
    told = Outcome("doctor", "-c", config, "--json")
    assert told.code == 1 and told.json["ok"] is False
    assert {"what", "ok", "remedy"} == set(told.json["findings"][0])
    assert "hush" not in shown.out + shown.err + told.out


def test_a_broken_config_is_exit_2(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("rout: {}")
    assert Outcome("doctor", "-c", str(tmp_path / "config.yaml")).code == 2


Spoil = Callable[[Path], Any]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: None, ""), (lambda path: sqlite3.connect(path).close(), ""),
        (lambda path: path.write_bytes(b"x" * 5000), "restore a copy"), (lambda path: path.mkdir(), "cannot read"),
        (lambda path: path.parent.rmdir(), "Make the folder"),
    ],
)  # fmt: skip
async def test_the_store(tmp_path: Path, spoil: Spoil, told: str) -> None:
    (tmp_path / "a folder").mkdir()
    path = tmp_path / "a folder" / "tocsin.db"
    spoil(path)
    remedy = await probe(f"sqlite:///{path}")
    assert told in remedy and bool(remedy) == bool(told)


async def test_a_store_in_use_is_well(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/tocsin.db"
    store = await Store.open(url)
    try:
        assert await probe(url) == ""
    finally:
        await store.close()


async def test_a_server_that_is_not_there() -> None:
    remedy = await probe("postgresql://u:hush@127.0.0.1:9/x")
    assert "127.0.0.1:9" in remedy and "hush" not in remedy


async def test_a_chat_that_hangs_does_not_hang_the_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.cli.doctor.CHAT_SECONDS", 0.3)
    async with Slack(rates=False) as slack:
        slack.faults.hang("*")
        remedies = wrong(await asyncio.wait_for(examine(tmp_path, slack), 5.0))
    assert "Run this again" in remedies["chat work"]


def test_the_manifest_needs_nothing(tmp_path: Path) -> None:
    done = Outcome("slack-manifest", "-c", str(tmp_path / "none.yaml"))
    assert done.code == 0 and done.json["settings"]["socket_mode_enabled"] is True and "From a manifest" in done.err


def test_the_manifest_over_http(tmp_path: Path) -> None:
    done = Outcome("slack-manifest", "--http", "https://t.example.com", "--chat", "duty", "-c", str(tmp_path / "none.yaml"))
    assert done.json["settings"]["interactivity"]["request_url"] == "https://t.example.com/slack/duty/actions"
    assert Outcome("slack-manifest", "--http", "t.example.com", "-c", str(tmp_path / "none.yaml")).code == 2


def test_the_manifest_follows_the_config_before_there_are_tokens(tmp_path: Path) -> None:
    path = config_in(tmp_path)
    done = Outcome("slack-manifest", "-c", str(path))
    assert done.code == 0 and done.json["features"]["unfurl_domains"] == ["tocsin.example.com"]
    path.write_text(path.read_text().replace("app_token", "signing_secret").replace("work", "duty"))
    done = Outcome("slack-manifest", "-c", str(path))
    assert done.json["settings"]["event_subscriptions"]["request_url"] == "https://tocsin.example.com/slack/duty/events"
    assert Outcome("slack-manifest", "-c", str(path), "--chat", "console").code == 2
    path.write_text("rout: {}")
    done = Outcome("slack-manifest", "-c", str(path))
    assert done.code == 0 and "has mistakes" in done.err and json.loads(done.out)
