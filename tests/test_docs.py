"""README and docs/ say what is true: links lead somewhere, configs load, commands answer what is written, nothing is left out."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import typer.core
import typer.main
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it brings no types
from prometheus_client.metrics import MetricWrapperBase

from adapters import registry
from bot import metrics
from bot.alertmanager.api import Alertmanager
from bot.api import Api
from bot.app import App
from bot.cli import app as command_line
from bot.config import load
from bot.config.schema import json_schema
from bot.pages import Pages
from bot.web import Web
from rules.command import VERBS, parse
from rules.duration import parse_duration
from tests import sources_page
from tests.stories.until import until

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {str(page.relative_to(ROOT)): page.read_text() for page in PAGES}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[Any]:
    """Every fenced block of a language, as parameters: page, text."""
    return [
        pytest.param(page, match[2], id=f"{page}:{text[: match.start()].count(chr(10)) + 1}")
        for page, text in TEXTS.items()
        for match in FENCE.finditer(text)
        if match[1] == language
    ]


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table whose head begins with `heading`, without head and rule."""
    table = TEXTS[page][TEXTS[page].index(f"| {heading}") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in table]


def anchors(text: str) -> set[str]:
    """The anchors GitHub makes of headings."""
    found = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_somewhere(page: str) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", TEXTS[page])):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (ROOT / page).parent / file if file else ROOT / page
        if not path.exists() or (anchor and anchor not in anchors(path.read_text())):
            broken.append(target)
    assert broken == []


def test_every_page_is_linked_from_the_readme() -> None:
    assert [page for page in TEXTS if page != "README.md" and f"({page})" not in TEXTS["README.md"]] == []


def test_the_picture_is_a_picture() -> None:
    assert (ROOT / "docs/console.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_the_readme_names_every_source_and_chat() -> None:
    tables = rows("README.md", "alerts come from"), rows("README.md", "people read them in")
    named = [sorted(word for row in table for word in re.findall("`(\\w+)`", row[1])) for table in tables]
    assert named == [sorted(registry.SOURCES), sorted(registry.CHATS)]


def test_the_page_of_sources_is_made_of_the_sources() -> None:
    assert TEXTS["docs/sources.md"] == sources_page.page(), "write it anew: make docs"


@pytest.mark.parametrize("kind", registry.SOURCES)
def test_every_source_says_how_to_set_its_sender_up(kind: str) -> None:
    entry = sources_page.Entry(kind)
    assert "{url}" in entry.setup
    assert not re.search(r"\{(url|secret)\}", entry.instructions)
    assert "THE-SECRET" in entry.instructions or kind in ("aws", "sentry"), "the sender makes it"
    assert len(entry.setup.splitlines()) <= 20


def test_the_readme_names_only_tests_that_exist() -> None:
    guarantees = re.findall(r"^- \*\*(G\d) (.+)$", TEXTS["README.md"], re.MULTILINE)
    assert [name for name, _ in guarantees] == [f"G{n}" for n in range(1, 9)]
    for _, line in guarantees:
        check_named_tests(line)


def check_named_tests(line: str) -> None:
    """Each test that the line names is one, and it names at least one."""
    named = re.findall(r"\[`(test_\w+)`\]\((?:\.\./)?(tests/[\w/]+\.py)\)", line)
    assert named and len(named) == line.count("`test_"), line
    for test, file in named:
        assert test in {node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if hasattr(node, "name")}, line


def test_every_threat_names_the_test_that_shows_it_stopped() -> None:
    tables = TEXTS["docs/security.md"].split("| who could try what | what stops it | what does not | shown by |\n")[1:]
    threats = [line for table in tables for line in table.split("\n\n")[0].splitlines()[1:]]
    assert len(tables) == 3 and len(threats) > 30
    for line in threats:
        threat, stops, _, shown_by = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
        assert threat and stops
        check_named_tests(shown_by)


# --- Configurations -------------------------------------------------------------------------------------------------

BASE = """
people: {ana: {name: Ana Petrova, token: a}, ben: {name: Ben Okafor, token: b}, cleo: {name: Cleo Marsh, token: c}}
groups: {sre: {members: [ana], clearance: restricted}, dba: {members: [ben]}, web: {members: [cleo]}}
permissions: [{allow: ["*"], groups: [sre]}]
admin: {groups: [sre], channel: ops}
chats: {console: {type: console}}
channels:
  ops: {chat: console}
  db: {chat: console}
  web: {chat: console}
  vault: {chat: console, clearance: restricted, audience: [sre]}
sources:
  prometheus: {type: alertmanager, auth: {bearer: token-of-prometheus}}
time_intervals: {business-hours: [{times: [{start_time: "09:00", end_time: "17:00"}]}]}
route: {channels: [ops]}
"""
OTHERS = {"prometheus.yml": ["promtool", "check", "config"], "rules.yml": ["promtool", "check", "rules"],
          "alertmanager.yml": ["amtool", "check-config"]}  # fmt: skip


class AnySecret(dict[str, str]):
    """An environment that has every variable."""

    def get(self, name: str, default: Any = None) -> str:
        return f"secret-{name}"


def laid_over(base: Any, more: Any) -> Any:
    """`more` wins; mappings are merged."""
    if isinstance(base, Mapping) and isinstance(more, Mapping):
        return {**base, **{key: laid_over(base.get(key), value) for key, value in more.items()}}
    return more


@pytest.mark.parametrize(("page", "text"), blocks("yaml"))
def test_every_config_loads(page: str, text: str, tmp_path: Path) -> None:
    """On top of BASE. What belongs to another program says so in its first line."""
    other = next((name for name in OTHERS if text.startswith(f"# {name}")), None)
    if other:
        check_other(other, text, tmp_path)
        return
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "db.yaml").write_text("routes: []")
    config = yaml.safe_dump(laid_over(yaml.safe_load(BASE), yaml.safe_load(text)), sort_keys=False)
    (tmp_path / "config.yaml").write_text(re.sub(r"\$\{file:[^}]+\}", "${FROM_A_FILE}", config))
    load(tmp_path / "config.yaml", AnySecret())


