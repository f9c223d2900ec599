"""No secret of the config leaves the process: a canary in each, then everything goes right and wrong, and every byte is searched.

A secret may go where it belongs (a chat's own token to that chat), and nowhere else.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
import pytest
import structlog
from aiohttp import web
from typer.testing import CliRunner

from adapters.registry import CHATS
from bot import log as logs
from bot.app import App
from bot.cli import app as command_line
from bot.config import load
from bot.store import deliveries
from tests.adapters.console_site import csrf_of, sign_in
from tests.standins.discord import Discord
from tests.standins.faults import Fault, Script
from tests.standins.httpchat import HttpChatServer, serving
from tests.stories import views_discord, views_slack
from tests.stories.canaries import ENV, MARK, VALUES, PlantedSlack, disguises, every_model, owner, plant, planted, secret_fields
from tests.stories.telling import OURS
from tests.stories.until import until


class Scene:
    """A Tocsin full of canaries. `out`: everything that left it, by where."""

    def __init__(self, config: Path, slack: PlantedSlack, discord: Discord, server: HttpChatServer) -> None:
        self.config, self.slack, self.discord, self.server = config, slack, discord, server
        self.out: dict[str, str] = {}
        self.app = App(load(config, ENV), config)

    async def ask(self, http: aiohttp.ClientSession, method: str, path: str, **sent: Any) -> int:
        """Keeps the whole answer. What a client sent is not echoed either, so the same rule holds for it."""
        async with http.request(method, path, allow_redirects=False, **sent) as answer:
            got = f"{answer.status} {dict(answer.headers)} {await answer.text(errors='replace')}"
        self.out[f"{method} {path} {len(self.out)}"] = got
        return answer.status

    def leaks(self) -> list[str]:
        """Where a canary was seen, with what stands before it."""
        hidden = disguises()
        return [
            f"{where}: …{text[max(0, text.index(one) - 120) : text.index(one) + len(one)]}"
            for where, text in self.out.items()
            for one in hidden
            if one in text
        ]


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Scene]:
    """With all that was printed, and the log at debug, in `out` at the end."""
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    logs.set_up("debug", as_json=True)
    structlog.configure(cache_logger_on_first_use=False)  # or the loggers of all later tests would be these
    async with AsyncExitStack() as stack:
        stack.enter_context(patch.dict(CHATS, OURS))
        server, calls = HttpChatServer(), io.StringIO()
        application = server.application()
        application.middlewares.append(_listener(calls))
        url = await stack.enter_async_context(serving(application))
        slack = await stack.enter_async_context(PlantedSlack())
        views_slack.move_in(slack)
        discord = views_discord.move_in(await stack.enter_async_context(Discord(token=VALUES["DISCORD"])))
        found = Scene(plant(tmp_path, url, slack, discord), slack, discord, server)
        yield found
        found.out["printed"], found.out["log"] = capsys.readouterr()
        found.out["calls to the chat"] = calls.getvalue()
        for i, call in enumerate(slack.web.requests):
            kept = {name: value for name, value in call.headers.items() if name.lower() != "authorization"}
            found.out[f"call {i} to Slack"] = repr((call.method, kept, call.args))
            token = call.headers.get("Authorization", "").removeprefix("Bearer ")
            own = "APP" if call.method == "apps.connections.open" else "BOT"
            assert token in (VALUES[own], VALUES["DEAD_BOT"], ""), call.method
        for i, asked in enumerate(discord.requests):
            kept = {name: value for name, value in asked.headers.items() if name.lower() != "authorization"}
            found.out[f"call {i} to Discord"] = repr((asked.call, kept, asked.query, asked.body))
            assert asked.headers.get("Authorization", "") in (f"Bot {VALUES['DISCORD']}", ""), asked.call
        assert found.leaks() == []
        assert len(found.out["log"]) > 2000 and calls.getvalue() and len(slack.web.requests) > 3 and len(discord.requests) > 3
    structlog.reset_defaults()


def _listener(calls: io.StringIO) -> Any:
    @web.middleware
    async def listen(request: web.Request, handler: Any) -> web.StreamResponse:
        calls.write(f"{request.method} {request.rel_url} {dict(request.headers)} {(await request.read()).decode()}\n")
        answer: web.StreamResponse = await handler(request)
        return answer

    return listen


def test_every_secret_field_has_its_canary(tmp_path: Path) -> None:
    """A new one must be planted in tests/stories/canaries.py, and then is looked for like the others."""
    with patch.dict(CHATS, OURS):
        nowhere = "http://127.0.0.1:1"
        path = plant(tmp_path, nowhere)
        found = dict(planted(load(path, ENV)))
        assert secret_fields() == set(found)
        assert all(MARK in value for value in found.values())


def test_what_is_called_a_secret_is_one() -> None:
    """A field with such a name hides its value; a path of a file need not."""
    telling = re.compile(r"token|secret|password|passphrase|key$|credential|api_key|webhook")
    named = {f"{owner(model, name)}.{name}" for model in every_model() for name in model.model_fields if telling.search(name)}
    assert named - secret_fields() == {"Tls.key", "Auth.header"} & named


GOOD = b'{"alerts": [{"status": "firing", "labels": {"alertname": "Real"}}]}'
BODIES = (GOOD, b"{", b"", b"[]")


async def test_no_secret_leaves_the_process(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    await scene.app.start()
    url = f"http://127.0.0.1:{scene.app.port}"
    async with aiohttp.ClientSession(url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        await _every_route(scene, http)
        await _senders(scene, http)
        await _broken_http(scene)
        await _people(scene, http)
        await _failing_chats(scene, http)
        await _reloads(scene, http)
        await _our_own_fault(scene, http, monkeypatch)
        for path in ("/metrics", "/readyz", "/api/v1/incidents?state=all&limit=1000"):
            await scene.ask(http, "GET", path, headers={"Authorization": f"Bearer {VALUES['ANA']}"})
    await scene.app.stop()


async def _every_route(scene: Scene, http: aiohttp.ClientSession) -> None:
    """With no secret, and with one where it belongs and where it does not."""
    routes = {(r.method, r.resource.canonical) for r in scene.app._server.app.router.routes() if r.resource}
    assert len(routes) > 15
    for method, path in sorted(routes):
        at = re.sub(r"\{number.*?\}", "1", path).replace("{source}", "bearer").replace("{path}", "x").replace("{id}", "1")
        at = re.sub(r"\{\w+\}", "x", at)
        if at == "/console/events":
            continue  # a stream; _people reads it
        for headers in ({}, {"Authorization": f"Bearer {VALUES['ANA']}"}, {"Authorization": f"Bearer {VALUES['BEARER']}"}):
            for body in BODIES if method == "POST" else (None,):
                await scene.ask(http, method, at, headers=headers, data=body)
        scene.app._attempts._of.clear()  # so that the limit of wrong tokens does not hide the rest


async def _senders(scene: Scene, http: aiohttp.ClientSession) -> None:
    """Each way to prove who sends, right and wrong in several ways."""
    wrong = [f"Bearer {value}" for value in VALUES.values()]
    wrong += [VALUES["BEARER"], f"Basic {VALUES['PASSWORD']}", f"Digest {VALUES['BEN']}"]
    for value in wrong:
        for source in ("bearer", "basic", "hmac", "timed", "header", "md5", "key", "standard"):
            headers = {"Authorization": value, "X-Token": value, "X-Sign": value, "X-Time": value, "X-Hub-Signature-256": value}
            await scene.ask(http, "POST", f"/webhooks/{source}", data=GOOD, headers=headers)
        await scene.ask(http, "POST", "/api/v2/alerts", data=b"[]", headers={"Authorization": value})
        scene.app._attempts._of.clear()
    headers = {"Authorization": aiohttp.encode_basic_auth("prom", VALUES["PASSWORD"])}
    assert await scene.ask(http, "POST", "/webhooks/basic", data=GOOD, headers=headers) == 200
    signature = hmac.new(VALUES["HMAC"].encode(), b'{"alertname": "Signed"}', "sha256").hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={signature}"}
    assert await scene.ask(http, "POST", "/webhooks/hmac", data=b'{"alertname": "Signed"}', headers=headers) == 200
    await _addresses(scene, http)
    token = hashlib.md5(f"cake{VALUES['MD5']}".encode()).hexdigest()
    for sent, status in ((token, 200), (VALUES["MD5"], 401)):
        form = {"Token": sent, "Name": "Shop", "Status": "Down"}
        assert await scene.ask(http, "POST", "/webhooks/md5", data=form) == status
    event = {"event_action": "trigger", "payload": {"summary": "s", "source": "s", "severity": "error"}}
    for sent, status in ((VALUES["KEY"], 202), (f"x{VALUES['KEY']}", 401)):
        for place in ("/v2/enqueue", "/webhooks/key"):
            found = await scene.ask(http, "POST", place, json={"routing_key": sent, **event})
            assert (found == 202) == (status == 202), (place, found)
    headers = {"X-Token": VALUES["HEADER"]}
    assert await scene.ask(http, "POST", "/webhooks/header", data=b'{"alertname": "Header"}', headers=headers) == 200
    await scene.ask(http, "POST", "/slack/dead/events", data=b"{}", headers={"X-Slack-Signature": f"v0={VALUES['SIGNING']}"})


async def _addresses(scene: Scene, http: aiohttp.ClientSession) -> None:
    """Secrets that stand in an address: right, wrong, in the wrong place, and while something breaks."""
    path, query = VALUES["PATH"], f"?token={VALUES['QUERY']}"
    for place in (f"path/{path}", f"path/{path}/api/v2/alerts", f"query{query}", f"query/below{query}"):
        body = b"[]" if place.endswith("alerts") else GOOD
        assert (await _answer(scene, http, "POST", place, body)).startswith("200 "), place
    for method in ("POST", "PUT", "GET", "HEAD", "OPTIONS", "DELETE", "PATCH"):
        for place in (
            f"path/x{path}",
            f"path/x/{path}",
            f"path/{path}{query}",
            f"hmac/{path}",
            f"query/{path}{query}x",
            f"no/{path}",
        ):
            for body in BODIES:
                await _answer(scene, http, method, place, body)
        scene.app._attempts._of.clear()
    with patch.object(scene.app.intake, "take", side_effect=RuntimeError("broken")):
        for place in (f"path/{path}/more", f"query{query}"):
            assert (await _answer(scene, http, "POST", place, GOOD)).startswith("500 ")


async def _answer(scene: Scene, http: aiohttp.ClientSession, method: str, place: str, body: bytes) -> str:
    """Kept without the address that was asked, which is the only place for the secret."""
    async with http.request(method, f"/webhooks/{place}", data=body, allow_redirects=False) as answer:
        found = scene.out[f"{method} {len(scene.out)}"] = f"{answer.status} {dict(answer.headers)} {await answer.text()}"
    return found


async def _broken_http(scene: Scene) -> None:
    """aiohttp's own complaint quotes the line that it cannot read."""
    for line in (f"Authorization: Bearer {VALUES['BEARER']}\x01", f"Bad {VALUES['BEARER']}", f"X: {VALUES['ANA'] * 900}"):
        reader, writer = await asyncio.open_connection("127.0.0.1", scene.app.port)
        writer.write(f"POST /webhooks/bearer HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n".encode())
        told = await reader.read()
        assert b" 400 " in told.splitlines()[0]
        scene.out[f"broken HTTP {len(scene.out)}"] = told.partition(b"\r\n\r\n")[0].decode()  # its body goes to who sent it
        writer.close()
        await writer.wait_closed()


