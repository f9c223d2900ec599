"""Debian's amtool against a running Tocsin, as people use it: nothing but the address and a token is set."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from tests.bot.alertmanager_client import CONFIG
from tests.stories.process import Process, free_port
from tests.stories.story import config_text, iso

AMTOOL = shutil.which("amtool")

pytestmark = [pytest.mark.real, pytest.mark.skipif(not AMTOOL, reason="no amtool here: it comes with prometheus-alertmanager")]

APPROVALS = "\napprovals: [{verbs: [silence], severity: critical, groups: [sre]}]\n"
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Amtool:
    """`token`: in its file with credentials for HTTP; `folder`: its home, which holds no other setting."""

    def __init__(self, process: Process, folder: Path, token: str) -> None:
        self.process, self.folder = process, folder
        self.credentials = folder / f"http-{token}.yml"
        self.credentials.write_text(f"authorization: {{credentials: {token}}}\n")

    async def raw(self, url: str, *words: str) -> Said:
        assert AMTOOL
        pipe, env = asyncio.subprocess.PIPE, {**os.environ, "HOME": str(self.folder)}
        running = await asyncio.create_subprocess_exec(
            AMTOOL, f"--alertmanager.url={url}", *words, stdout=pipe, stderr=pipe, env=env
        )
        out, err = await running.communicate()
        return Said(running.returncode or 0, out.decode(), err.decode())

    async def fails(self, *words: str) -> str:
        """Runs it; what it complains of."""
        said = await self.raw(self.process.url, f"--http.config.file={self.credentials}", *words)
        assert said.code == 1 and not said.out, said
        return said.err

    async def __call__(self, *words: str) -> str:
        """Runs it; what it prints."""
        said = await self.raw(self.process.url, f"--http.config.file={self.credentials}", *words)
        assert said.code == 0 and not said.err, said
        return said.out

    async def json(self, *words: str) -> Any:
        return json.loads(await self(*words, "-o", "json"))


class Place(NamedTuple):
    """`ana` may do all, `ben` may not silence, `source` posts alerts."""

    process: Process
    ana: Amtool
    ben: Amtool
    source: Amtool

    async def says(self, person: str, line: str) -> str:
        """The answer to a command of chat."""
        headers = {"Authorization": f"Bearer token-of-{person}"}
        url, body = f"{self.process.url}/api/v1/commands", {"text": line}
        async with aiohttp.request("POST", url, json=body, headers=headers) as answer:
            return str((await answer.json())["text"])


@pytest.fixture
def more() -> str:
    """What the config says beside the usual."""
    return ""


@pytest.fixture
async def place(tmp_path: Path, more: str) -> AsyncIterator[Place]:
    port, config = free_port(), tmp_path / "config.yaml"
    config.write_text(config_text(tmp_path, "{type: console}", CONFIG + more, port))
    process = Process(config, port)
    process.start()
    try:
        await process.ready()
        people = [Amtool(process, tmp_path, f"token-of-{who}") for who in ("ana", "ben", "prometheus")]
        yield Place(process, *people)
        process.check()
    finally:
        process.end()


async def adds(place: Place) -> None:
    """Three alerts, as a source adds them."""
    for labels in (
        ["PgDown", "team=db", "severity=critical", "cluster=eu1"],
        ["Slow", "severity=warning", "cluster=eu1"],
        ["Disk"],
    ):
        await place.source("alert", "add", *labels, "--annotation=summary=it is so", "--generator-url=http://p.example.com/graph")


def names(alerts: Any) -> list[str]:
    return sorted(one["labels"]["alertname"] for one in alerts)


async def test_alerts(place: Place) -> None:
    await adds(place)
    ana = place.ana
    assert names(await ana.json("alert")) == ["Disk", "PgDown"], "what is inhibited is not active"
    assert names(await ana.json("alert", "query", "--inhibited", "--active")) == ["Disk", "PgDown", "Slow"]
    assert (
        names(await ana.json("alert", "query", "PgDown")) == names(await ana.json("alert", "query", 'team=~"d.*"')) == ["PgDown"]
    )
    assert names(await ana.json("alert", "query", "alertname!=PgDown", "--receiver=ops")) == ["Disk"]
    assert names(await ana.json("alert", "query", "--receiver=d.")) == ["PgDown"]
    assert (await ana("alert")).splitlines()[0].split() == ["Alertname", "Starts", "At", "Summary", "State"]
    extended = await ana("alert", "query", "PgDown", "-o", "extended")
    assert "http://p.example.com/graph" in extended and 'summary="it is so"' in extended and "active" in extended
    assert "bad matcher format" in await ana.fails("alert", "query", "alertname=A", "=")


async def test_silences(place: Place) -> None:
    """Made, found, changed, ended; chat knows each by the end of its id."""
    await adds(place)
    ana = place.ana
    made = (await ana("silence", "add", "PgDown", "-c", "disk swap", "-d", "2h", "-a", "deploy")).strip()
    assert UUID.fullmatch(made)
    assert f'{made[-6:]}  {{alertname="PgDown"}}  for 2h more, by Ana Petrova as "deploy": disk swap' in await place.says(
        "ana", "silences"
    )
    assert names(await ana.json("alert", "query", "--silenced")) == ["PgDown"]
    assert names(await ana.json("alert")) == ["Disk"]
    (one,) = await ana.json("silence", "query", "alertname=PgDown", "--created-by=deploy")
    assert one["id"] == made and one["comment"] == "disk swap" and one["createdBy"] == "deploy"
    assert await ana("silence", "query", "-q") == f"{made}\n"
    assert made in await ana("silence") and made in await ana("silence", "query", "-o", "extended")
    assert await ana("silence", "query", "-q", "--within=1h") == ""

    (longer,) = await ana.json("silence", "update", made, "-d", "4h", "-c", "takes longer")
    assert longer["id"] == made
    assert re.search(r"for (4h|3h59m) more, .*: takes longer$", await place.says("ana", "silences"))
    assert await ana("silence", "expire", made) == ""
    assert await ana.json("silence") == [] and names(await ana.json("alert")) == ["Disk", "PgDown"]
    assert [one["id"] for one in await ana.json("silence", "query", "--expired", "--within=1h")] == [made]
    assert await place.says("ana", "silences") == "No silence is in force."

    await place.says("ana", 'silence team="db" for 1h from chat')
    (of_chat,) = await ana.json("silence")
    assert (of_chat["createdBy"], of_chat["comment"]) == ("Ana Petrova", "from chat")
    await ana("silence", "expire", of_chat["id"])
    assert await place.says("ana", "silences") == "No silence is in force."


async def test_a_silence_to_come(place: Place) -> None:
    await adds(place)
    begins = time.time() + 3
    made = (await place.ana("silence", "add", "team=db", "-c", "x", f"--start={iso(begins)}", "-d", "1h")).strip()
    assert "upcoming: from " in await place.says("ana", "silences")
    (one,) = await place.ana.json("silence")
    assert one["status"] == {"state": "pending"} and one["id"] == made
    assert names(await place.ana.json("alert")) == ["Disk", "PgDown"]
    await asyncio.sleep(begins + 0.5 - time.time())
    assert names(await place.ana.json("alert")) == ["Disk"]
    assert "muted" in await place.says("ana", 'incidents alertname="PgDown"')


async def test_moving_from_one_to_another(place: Place) -> None:
    """What one Alertmanager, or Tocsin, exports can be imported: what is there is changed, what is not is made."""
    ana, exported = place.ana, place.ana.folder / "silences.json"
    first = (await ana("silence", "add", "a=b", "c=~d|e", "f!=g", "-c", "x")).strip()
    silences = await ana.json("silence")
    exported.write_text(
        json.dumps([*silences, {**silences[0], "id": "5a305a36-4426-4b06-9398-5b6df3698dfb", "comment": "theirs"}])
    )
    assert sorted(await import_of(ana, exported)) == sorted({first, *await ids(ana)}) and len(await ids(ana)) == 2
    await import_of(ana, exported, "--force")
    assert len(await ids(ana)) == 4
    matchers = {json.dumps(one["matchers"]) for one in await ana.json("silence")}
    assert len(matchers) == 1


async def import_of(ana: Amtool, file: Path, *more: str) -> list[str]:
    return (await ana("silence", "import", *more, str(file))).split()


async def ids(ana: Amtool) -> list[str]:
    return (await ana("silence", "query", "-q")).split()


async def test_refusals(place: Place, tmp_path: Path) -> None:
    """Each ends with 1 and a reason; amtool has words of its own for what it did not expect."""
    await adds(place)
    url, wrong = place.process.url, Amtool(place.process, tmp_path, "wrong")
    made = (await place.ana("silence", "add", "PgDown", "-c", "x")).strip()
    for command in (
        ["alert"],
        ["silence"],
        ["silence", "add", "a=b", "-c", "x"],
        ["silence", "expire", made],
        ["config", "show"],
    ):
        assert "(status 401)" in await wrong.fails(*command)
        assert (await place.ana.raw(url, *command)).code == 1, "without a token"
    for command in (["add", "a=b", "-c", "x"], ["expire", made], ["update", made, "-d", "9h"]):
        assert "(status 403)" in await place.ben.fails("silence", *command)
    assert "(status 401)" in await place.ana.fails("alert", "add", "PgDown"), "a person is no source"
    assert "silence not found" in await place.ana.fails("silence", "expire", made.replace("70c5", "0000"))
    assert "must not match the empty string" in await place.ana.fails("silence", "add", "a=~.*", "-c", "x")
    assert names(await place.ana.json("alert", "query", "--silenced")) == ["PgDown"]


async def test_a_token_in_the_address(place: Place) -> None:
    await adds(place)
    url = place.process.url.replace("//", "//ana:token-of-ana@")
    said = await place.ana.raw(url, "alert", "query", "PgDown", "-o", "json")
    assert said.code == 0 and names(json.loads(said.out)) == ["PgDown"]
    assert (await place.ana.raw(url.replace("of-ana@", "of-eve@"), "alert")).code == 1


@pytest.mark.parametrize("more", [APPROVALS])
async def test_what_needs_a_second_person(place: Place) -> None:
    await adds(place)
    assert "it waits as request 1 for" in await place.ana.fails("silence", "add", "PgDown", "-c", "x")
    assert await place.ana.json("silence") == []
    assert "request 1" not in await place.ana("silence", "add", "Disk", "-c", "x")


async def test_config(place: Place) -> None:
    """The routing, in a form that amtool can test labels on."""
    shown = await place.ana("config", "show")
    assert "receiver: ops" in shown and "token" not in shown
    assert "receiver: db" in await place.ana("config", "routes", "show")
    for labels, receiver in ((["team=db"], "db"), (["team=web"], "ops")):
        assert (await place.ana("config", "routes", "test", *labels)).strip() == receiver
        await place.ana("config", "routes", "test", f"--verify.receivers={receiver}", *labels)
    assert (await place.ana("cluster", "show")).split()[:3] == ["Cluster", "Status:", "disabled"]
