"""`tocsin audit` and `tocsin access`, as people and scripts use them, beside a Tocsin that runs."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.config.moment import format_moment
from bot.store import audit
from bot.store.engine import Store
from rules.audit_entry import Entry, Event
from tests.bot.test_cli import ROOT, Outcome
from tests.standins.stores import store as store
from tests.standins.stores import store_url as store_url
from tests.store.rows import NOW
from tests.stories.story import BASE
from tests.stories.telling import telling

CONFIG = """
chats: {console: {type: console}}
channels: {ops: {chat: console}}
sources: {scripts: {type: generic, auth: none}}
route: {channels: [ops]}
"""
ENTRIES = [
    Entry(NOW, Event.act, "ana", "ops", 42, {"verb": "ack", "line": "ack 42 über"}),
    Entry(NOW + 86_400, Event.refusal, "ben", "", 0, {"verb": "silence"}),
    Entry(NOW + 172_800.5, Event.act, "=cmd|'/C calc'!A0", "+ops", 42, {"line": '=1+1", "'}),
]


@pytest.fixture
def config(store_url: str, tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(f"store: {store_url}\n{CONFIG}")
    return str(path)


@pytest.fixture
async def run(store: Store, config: str) -> Callable[..., Any]:
    """Runs the command beside the store, which is open and has ENTRIES."""
    await store.write(audit.note, ENTRIES)
    return lambda *args: asyncio.to_thread(Outcome, *args, "-c", config)


async def test_a_log_that_is_whole(run: Callable[..., Any], store: Store) -> None:
    last = await store.read(audit.head)
    assert last
    told = await run("audit", "verify")
    assert (told.code, told.err) == (0, "")
    assert told.out == f"✔ 3 rows, each as it was written.\n  head {last.hash}\n"
    assert (await run("audit", "verify", "--json")).json == {
        "ok": True, "count": 3, "head": last.hash, "broken": None, "why": "", "kept": None, "expected": None,
    }  # fmt: skip
    await store.write(audit.note, ENTRIES)
    told = await run("audit", "verify", "--expect", last.hash.upper())
    assert told.code == 0 and "The expected hash is that of row 3." in told.out
    told = await run("audit", "verify", "--expect", "f" * 64)
    assert told.code == 1 and f"No row has the hash {'f' * 64}: rows were cut off" in told.out
    told = await run("audit", "verify", "--expect", "f" * 64, "--json")
    assert told.code == 1 and told.json["ok"] is False
    assert (await run("audit", "verify", "--expect", last.hash[:12])).code == 2


async def test_a_log_that_is_not(run: Callable[..., Any], store: Store) -> None:
    def spoil(conn: Any, items: Any) -> list[None]:
        conn.exec_driver_sql("UPDATE audit SET actor = 'ben' WHERE id = 2")
        conn.exec_driver_sql("UPDATE audit SET actor = 'cleo' WHERE id = 2")
        return [None]

    await store.write(spoil, None)
    told = await run("audit", "verify")
    assert told.code == 1
    assert told.out.startswith(
        "✘ Row 2 is broken: it, or the hash of the row before it, is not what was written.\n  The 1 before"
    )
    assert (await run("audit", "verify", "--json")).json["broken"] == 2
    await store.write(lambda conn, _: [conn.exec_driver_sql("UPDATE audit SET id = 0 WHERE id = 1")], None)
    told = await run("audit", "verify")
    assert told.code == 1 and "Row 0 is broken: there is no place in the chain for a row 0.\n  It is the first." in told.out


async def test_json_lines_that_others_can_check(run: Callable[..., Any]) -> None:
    """By the program that the documentation gives."""
    exported = (await run("audit", "export")).out
    first = json.loads(exported.splitlines()[0])
    assert first["body"]["line"] == "ack 42 über" and first["at"] == NOW
    (program,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/audit.md").read_text(), re.MULTILINE | re.DOTALL)
    check = partial(subprocess.run, [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=False)
    assert check(input=exported).returncode == 0
    assert "AssertionError: 2" in check(input=exported.replace("silence", "ack")).stderr


async def test_csv_that_no_spreadsheet_runs(run: Callable[..., Any]) -> None:
    head, first, _, third = csv.reader(io.StringIO((await run("audit", "export", "--format", "csv")).out))
    assert head == ["id", "at", "kind", "actor", "channel", "incident", "body", "hash"]
    assert first[:6] == ["1", "2023-11-14T22:13:20.000+00:00", "act", "ana", "ops", "42"]
    assert third[3:5] == ["'=cmd|'/C calc'!A0", "'+ops"] and json.loads(third[6]) == {"line": '=1+1", "'}


@pytest.mark.parametrize(
    ("args", "ids"),
    [
        (["--kind", "refusal"], [2]),
        (["--actor", "ana"], [1]),
        (["--incident", "42"], [1, 3]),
        (["--since", str(NOW + 86_400)], [2, 3]),
        (["--until", "2023-11-15"], [1]),
        (["--since", "2023-11-15", "--until", "2023-11-16", "--kind", "act"], []),
    ],
)
async def test_a_part_of_it(run: Callable[..., Any], args: list[str], ids: list[int]) -> None:
    assert [json.loads(line)["id"] for line in (await run("audit", "export", *args)).out.splitlines()] == ids


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (["--kind", "acts"], "--kind acts: expected one of act, refusal, disclosure"),
        (["--format", "xml"], "--format xml: expected jsonl or csv"),
        (["--since", "tuesday"], '"tuesday" is not a time'),
    ],
)
async def test_what_makes_no_sense(run: Callable[..., Any], args: list[str], what: str) -> None:
    told = await run("audit", "export", *args)
    assert told.code == 2 and what in told.err and not told.out


@pytest.mark.parametrize("command", [["audit", "verify"], ["audit", "export"]])
def test_no_store_and_an_old_one(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "config.yaml").write_text(f"store: sqlite:///{tmp_path}/tocsin.db\n{CONFIG}")
    told = Outcome(*command, "-c", str(tmp_path / "config.yaml"))
    assert told.code == 2 and f"there is no store at {tmp_path}/tocsin.db" in told.err
    with closing(sqlite3.connect(tmp_path / "tocsin.db")) as raw:
        raw.execute("CREATE TABLE facts (name TEXT)")
    told = Outcome(*command, "-c", str(tmp_path / "config.yaml"))
    assert told.code == 2 and "start Tocsin on it once" in told.err
    (tmp_path / "tocsin.db").write_text("no database at all, " * 100)
    told = Outcome(*command, "-c", str(tmp_path / "config.yaml"))
    assert told.code == 2 and "file is not a database" in told.err


def test_a_long_log_says_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def make() -> None:
        store = await Store.open(f"sqlite:///{tmp_path}/tocsin.db")
        await store.write(audit.note, ENTRIES)
        await store.close()

    asyncio.run(make())
    (tmp_path / "config.yaml").write_text(f"store: sqlite:///{tmp_path}/tocsin.db\n{CONFIG}")
    monkeypatch.setattr("bot.cli.audit.QUIET_SECONDS", 0.0)
    assert "… 2 of 3 rows" in Outcome("audit", "verify", "-c", str(tmp_path / "config.yaml")).err


REVEALING = re.sub(r" httpchat: [\w-]+,", "", BASE) + "reveal: {groups: [web], up_to: restricted, lasts: 15m}\n"


# --- Access ---------------------------------------------------------------------------------------------------------


class Days:
    """What happened: at `first` the config began to count, at `second` ben left the groups that may see payments."""

    def __init__(self, config: str, first: float, second: float) -> None:
        self.config, self.first, self.second = config, first, second

    def access(self, *args: str) -> Outcome:
        return Outcome("access", *args, "-c", self.config)


@pytest.fixture
def days(tmp_path: Path) -> Days:
    async def play() -> Days:
        async with telling(tmp_path, REVEALING, "console") as story:
            await story.fires("Fraud", team="payments")
            await (await story.card("vault")).shows(stub=False)
            assert (await story.order("cleo", "reveal 1 on call, password=hunter2"))["ok"]
            first = story.now()
            await story.passes("7d")
            story.rewrite(lambda text: text.replace("dba: {members: [ben], clearance: confidential}", "dba: {members: [ben]}"))
            assert await story.app.reload()
            return Days(str(story.path), first, story.now())

    return asyncio.run(play())


def test_who_sees_it_now(days: Days) -> None:
    told = days.access("team=payments")
    assert told.code == 0
    lines = [" ".join(line.split()) for line in told.out.splitlines()]
    assert lines[0] == "team=payments" and "sensitivity confidential" in lines and "route root" in lines
    assert "ops: a stub (its clearance is internal)" in lines
    assert any(line.startswith("vault: in full (verified, since") for line in lines)
    assert lines[-4:-2] == ["by asking: whoever is cleared", "ana Ana Petrova sre"]


def test_who_saw_it_then(days: Days) -> None:
    told = days.access("team=payments", "--at", str(days.first))
    assert told.code == 0 and format_moment(days.first) in told.out
    lines = [" ".join(line.split()) for line in told.out.splitlines()]
    assert lines[-5:-2] == ["by asking: whoever is cleared", "ana Ana Petrova sre", "ben Ben Okafor dba"]
    assert "ben" not in days.access("team=payments", "--at", str(days.second)).out


def test_who_broke_the_glass(days: Days) -> None:
    line = "by reveal: cleo sees incident #1, until "
    assert line in days.access("team=payments", "--at", str(days.first)).out
    assert line not in days.access("team=payments", "--at", str(days.second)).out
    told = Outcome("audit", "export", "--kind", "reveal", "-c", days.config).out
    assert "on call, password=[secret]" in told and "hunter2" not in told


def test_for_scripts(days: Days) -> None:
    (found,) = days.access("team=payments", "--at", str(days.first), "--json").json
    assert found["labels"] == {"team": "payments"} and found["sight"]["level"] == "confidential"
    assert [place["channel"] for place in found["sight"]["places"]] == ["ops", "vault"]
    assert found["sight"]["places"][1]["readers"] == [{"key": "ana", "name": "Ana Petrova", "by": ["sre"]}]


def test_before_there_was_a_log(days: Days) -> None:
    told = days.access("team=payments", "--at", "2020-01-01")
    assert told.code == 1 and "The audit log begins after" in told.out


def test_without_a_store_the_config_has_to_do(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"store: sqlite:///{tmp_path}/tocsin.db\n{CONFIG}")
    assert "ops: in full" in Outcome("access", "team=web", "-c", str(tmp_path / "config.yaml")).out
    told = Outcome("access", "team=web", "--at", "2026-01-06", "-c", str(tmp_path / "config.yaml"))
    assert told.code == 2 and "there is no store" in told.err
