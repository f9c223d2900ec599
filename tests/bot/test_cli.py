"""The command line as people and scripts use it: what it prints, where, and with which exit code."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli import app

ROOT = Path(__file__).parents[2]
EXAMPLE = str(ROOT / "config.example.yaml")
BROKEN = Path(__file__).parent / "broken"
CONFIG = """
chats: {console: {type: console}}
channels: {ops: {chat: console}, db: {chat: console, clearance: restricted}}
sources:
  prometheus: {type: alertmanager, auth: {bearer: open-sesame}}
  basic: {type: alertmanager, auth: {basic: {user: u, password: p}}}
  header: {type: alertmanager, auth: {header: {name: X-Token, value: hush}}}
  signed: {type: alertmanager, auth: {hmac: hush}}
  other: {type: generic, auth: none}
sensitivity: {rules: [{match: [secret="yes"], level: confidential}]}
time_intervals: {nights: [{times: [{start_time: 00:00, end_time: 06:00}]}]}
inhibit: [{source: [alertname="Down"], target: [team="db"], equal: [cluster]}]
route:
  channels: [ops]
  withheld_to: [db]
  routes:
    - {name: web, match: [team="web"]}
    - name: db
      match: [team="db"]
      mute_time_intervals: [nights]
      routes: [{name: minor, match: [severity="low"]}]
    - {name: rest, match: [team!=""]}
"""


class Outcome:
    """What a command left: `out` and `err` as printed, and its exit code."""

    def __init__(self, *args: str, stdin: str | None = None) -> None:
        result = CliRunner().invoke(app, list(args), input=stdin, env={"COLUMNS": "80", "NO_COLOR": "1"})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        self.out, self.err, self.code = result.stdout, result.stderr, result.exit_code

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return str(path)


def test_alone_it_prints_its_help() -> None:
    alone = Outcome()
    assert alone.code == 0
    assert alone.out == Outcome("--help").out
    for command in ("run", "demo", "check", "explain", "send", "doctor", "slack-manifest", "schema", "version"):
        assert f"\n  {command} " in alone.out


def test_help_starts_quickly_because_it_loads_no_engine() -> None:
    code = "import sys; from bot.cli import app; sys.exit(any(m in sys.modules for m in ('bot.config', 'sqlalchemy', 'aiohttp')))"
    started = time.perf_counter()
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
    assert time.perf_counter() - started < 5  # a hung import, not a benchmark


@pytest.mark.parametrize("args", [["bogus"], ["check", "--bogus"], ["check", "extra"], ["explain", "--at"]])
def test_a_wrong_command_line_is_exit_code_2(args: list[str]) -> None:
    wrong = Outcome(*args)
    assert (wrong.code, wrong.out) == (2, "")
    assert "Error: " in wrong.err


def test_version() -> None:
    assert Outcome("version").out == Outcome("--version").out
    assert Outcome("version").out.startswith("tocsin 0.")


def test_schema_is_json_that_knows_every_section() -> None:
    assert {"route", "sources", "chats"} <= set(Outcome("schema").json["properties"])


def test_check_of_a_sound_config(config: str) -> None:
    checked = Outcome("check", "-c", config)
    assert (checked.code, checked.err) == (0, "")
    assert (
        checked.out
        == f"""\
  sources   5: prometheus, basic, header, signed, other
  chats     1: console
  channels  2: ops, db
  routes    5
  people    0 in 0 groups
  tests     none (see docs/routing.md)
! sources.other: anybody who can reach 127.0.0.1:8080 can send alerts to it (auth: none)
✔ {config} is valid.
"""
    )


def test_check_tells_every_mistake_on_the_error_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BROKEN)
    monkeypatch.delenv("PROMETHEUS_TOKEN", raising=False)
    checked = Outcome("check", "-c", "all_twenty.yaml")
    assert (checked.code, checked.out) == (2, "")
    assert checked.err == Path("all_twenty.txt").read_text() + "✘ 20 mistakes. Nothing was started or changed.\n"
    found = Outcome("check", "--json", "-c", "all_twenty.yaml")
    assert (found.code, found.json["ok"], len(found.json["problems"])) == (2, False, 20)
    assert found.json["problems"][0]["line"] == 4


@pytest.mark.parametrize("command", [["check"], ["explain", "a=b"], ["send"], ["run"]])
def test_a_missing_config_is_exit_code_2(command: list[str], tmp_path: Path) -> None:
    missing = Outcome(*command, "-c", str(tmp_path / "nowhere.yaml"))
    assert missing.code == 2
    assert "nowhere.yaml: cannot be read (no such file or directory). Name the file with -c FILE." in missing.err


def test_a_failing_test_is_exit_code_1_with_the_walk(config: str) -> None:
    with Path(config).open("a") as file:
        file.write("tests:\n  - {name: db at night, alert: {team: db}, expect: {channels: [db], sensitivity: public}}\n")
    checked = Outcome("check", "-c", config)
    assert (checked.code, checked.err) == (1, "")
    assert checked.out.startswith(f"""\
