"""What the configuration decides about an alert, and the tests and warnings it carries."""

from pathlib import Path

import pytest

from bot.config import Config, load
from bot.config.check import run_tests, warnings
from bot.config.decision import decide
from bot.config.moment import format_moment, parse_moment
from rules.change import Kind

CONFIG = """
chats: {console: {type: console}}
channels:
  ops: {chat: console}
  db: {chat: console, clearance: confidential}
  vault: {chat: console, clearance: restricted}
sources: {prometheus: {type: alertmanager, auth: {ip: [127.0.0.1]}}}
sensitivity:
  rules:
    - {match: [secret="yes"], level: confidential}
    - {match: [secret="very"], level: restricted}
time_intervals: {nights: [{times: [{start_time: 00:00, end_time: 06:00}]}]}
route:
  channels: [ops]
  withheld_to: [vault]
  group_by: [alertname]
  routes:
    - {name: all, match: [copy="yes"], channels: [vault], continue: true}
    - {name: db, match: [team="db"], channels: [db, ops], mute_time_intervals: [nights]}
    - {name: nowhere, match: [team="x"], channels: [ops], withheld_to: []}
tests:
"""
NIGHT, DAY = parse_moment("2026-01-06T03:00:00Z"), parse_moment("2026-01-06T12:00:00Z")


def config_with(tmp_path: Path, text: str = "  []") -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG + text)
    return load(path, {})


@pytest.mark.parametrize(
    ("labels", "channels", "withheld"),
    [
        ({}, ["ops"], []),
        ({"team": "db"}, ["db", "ops"], []),
        ({"team": "db", "secret": "yes"}, ["db", "ops", "vault"], ["ops"]),
        ({"team": "db", "secret": "very"}, ["db", "ops", "vault"], ["db", "ops"]),
        ({"secret": "very", "copy": "yes"}, ["vault"], []),
        ({"team": "x", "secret": "yes"}, ["ops"], ["ops"]),
    ],
)
def test_a_card_goes_to_each_channel_and_where_it_is_withheld_to(
    tmp_path: Path, labels: dict[str, str], channels: list[str], withheld: list[str]
) -> None:
    decision = decide(config_with(tmp_path), labels, None)
    assert (list(decision.channels), list(decision.withheld)) == (channels, withheld)


def test_an_alert_is_muted_only_if_every_route_that_takes_it_is(tmp_path: Path) -> None:
    config = config_with(tmp_path)
    mute = decide(config, {"team": "db"}, NIGHT).mute
    assert mute is not None
    assert (mute.kind, mute.until) == (Kind.muted_by_time_interval, parse_moment("2026-01-06T06:00:00Z"))
    assert decide(config, {"team": "db"}, DAY).mute is None
    assert decide(config, {"team": "db"}, None).mute is None
    assert decide(config, {"team": "db", "copy": "yes"}, NIGHT).mute is None


def test_tests_that_hold_are_silent(tmp_path: Path) -> None:
    passing = """
  - {alert: {team: db}, at: 2026-01-06T03:00:00Z, expect: {channels: [ops, db], muted: muted_by_time_interval}}
  - {alert: {team: db}, at: 1767700800, expect: {muted: false, sensitivity: internal}}
  - {alert: {alertname: A, copy: "yes", secret: "yes"}, expect: {channels: [vault], withheld: [], group: {alertname: A}}}
"""
    assert run_tests(config_with(tmp_path, passing)) == []


@pytest.mark.parametrize(
    ("expect", "expected", "got"),
    [
        ("channels: [db]", "db", "db, ops, vault"),
        ("channels: []", "none", "db, ops, vault"),
        ("withheld: []", "none", "ops"),
        ("muted: false", "false", "muted_by_time_interval"),
        ("sensitivity: public", "public", "confidential"),
        ("group: {alertname: B}", "alertname=B", "alertname=A"),
        ("group: {}", "no labels", "alertname=A"),
    ],
)
def test_a_test_that_fails_tells_what_came_instead(tmp_path: Path, expect: str, expected: str, got: str) -> None:
    alert = '{alertname: A, team: db, secret: "yes"}'
    [failure] = run_tests(config_with(tmp_path, f"  - {{alert: {alert}, at: 2026-01-06T03:00:00Z, expect: {{{expect}}}}}"))
    assert (failure.expected, failure.got) == (expected, got)
    assert failure.aspect == expect.split(":")[0]


def test_each_aspect_that_fails_is_told(tmp_path: Path) -> None:
    failures = run_tests(config_with(tmp_path, "  - {alert: {a: b}, expect: {channels: [db], sensitivity: public}}"))
    assert {failure.aspect for failure in failures} == {"channels", "sensitivity"}


def test_a_sound_config_draws_no_warning(tmp_path: Path) -> None:
    assert warnings(config_with(tmp_path)) == []


def test_what_looks_like_a_mistake_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("""
chats: {console: {type: console}}
channels: {ops: {chat: console}, old: {chat: console}, me: {chat: console}}
admin: {channel: me}
people: {ana: {name: Ana}, ben: {name: Ben}}
groups: {lone: {members: [ana]}, pair: {members: [ana, ben]}}
approvals: [{verbs: [silence], groups: [pair]}, {verbs: [resolve], groups: [lone]}]
sources: {open: {type: generic, auth: none}, closed: {type: generic, auth: {ip: [10.0.0.0/8]}}}
route:
  channels: [ops]
  routes:
    - {name: copy, match: [a="1"], continue: true}
    - {name: same, match: [a="1", b="2"]}
    - {name: one, match: [c="3"]}
    - {name: two, match: [c="3", d="4"]}
    - name: rest
    - {name: late, match: [z="9"]}
""")
    assert warnings(load(path, {})) == [
        "sources.open: anybody who can reach 127.0.0.1:8080 can send alerts to it (auth: none)",
        "approvals[1]: only ana may approve, and never what they asked for themselves",
        "route two: no alert can reach it, because route one before it takes them all",
        "route late: no alert can reach it, because route rest before it takes them all",
        "channels.old: no route leads to it",
    ]


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-01-06T03:00:00Z", 1767668400.0),
        ("2026-01-06T03:00", 1767668400.0),
        ("2026-01-06 04:00+01:00", 1767668400.0),
        ("2026-01-06", 1767657600.0),
        (1767668400, 1767668400.0),
        ("1767668400.5", 1767668400.5),
    ],
)
def test_moments_are_read_as_utc_unless_they_say_otherwise(written: object, at: float) -> None:
    assert parse_moment(written) == at


@pytest.mark.parametrize(
    "written", ["", "yesterday", "03:00", True, None, -1, 1e18, "nan", "inf", "1e400", "9999-12-31T23:59-05:00"]
)
def test_what_is_no_moment_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"is not a time|between the years"):
        parse_moment(written)


def test_moments_are_shown_with_their_weekday() -> None:
    assert format_moment(NIGHT) == "Tue 2026-01-06 03:00 UTC"
    assert format_moment(NIGHT + 5) == "Tue 2026-01-06 03:00:05 UTC"