def test_the_schema_takes_every_source() -> None:
    checks = Draft202012Validator(json_schema())
    for kind in registry.SOURCES:
        config = laid_over(yaml.safe_load(BASE), yaml.safe_load(sources_page.Entry(kind).yaml))
        assert [error.message for error in checks.iter_errors(config)] == []
        config["sources"][kind]["close_afterr"] = "1h"
        assert not checks.is_valid(config)


def check_other(name: str, text: str, folder: Path) -> None:
    (folder / name).write_text(text)
    try:
        done = subprocess.run([*OTHERS[name], name], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        assert isinstance(yaml.safe_load(text), dict)
    else:
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("page", "text"), blocks("json"))
def test_json_is_json(page: str, text: str) -> None:
    json.loads(text)


# --- The command line -----------------------------------------------------------------------------------------------

COMMAND_LINE = typer.main.get_command(command_line)


def named_commands() -> Iterator[tuple[str, str]]:
    """(page, what follows `tocsin`) of each command line in code."""
    for page, text in TEXTS.items():
        code = "\n".join(match[2] for match in FENCE.finditer(text)) + "\n" + "\n".join(re.findall(r"`([^`\n]+)`", text))
        for found in re.findall(r"^(?:\$ |ExecStart\w*=)?(?:\S*bin/)?tocsin (.+)$", code, re.MULTILINE):
            if not page.endswith("commands.md"):
                yield page, found.split("#")[0].split(" > ")[0]