✘ {config}:24: test: db at night
""")
    for line in (
        "  channels: expected db, got ops\n",
        "  sensitivity: expected public, got internal\n",
        "  tests     0 of 1 pass\n",
    ):
        assert line in checked.out
    assert '  ├─ ✘ web  team="web"  (team is "db")\n  └─ ✔ db  team="db"  ← takes it\n' in checked.out
    found = Outcome("check", "--json", "-c", config).json
    assert [(failure["line"], failure["aspect"]) for failure in sorted(found["failures"], key=lambda f: f["aspect"])] == [
        (24, "channels"),
        (24, "sensitivity"),
    ]


def test_explain_tells_the_walk_and_all_that_follows(config: str) -> None:
    args = ["explain", "-c", config, "--at", "2026-01-06T03:00:00Z", "team=db", "alertname=PgDown", "secret=yes"]
    assert (
        Outcome(*args).out
        == """\
team=db alertname=PgDown secret=yes
at Tue 2026-01-06 03:00 UTC

  ✔ root
  ├─ ✘ web  team="web"  (team is "db")
  └─ ✔ db  team="db"  ← takes it
     └─ ✘ minor  severity="low"  (severity is not set)

route db
  channels     ops, db
  sensitivity  confidential: only a stub in ops (clearance internal)
               in full in db, only while it is verified
  incident     one for all alerts with alertname=PgDown
  timing       first card after 10s, further alerts every 1m,
               reminder every 4h; closes after 30s of quiet,
               reopens within 10m
  muted        yes: time interval nights, until Tue 2026-01-06 06:00 UTC
               (it would be, while alertname="Down" with the same cluster fires)
