"""What `tocsin send --as` makes of a sample: its times, its proof, the words when it cannot be sent."""

from __future__ import annotations

import re
from typing import Any

import pytest

from adapters import registry
from adapters.fields import parse_time
from adapters.signature import GITHUB
from adapters.source import Rejected, Request
from bot.cli.proof import prove
from bot.cli.sample import CannotSend, kinds, sample_of
from bot.cli.shift import just_now, moved, times
from tests.bot.test_cli import Bot, Outcome
from tests.bot.test_cli import bot as bot
from tests.bot.test_cli import config as config

A_YEAR = 365 * 86400


@pytest.mark.parametrize(
    ("written", "later"),
    [
        ("2026-03-02T11:58:03Z", "2027-03-02T11:58:03Z"),
        ("2026-03-02T11:58:03.478445995Z", "2027-03-02T11:58:03.478445995Z"),
        ("2026-03-02T12:58:03.157076+01:00", "2027-03-02T12:58:03.157076+01:00"),
        ("2026-03-02T11:58:31.207+0000", "2027-03-02T11:58:31.207+0000"),
        ('{"at": "2026-03-02 11:58:03 UTC"}', '{"at": "2027-03-02 11:58:03 UTC"}'),
        ("2026-03-02 11:58:03", "2027-03-02 11:58:03"),
        ("2026.03.02 11:58:03", "2027.03.02 11:58:03"),
        ("2026/03/02 11:58:03.5", "2027/03/02 11:58:03.5"),
        ('{\\"at\\":\\"2026-03-02T11:58:03Z\\"}', '{\\"at\\":\\"2027-03-02T11:58:03Z\\"}'),
        ("1772452683", "1803988683"),
        ('"1772452683352"', '"1803988683352"'),
        ("[1772452683352001]", "[1803988683352001]"),
        ("1772452683478445995,", "1803988683478445995,"),
        ("1772452683.352", "1803988683.352"),
        ("TIMET=1772452683&X=1", "TIMET=1803988683&X=1"),
    ],
)
def test_a_time_moves_and_keeps_its_form(written: str, later: str) -> None:
    assert moved(written, A_YEAR) == later
    assert [seconds for seconds, _ in times(later)] == []


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-14T09:20:11.512+0000", "0001-01-01T00:00:00Z", "2026-03-02", "11:58:03", "2026-03-02T11:58", "1700000000",
        "123456789012", "a1772452683", "1772452683V2", "-1772452683", "9.1772452683", "17724526830", "0198a3c0-6f0c-1772452683ab",
    ],
)  # fmt: skip
def test_what_is_no_time_of_the_sample_stays(text: str) -> None:
    assert moved(text, A_YEAR) == text


def test_a_sample_happened_just_now() -> None:
    body = b'{"began": "2026-03-02T12:58:03.5+01:00", "ended": 1772453081, "local": "2026-03-02 17:58:03", "since": "2025-01-01"}'
    sent = just_now(Request("POST", "", {"ce-time": "2026-03-02T12:04:00Z"}, body, "", {"at": "1772453081"}), 1803988800.9)
    assert sent.body == (
        b'{"began": "2027-03-02T12:53:22.5+01:00", "ended": 1803988800, "local": "2027-03-02 17:53:22", "since": "2025-01-01"}'
    )
    assert (sent.headers, sent.query) == ({"ce-time": "2027-03-02T11:59:19Z"}, {"at": "1803988800"})
    assert just_now(Request("POST", "", {}, b"{}", ""), 1.0).body == b"{}"


@pytest.mark.parametrize("kind", registry.SOURCES)
def test_no_time_of_a_sample_is_to_come_or_long_over(kind: str) -> None:
    """Left are those without a zone, which are whatever the sender's clock on the wall says."""
    now = parse_time("2026-03-02T18:00:00Z")
    for resolved in (False, True):
        try:
            sent = sample_of(kind, resolved, now)
        except CannotSend:
            continue
        sure = [seconds for seconds, zoned in times(sent.body.decode()) if zoned]
        assert not sure or now - 1 < max(sure) <= now
        assert not sure or min(sure) > now - 1800


WAYS: dict[str, Any] = {
    "none": "none",
    "ip": {"ip": ["192.0.2.0/24"]},
    "bearer": {"bearer": "hush"},
    "basic": {"basic": {"user": "u", "password": "p:w"}},
    "header": {"header": {"name": "X-Token", "value": "hush"}},
    "path": {"path": "hush"},
    "query": {"query": {"name": "code", "value": "hush"}},
    "hmac": {"hmac": "hush"},
    "hmac in full": {
        "hmac": {"secret": "hush", "header": "X-Sig", "prefix": "v0=", "algorithm": "sha512", "timestamp_header": "X-At"}
    },
    "standard": {"standard": "whsec_aHVzaA=="},
}  # fmt: skip