async def _people(scene: Scene, http: aiohttp.ClientSession) -> None:
    """The console and the API, as somebody who may see all; what they type at the sign-in, right and wrong."""
    for token in (VALUES["BEARER"], VALUES["BOT"], f"{VALUES['ANA']}x", VALUES["ANA"]):
        async with await sign_in(http, token) as answer:
            scene.out[f"sign-in {len(scene.out)}"] = f"{answer.headers} {await answer.text()}"
    async with http.get("/") as page:
        text = scene.out["console"] = await page.text()
    for line in ("whoami", "help", "incidents", "incident 1", "why 1", "ack 1", "silence #1 2h", "requests", "reveal 1 so", "x"):
        form = {"csrf": csrf_of(text), "text": line, "channel": "ops"}
        assert await scene.ask(http, "POST", "/console/command", data=form) == 303
        await scene.ask(http, "GET", "/")
        told = json.dumps({"text": line})
        assert await scene.ask(
            http, "POST", "/api/v1/commands", data=told, headers={"Authorization": f"Bearer {VALUES['ANA']}"}
        ) == 200  # fmt: skip
        await scene.slack.slash("U01ANA", "C0OPS", "/tocsin", line)
    async with http.get("/console/events?channel=ops") as stream:
        scene.out["events"] = (await stream.content.readany()).decode()
    cookies = {cookie.value for cookie in http.cookie_jar}
    scene.out["cookies"] = " ".join(where for where in cookies if where in scene.out["events"] + text)
    assert not scene.out["cookies"].strip() or MARK not in scene.out["cookies"]


