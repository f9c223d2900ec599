"""Debian's Alertmanager and Tocsin answer the same requests the same way."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.bot.alertmanager_client import CONFIG, Answer, Client, ask, made, posted, silence
from tests.stories.process import free_port
from tests.stories.telling import telling
from tests.stories.until import until

ALERTMANAGER = shutil.which("prometheus-alertmanager")
OTHERS = "5a305a36-4426-4b06-9398-5b6df3698dfb"

SIDE = """
route:
  receiver: ops
  group_by: [alertname, cluster]
  group_wait: 0s
  group_interval: 10s
  routes: [{receiver: db, matchers: ['team="db"']}]
receivers: [{name: ops}, {name: vault}, {name: db}]
inhibit_rules: [{source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: [cluster]}]
"""


@asynccontextmanager
async def alertmanager(folder: Path) -> AsyncIterator[Client]:
    assert ALERTMANAGER
    (folder / "am.yml").write_text(SIDE)
    address = f"127.0.0.1:{free_port()}"
    where = (f"--config.file={folder / 'am.yml'}", f"--storage.path={folder / 'am'}", f"--web.listen-address={address}")
    nowhere = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        ALERTMANAGER, *where, "--cluster.listen-address=", stdout=nowhere, stderr=nowhere
    )
    client = Client(f"http://{address}")

    async def answers() -> bool:
        try:
            return bool(await client.get("/status"))
        except aiohttp.ClientError as problem:
            raise AssertionError(problem) from problem

    try:
        await until(answers, 20.0, "Alertmanager")
        yield client
    finally:
        process.kill()
        await process.wait()


def shape(value: Any) -> Any:
    """Keys in their order, and kinds of values; texts that must be the same in both stay."""
    if isinstance(value, dict):
        return [(key, kept(key, one)) for key, one in value.items()]
    return [shape(one) for one in value] if isinstance(value, list) else type(value).__name__


KEPT = {
    "fingerprint", "state", "labels", "annotations", "receivers", "receiver", "generatorURL", "comment", "createdBy", "matchers",
    "code", "version", "inhibitedBy",
}  # fmt: skip


def kept(key: str, value: Any) -> Any:
    if key == "message":
        return type(value).__name__
    if key.endswith("At") or key == "uptime":
        assert value.endswith("Z") and len(value) == len("2026-11-22T05:57:47.148Z"), value
    return (value if key in KEPT else shape(value)) if key != "versionInfo" else sorted(value)


REQUESTS = """
GET /alerts
GET /alerts/groups
GET /receivers
GET /silences
GET /alerts?filter=alertname=PgDown
GET /alerts?filter=alertname="PgDown"&filter=team=~d.*
GET /alerts?filter=team=""
GET /alerts?filter=team!=""
GET /alerts?filter=team!~db
GET /alerts?filter=
GET /alerts?filter={alertname=PgDown}
GET /alerts?filter=alertname
GET /alerts?filter=x=~(
GET /alerts?filter=x="a
GET /alerts?filter=alertname=PgDown,team=db
GET /alerts?active=false
GET /alerts?silenced=false
GET /alerts?inhibited=false
GET /alerts?unprocessed=false
GET /alerts?active=1
GET /alerts?active=no
GET /alerts?active=
GET /alerts?receiver=db
GET /alerts?receiver=d
GET /alerts?receiver=d.*|ops
GET /alerts?receiver=
GET /alerts?receiver=(
GET /alerts/groups?receiver=db
GET /alerts/groups?receiver=(
GET /alerts/groups?filter=alertname=PgDown
GET /alerts/groups?filter=(
GET /alerts/groups?silenced=false
GET /silences?filter=alertname=PgDown
GET /silences?filter=alertname=~PgDown
GET /silences?filter=b
GET /silence/OTHERS
GET /silence/nope
DELETE /silence/OTHERS
DELETE /silence/nope
PUT /silences
DELETE /silences
POST /status
POST /receivers
HEAD /alerts
GET /nope
"""
POSTED: list[tuple[str, Any]] = [
    ("nothing", b""),
    ("no JSON", b"not json"),
    ("a list", b"[]"),
    ("null", b"null"),
    ("an empty object", b"{}"),
    ("no start", {"startsAt": None}),
    ("no end", {"endsAt": None}),
    ("no comment", {"comment": None}),
    ("no maker", {"createdBy": None}),
    ("an empty comment", {"comment": ""}),
    ("a number as comment", {"comment": 1}),
    ("no matchers", {"matchers": None}),
    ("empty matchers", {"matchers": []}),
    ("a text as matchers", {"matchers": "x"}),
    ("an empty matcher", {"matchers": [{}]}),
    ("no isRegex", {"matchers": [{"name": "a", "value": "b"}]}),
    ("no value", {"matchers": [{"name": "a", "isRegex": False}]}),
    ("no name", {"matchers": [{"name": "", "value": "b", "isRegex": False}]}),
    ("a broken pattern", {"matchers": [{"name": "a", "value": "(", "isRegex": True}]}),
    ("matches everything", {"matchers": [{"name": "a", "value": ".*", "isRegex": True}]}),
    ("matches what is empty", {"matchers": [{"name": "a", "value": "", "isRegex": False}]}),
    ("an unknown id", {"id": OTHERS}),
    ("an id that is none", {"id": "nope"}),
    ("no time", {"startsAt": "never"}),
    ("an empty time", {"startsAt": "", "endsAt": ""}),
    ("end before start", {"endsAt": "2020-01-01T00:00:00Z"}),
    ("end in the past", {"startsAt": "2019-01-01T00:00:00Z", "endsAt": "2020-01-01T00:00:00Z"}),
    ("start in the past", {"startsAt": "2019-01-01T00:00:00Z"}),
    ("with an offset", {"startsAt": "2019-01-01T00:00:00.123456789+02:00"}),
    ("more keys", {"more": 1}),
    (
        "all kinds of matchers",
        {
            "matchers": [
                {"name": "a", "value": "b", "isRegex": False},
                {"name": "c", "value": "d|e", "isRegex": True, "isEqual": True},
                {"name": "f", "value": "g", "isRegex": False, "isEqual": False},
                {"name": "h", "value": "i", "isRegex": True, "isEqual": False},
            ]
        },
    ),
]
ALERTS = [
    {"alertname": "PgDown", "team": "db", "cluster": "eu1", "severity": "critical"},
    {"alertname": "Slow", "cluster": "eu1", "severity": "warning"},
    {"alertname": "Disk", "cluster": "eu2", "severity": "warning", "note": "çödé <&>"},
]


@pytest.mark.real
@pytest.mark.skipif(not ALERTMANAGER, reason="no prometheus-alertmanager here")
async def test_alertmanager_itself_answers_the_same(tmp_path: Path) -> None:
    async with telling(tmp_path, CONFIG) as story, alertmanager(tmp_path) as theirs:
        ours = ask(story)
        await posted(ours, *ALERTS, Authorization="Bearer token-of-prometheus")
        await posted(theirs, *ALERTS)
        for client in (ours, theirs):
            for body in (silence(story), silence(story, begins=3600), silence(story, "team=~d.*,x!=y", lasts=7200)):
                await made(client, body)
        await asyncio.sleep(1.0)  # until Alertmanager has grouped them
        for line in REQUESTS.replace("OTHERS", OTHERS).split("\n")[1:-1]:
            method, _, path = line.partition(" ")
            assert same(await ours(method, path), await theirs(method, path)), line
        for what, body in POSTED:
            sent = body if isinstance(body, bytes) else {**silence(story), **body}
            assert same(await ours("POST", "/silences", sent), await theirs("POST", "/silences", sent)), what
        assert shape(await ours.get("/silences")) == shape(await theirs.get("/silences"))
        assert shape(await ours.get("/status")) == shape(await theirs.get("/status"))


def same(ours: Answer, theirs: Answer) -> bool:
    """Frameworks word what is no route in their own ways."""
    assert ours.status == theirs.status, (ours, theirs)
    if ours.status in (404, 405) and isinstance(theirs.body, dict):
        return True
    assert shape(ours.body) == shape(theirs.body), (ours, theirs)
    return True