"""
    )


def test_explain_for_scripts(config: str) -> None:
    args = ["explain", "--json", "-c", config, "--at", "1767668400", "team=db", "secret=yes"]
    [found] = Outcome(*args).json
    assert (found["at"], found["channels"], found["withheld"]) == (1767668400.0, ["ops", "db"], ["ops"])
    assert (found["muted"], found["routes"][0]["muted"]["until"]) == ("muted_by_time_interval", 1767679200.0)
    assert found["walk"][1] == {"route": "web", "depth": 1, "matched": False, "failed": 'team="web"'}


@pytest.mark.parametrize(
    ("text", "routes"),
    [
        ('{"team": "db", "shard": 7}', ["db"]),
        ('{"labels": {"team": "web"}, "annotations": {}}', ["web"]),
        ('{"version": "4", "alerts": [{"labels": {"team": "web"}}, {"labels": {"team": "db"}}]}', ["web", "db"]),
        ('[{"labels": {}}]', ["root"]),
    ],
)
def test_explain_reads_json_from_a_file_or_the_standard_input(config: str, tmp_path: Path, text: str, routes: list[str]) -> None:
    file = tmp_path / "alert.json"
    file.write_text(text)
    for found in (
        Outcome("explain", "--json", "-c", config, str(file)),
        Outcome("explain", "--json", "-c", config, "-", stdin=text),
        Outcome("explain", "--json", "-c", config, stdin=text),
    ):
        assert [alert["routes"][0]["route"] for alert in found.json] == routes


@pytest.mark.parametrize(
    ("args", "stdin", "told"),
    [
        (["nowhere.json"], None, '"nowhere.json" is neither label=value nor a file that can be read (No such file or directory)'),
        (["a=b", "c"], None, '"c" is no label: write label=value, such as team=db'),
        (["=b"], None, '"=b" has no label name: write label=value, such as team=db'),
        ([], "", "this is not JSON"),
        ([], "[" * 100_000, "this is not JSON"),
        ([], "[]", "there is no alert in it"),
        ([], '{"alerts": [5]}', "this is no alert"),
        ([], '{"labels": {"a": []}}', "this is no alert"),
        (["a=b", "--at", "yesterday"], None, '"yesterday" is not a time: write it such as 2026-01-06T03:00:00Z'),
    ],
)
def test_what_is_no_alert_is_exit_code_2(config: str, args: list[str], stdin: str | None, told: str) -> None:
    wrong = Outcome("explain", "-c", config, *args, stdin=stdin)
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err.startswith("✘ ")
    assert told in wrong.err


class Bot(HTTPServer):
    """Answers as told, and remembers what it was sent."""

    answer: tuple[int, str] = (200, '{"status":"ok"}')

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, dict[str, str], Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Bot

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        status, text = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def bot() -> Generator[Bot]:
    with Bot() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_send_posts_a_sample_as_the_first_source_and_says_where_to_look(config: str, bot: Bot) -> None:
    sent = Outcome("send", "-c", config, "--to", bot.url, "alertname=PgDown", "team=db")
    assert (sent.code, sent.err) == (0, "")
    assert sent.out.startswith(f'✔ {bot.url}/webhooks/prometheus answered 200 OK: {{"status":"ok"}}\n  Look in ops, within 10s.')
    [(path, headers, body)] = bot.seen
    assert (path, headers["authorization"]) == ("/webhooks/prometheus", "Bearer open-sesame")
    [alert] = body["alerts"]
    assert (alert["status"], alert["labels"]) == ("firing", {"alertname": "PgDown", "team": "db"})


def test_what_is_sent_is_what_the_source_understands(config: str, bot: Bot) -> None:
    from adapters.source import Request
    from adapters.sources.alertmanager import Alertmanager
    from bot.config import load

    settings: Any = load(config, {}).sources["prometheus"]
    for extra in ([], ["--resolved"]):
        Outcome("send", "-c", config, "--to", bot.url, "team=db", *extra)
        path, headers, body = bot.seen[-1]
        source = Alertmanager("prometheus", settings)
        request = Request("POST", path, headers, json.dumps(body).encode(), "127.0.0.1")
        source.verify(request, time.time())
        batch = source.parse(request, time.time())
        assert [(report.firing, report.open().labels, batch.bad) for report in batch.reports] == [(not extra, {"team": "db"}, [])]


def test_send_without_a_config_needs_only_the_address(bot: Bot, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere.yaml")
    sent = Outcome("send", "-c", nowhere, "--to", bot.url + "/", "--token", "t", "team=db", "--resolved")
    assert sent.code == 0
    [(path, headers, [alert])] = bot.seen
    assert (path, headers["authorization"]) == ("/api/v2/alerts", "Bearer t")
    assert alert["labels"] == {"team": "db"}
    assert alert["endsAt"]


@pytest.mark.parametrize(
    ("source", "header", "value"),
    [
        ("basic", "authorization", "Basic dTpw"),
        ("header", "x-token", "hush"),
        ("signed", "x-hub-signature-256", "sha256=[0-9a-f]{64}"),
    ],
    ids=["basic", "header", "signed"],
)
def test_send_proves_who_it_is_as_the_source_wants(config: str, bot: Bot, source: str, header: str, value: str) -> None:
    assert Outcome("send", "-c", config, "--to", bot.url, "--source", source).code == 0
    assert re.fullmatch(value, bot.seen[0][1][header])


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("nobody", "say as which source: --source prometheus or basic or header or signed or other"),
        ("other", "other is of type generic; its own sample: --as generic"),
    ],
)
def test_send_says_what_it_cannot_do(config: str, source: str, told: str) -> None:
    wrong = Outcome("send", "-c", config, "--source", source)
    assert (wrong.code, wrong.err) == (2, f"✘ {told}\n")


def test_send_tells_a_refusal_and_never_the_token(config: str, bot: Bot) -> None:
    bot.answer = (401, "Authorization: the token is wrong")
    refused = Outcome("send", "-c", config, "--to", bot.url)
    assert (refused.code, refused.out) == (1, "")
    assert "answered 401 Unauthorized: Authorization: the token is wrong" in refused.err
    assert "Else give" in refused.err or "--token" in refused.err
    assert "sesame" not in refused.err


def test_send_to_nobody(config: str) -> None:
    with Bot() as closed:
        url = closed.url
    alone = Outcome("send", "-c", config, "--to", url)
    assert (alone.code, alone.err) == (1, f"✘ nothing answers at {url}. Is the bot running? Start it with: tocsin run\n")
    assert Outcome("send", "-c", config, "--to", "not a url").code == 1


def test_output_is_plain_in_a_pipe() -> None:
    run = [sys.executable, "-m", "bot.cli", "check", "-c", EXAMPLE]
    piped = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert piped.returncode == 0, piped.stderr
    assert "\x1b" not in piped.stdout


def test_output_survives_a_terminal_without_check_marks() -> None:
    run: list[str | bytes] = [sys.executable, "-m", "bot.cli", "explain", "-c", EXAMPLE, b"team=d\xffb"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    plain = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert (plain.returncode, plain.stderr) == (0, "")
    assert "team=d?b" in plain.stdout


def test_an_alert_cannot_steer_the_terminal(config: str) -> None:
    text = json.dumps({"team": "\x1b[2J\x9b31m\r\nroute evil", "half": "\ud800"})
    shown = Outcome("explain", "-c", config, stdin=text).out
    assert shown.startswith("team=\ufffd[2J\ufffd31m\ufffd\ufffdroute evil half=?\n")
    assert Outcome("explain", "--json", "-c", config, stdin=text).code == 0