async def _failing_chats(scene: Scene, http: aiohttp.ClientSession) -> None:
    """One with a dead token, one that answers nonsense: what is told of it in /readyz, on cards and in the log."""
    scene.server.script = Script([Fault(kind="status", status=500), Fault(kind="lose", times=2)])
    alert = {"alerts": [{"status": "firing", "labels": {"alertname": "Lost", "severity": "critical"}}]}
    await scene.ask(http, "POST", "/webhooks/bearer", json=alert, headers={"Authorization": f"Bearer {VALUES['BEARER']}"})

    async def told() -> bool:
        return "lost" in await scene.app.store.read(deliveries.failing)

    await until(told)
    await scene.ask(http, "GET", "/readyz")
    scene.server.script = Script([])


async def _reloads(scene: Scene, http: aiohttp.ClientSession) -> None:
    """A secret wherever it makes the config wrong: every refusal is told in /readyz, the log and on a card."""
    good = scene.config.read_text()
    spare = '"${PLANT_SPARE}"'
    for old, new in (
        ("channels: [ops, chat, work, lost, guild, letters]", f"channels: [{spare}]"),
        ("{type: console}", f"{{type: {spare}}}"),
        ("clearance: restricted", f"clearance: {spare}"),
        ("name: Ana Petrova", f"nam: {spare}, name: {spare}"),
        ("listen: 127.0.0.1:0", f"listen: {spare}"),
        ("tocsin.db", "${PLANT_DATABASE}"),
        ('"${PLANT_BEN}"', '"${PLANT_ANA}"'),
        ("reveal: {groups: [sre]", f"reveal: {{groups: {spare}"),
        ("group_wait: 0s", f"group_wait: {spare}"),
        ("['team=\"payments\"']", f"[{spare}]"),
        ('auth: {hmac: "${PLANT_HMAC}"}', f"auth: {spare}"),
        ("listen:", "redact: [{name: own, pattern: '(${PLANT_SPARE}', below: restricted}]\nlisten:"),
        ("listen:", f"tls: {{certificate: {spare}, key: {spare}}}\nlisten:"),
    ):
        assert old in good
        await asyncio.to_thread(scene.config.write_text, good.replace(old, new, 1))
        assert not await scene.app.reload(), new
        await scene.ask(http, "GET", "/readyz")
        scene.out[f"check {new}"] = await asyncio.to_thread(_run, "check", scene.config)
    await asyncio.to_thread(scene.config.write_text, good)
    assert await scene.app.reload()