@pytest.mark.parametrize(("kind", "path"), [("zabbix", ""), ("opsgenie", "v2/alerts"), ("grafana", "")])
@pytest.mark.parametrize("way", WAYS)
def test_each_proof_is_believed_and_asked_for(kind: str, path: str, way: str) -> None:
    cls = registry.load(registry.SOURCES[kind])
    source = cls("src", cls.config_model.model_validate({"type": kind, "auth": WAYS[way]}))
    sample = sample_of(kind, False, 1803988800.0)
    sent = prove(sample, source._config.auth, getattr(cls, "signed", GITHUB), "src", 1803988800.0)
    source.verify(arrived(sent), 1803988810.0)
    if way == "path":
        assert sent.path == f"hush/{path}".rstrip("/")
    if way not in ("none", "ip"):
        with pytest.raises(Rejected):
            source.verify(arrived(sample), 1803988810.0)


def arrived(request: Request) -> Request:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request(request.method, request.path, headers, request.body, "192.0.2.7", request.query)


CONFIG = """
chats: {console: {type: console}}
channels: {ops: {chat: console}}
sources:
  prometheus: {type: alertmanager, auth: {bearer: open-sesame}}
  search: {type: splunk, auth: {path: hush-hush}, close_after: 2h}
  web: {type: uptime_kuma, auth: none}
  shop: {type: uptime_kuma, auth: {bearer: hush}}
  mapped: {type: generic, auth: none, each: events}
  clouds: {type: aws, auth: {sns: {topics: ["arn:aws:sns:eu-west-1:123456789012:a"]}}}
route: {channels: [ops]}
"""


@pytest.fixture
def named(config: str) -> str:
    with open(config, "w", encoding="utf-8") as file:
        file.write(CONFIG)
    return config


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--as"], f"say as whom: tocsin send --as KIND, one of {kinds()}"),
        (["--as", "--resolved"], f"say as whom: tocsin send --as KIND, one of {kinds()}"),
        (["--as", "zabix"], f"zabix is no kind of source: tocsin send --as KIND, one of {kinds()}"),
        (["--as", "zabbix"], "no source of the configuration is of type zabbix; docs/sources.md has the lines to add"),
        (["--as", "uptime_kuma"], "say as which source: --source web or shop"),
        (["--as", "uptime_kuma", "--source", "search"], "search is of type splunk: --as splunk"),
        (["--as", "splunk", "--resolved"], "splunk never says that an alert is over; it ends after 2h of silence (close_after)"),
        (["--as", "aws"], "clouds takes only what Amazon SNS signed: publish to its topic instead (aws sns publish)"),
        (["--as", "splunk", "team=db"], "a sample is sent as it is: give an alert's labels, or --as"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_said_in_words(named: str, args: list[str], told: str) -> None:
    wrong = Outcome("send", "-c", named, *args)
    assert (wrong.code, wrong.out, wrong.err) == (2, "", f"✘ {told}\n")


def test_a_sample_goes_to_its_source_and_the_secret_of_the_address_is_not_shown(named: str, bot: Bot) -> None:
    sent = Outcome("send", "-c", named, "--to", bot.url, "--as", "splunk")
    assert (sent.code, sent.err) == (0, "")
    assert sent.out.startswith(f"✔ {bot.url}/webhooks/search answered 200 OK") and "Look in ops, within 10s." in sent.out
    assert "hush" not in sent.out
    [(path, headers, body)] = bot.seen
    assert (path, body["search_name"]) == ("/webhooks/search/hush-hush", "Failed logins on databases")
    assert re.match("Splunk/", headers["user-agent"])


def test_a_sample_needs_no_config_when_all_is_said(bot: Bot, tmp_path: Any) -> None:
    nowhere = ["send", "-c", str(tmp_path / "nowhere.yaml"), "--to", bot.url, "--as", "uptime_kuma"]
    assert Outcome(*nowhere).err == "✘ say as which source: --source NAME\n"
    assert Outcome(*nowhere, "--source", "web", "--token", "t", "--resolved").code == 0
    [(path, headers, body)] = bot.seen
    assert (path, headers["authorization"], body["heartbeat"]["status"]) == ("/webhooks/web", "Bearer t", 1)


def test_a_source_that_reads_other_bodies_says_so_by_its_bot(named: str, bot: Bot) -> None:
    bot.answer = (422, "each: events finds no list in the body")
    sent = Outcome("send", "-c", named, "--to", bot.url, "--as", "generic")
    assert (sent.code, sent.out) == (1, "")
    assert "/webhooks/mapped answered 422 Unprocessable Entity: each: events finds no list in the body" in sent.err