def test_every_command_line_exists() -> None:
    known = dict(COMMAND_LINE.commands)  # type: ignore[attr-defined]  # a group, as typer made it
    for name, group in list(known.items()):
        known |= {f"{name} {below}": command for below, command in getattr(group, "commands", {}).items()}
    unknown = []
    for page, line in named_commands():
        name, *rest = line.split()
        if isinstance(known.get(name), typer.core.TyperGroup):
            name, rest = f"{name} {rest[0]}", rest[1:]
        options = [word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
        offered = {option for parameter in known[name].params for option in parameter.opts} if name in known else set()
        if name not in known or not {*options} <= offered:
            unknown.append((page, line))
    assert unknown == []
    assert len(list(named_commands())) > 10


# --- Commands in chat -----------------------------------------------------------------------------------------------


def test_every_verb_has_its_usage() -> None:
    headings = re.findall(r"^### `(.+)`\n\n(.+)$", TEXTS["docs/commands.md"], re.MULTILINE)
    assert [usage for usage, _ in headings] == [verb.usage for verb in VERBS.values()]
    for (_, text), verb in zip(headings, VERBS.values(), strict=True):
        assert text.lower().startswith(verb.summary)


def test_every_command_in_the_docs_is_one() -> None:
    for _, text in (param.values for param in blocks("text")):
        for line in re.findall(r"^> (.+)$", str(text), re.MULTILINE):
            if "I do not know" not in str(text):  # there it is meant
                parse(line)


STAGE = laid_over(yaml.safe_load(BASE), {
    "listen": "127.0.0.1:0",
    "route": {"group_wait": "0s", "resolve_after": "0s", "routes": [
        {"name": "databases", "match": ['team="db"'], "channels": ["db"]},
    ]},
})  # fmt: skip
NOISE = [{"alertname": f"Noise{n}"} for n in range(41)]
PLAY = [
    ({"alertname": "PgDown", "cluster": "eu1", "severity": "critical", "team": "db"}, "orders-db does not answer"),
    ({"alertname": "SlowPages", "severity": "warning", "team": "web"}, "pages are slow"),
]
VARYING = re.compile(r"\b[0-9a-f]{6}\b|\b[0-9]{2}:[0-9]{2}\b")


class Stage:
    """A Tocsin that holds the incidents 42 and 43 of docs/commands.md, seven minutes old."""

    def __init__(self, app: App, http: aiohttp.ClientSession) -> None:
        self._app, self._http = app, http

    async def post(self, path: str, token: str, body: Any) -> Any:
        bearer = {"Authorization": f"Bearer {token}"}
        async with self._http.post(f"http://127.0.0.1:{self._app.port}{path}", json=body, headers=bearer) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def alerts(self, status: str, *alerts: Any) -> None:
        listed = [{"status": status, "labels": labels, "annotations": {"summary": summary}} for labels, summary in alerts]
        await self.post("/webhooks/prometheus", "token-of-prometheus", {"alerts": listed})

    async def say(self, line: str) -> str:
        return str((await self.post("/api/v1/commands", "a", {"text": line}))["text"])


async def test_commands_answer_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**STAGE, "store": f"sqlite:///{tmp_path}/tocsin.db"}))
    now = [1_790_000_000.0]
    app = App(load(tmp_path / "config.yaml"), tmp_path / "config.yaml", clock=lambda: now[0])
    await app.start()
    try:
        async with aiohttp.ClientSession() as http:
            stage = Stage(app, http)
            for labels in NOISE:
                await stage.alerts("firing", (labels, "noise"))
            await stage.alerts("resolved", *((labels, "noise") for labels in NOISE))
            for one in PLAY:
                await stage.alerts("firing", one)
            await until(lambda: shown(stage))
            now[0] += parse_duration("7m")
            app.wake()
            await play(stage, TEXTS["docs/commands.md"])
    finally:
        await app.stop()


async def shown(stage: Stage) -> bool:
    return "db: shown at" in await stage.say("incident 42") and "No incident" not in await stage.say("incidents")


async def play(stage: Stage, text: str) -> None:
    """Types every `> line` of the page in turn and compares the answer, times and ids of silences aside."""
    ids: dict[str, str] = {}
    for block in (match[2] for match in FENCE.finditer(text) if match[1] == "text"):
        for part in re.split(r"^> ", block, flags=re.MULTILINE)[1:]:
            line, _, wanted = part.partition("\n")
            for written, real in ids.items():
                line = line.replace(written, real)
            await until(lambda: shown(stage))
            answer = await stage.say(line)
            assert VARYING.sub("…", answer) == VARYING.sub("…", wanted.strip()), line
            ids |= dict(zip(VARYING.findall(wanted), VARYING.findall(answer), strict=True))


# --- Lists that must be whole ---------------------------------------------------------------------------------------


def test_every_metric_is_listed() -> None:
    listed = {row[0].strip("`"): row[1] for row in rows("docs/operate.md", "metric")}
    known = {}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            family = next(iter(metric.describe()))
            name = f"{family.name}_total" if family.type == "counter" else family.name
            known[name] = ", ".join(metric._labelnames)
    assert listed == known


def test_every_endpoint_is_listed() -> None:
    nothing: Any = None
    listed = [row[0].strip("`") for row in rows("docs/api.md", "method and path")]
    api = Api(nothing, nothing, nothing, nothing, nothing)
    app = Web(nothing, dict, nothing, api, nothing, nothing, registry.APIS).application([])
    app.add_routes(Pages(nothing, nothing, nothing, nothing).routes())
    app.add_routes(Alertmanager(nothing, nothing, nothing, nothing, nothing, nothing, 0.0).routes())
    known = [f"{route.method} {route.resource.canonical}" for route in app.router.routes() if route.resource]
    wanted = {line for line in known if not line.startswith("HEAD") and line != "GET /incidents/{number}"}
    assert {*listed} == wanted