async def _our_own_fault(scene: Scene, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback, with all that an error of ours could quote, and secrets in its local variables."""
    config = scene.app.config

    async def fails(*_: object) -> Any:
        secret = VALUES["SPARE"]
        parts = [config, config.people, *config.sources.values(), *config.chats.values()]
        shown = [text for one in parts for text in (repr(one), str(one), f"{one!r:>9}")] + [config.model_dump_json()]
        raise RuntimeError(f"{len(secret)} {shown}")

    monkeypatch.setattr(scene.app.health, "metrics", fails)
    assert await scene.ask(http, "GET", "/metrics") == 500
    monkeypatch.undo()


COMMANDS = (
    "check", "check --json", "explain alertname=A", "explain alertname=A team=payments --json", "doctor", "doctor --json",
    "schema", "send alertname=A --source bearer", "send alertname=A --source path", "send alertname=A --source query",
    "send alertname=A --source basic", "slack-manifest", "audit verify",
    "audit export", "audit export --format csv", "access team=payments", "run",
)  # fmt: skip


def _run(line: str, config: Path) -> str:
    """What a command prints, its exit code and its error."""
    options = [] if line == "schema" else ["-c", str(config)]
    result = CliRunner().invoke(command_line, [*line.split(), *options], env={**ENV, "COLUMNS": "200"})
    return f"{result.output} {result.stderr} {result.exception!r}"


async def test_no_command_prints_a_secret(scene: Scene) -> None:
    """On a store that is there, on one whose password is a canary and that is not, and with the configuration broken."""
    await scene.app.start()
    url = f"http://127.0.0.1:{scene.app.port}"
    async with aiohttp.ClientSession(url) as http:
        for token in ("ANA", "BEN"):
            await scene.ask(http, "GET", "/api/v1/incidents", headers={"Authorization": f"Bearer {VALUES[token]}"})
        bearer = {"Authorization": f"Bearer {VALUES['BEARER']}"}
        await scene.ask(http, "POST", "/webhooks/bearer", data=GOOD, headers=bearer)
    await until(lambda: _called(scene))
    await scene.app.stop()
    good = scene.config.read_text()
    away = re.sub("store: .*", "store: postgresql://tocsin:${PLANT_DATABASE}@127.0.0.1:1/tocsin", good)
    broken = good.replace("channels: [ops, chat, work, lost, guild, letters]", 'channels: ["${PLANT_SPARE}"]')
    for line in COMMANDS:
        for text in (away, broken, *([good] if line != "run" else [])):
            await asyncio.to_thread(scene.config.write_text, text)
            scene.out[f"{line} {len(scene.out)}"] = told = await asyncio.to_thread(_run, line, scene.config)
            assert told


async def _called(scene: Scene) -> bool:
    return bool(scene.server.posts) and len(scene.slack.web.requests) > 3 and len(scene.discord.requests) > 3
