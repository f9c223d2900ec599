"""The benchmarks work: each row runs in its smallest form and yields its figures. How fast is not asked here."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer.testing
import yaml
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import configs, load, report, storm, traffic
from benchmarks.__main__ import app
from benchmarks.advice import reckon
from benchmarks.measured import MEASURED_POSTGRES, MEASURED_SQLITE, POSTGRES, SQLITE
from benchmarks.model import Costs, Load, Need, instances, needs
from benchmarks.servers import Alertmanager
from benchmarks.targets import LINES, ROWS
from tests.conftest import PROFILE
from tests.standins.postgres import NoPostgres, find_binaries

ROOT = Path(__file__).parents[1]


def measured(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    """The JSON of a run with these arguments."""
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--scale", "tiny", "--json", str(file), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(file.read_text())
    return found


@pytest.mark.parametrize("row", ROWS)
def test_a_row_measures_tocsin(row: str, tmp_path: Path) -> None:
    found = measured(tmp_path, "--row", row, "--server", "Tocsin")
    assert list(found["results"]) == [row]
    [figures] = found["results"][row]["Tocsin"]
    if row == "f":
        assert (figures["critical"], figures["shown"], figures["refused"]) == (1, 60, 0)
    else:
        assert all(figures[line.figure] > 0 for line in LINES if line.row == row)


@pytest.mark.real
@pytest.mark.parametrize("row", ROWS)
def test_a_row_measures_alertmanager(row: str, tmp_path: Path) -> None:
    if Alertmanager.program() is None:
        pytest.skip("no alertmanager")
    found = measured(tmp_path, "--row", row, "--server", "Alertmanager")
    [figures] = found["results"][row]["Alertmanager"]
    assert figures.pop("kept", 0) == 0  # it keeps alerts in memory only
    if row == "f":  # a message a second in each of two channels, and everything else is refused
        assert 2 <= figures["shown"] < 60 <= figures["shown"] + figures["refused"]
        return
    assert all(figures[line.figure] > 0 for line in LINES if line.row == row and line.figure in figures)


def test_an_unknown_row_is_told() -> None:
    done = subprocess.run([sys.executable, "-m", "benchmarks", "--rows", "a,z"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no row z" in done.stderr


SMALL = storm.Storm(channels=2, alerts=100, seconds=1.0, after=60.0)


def test_both_servers_are_sent_the_same_storm_and_told_the_same_channels() -> None:
    alerts = [storm.alert(number, 0.0, SMALL.channels) for number in range(SMALL.alerts)]
    labels = [one["labels"] for one in alerts if isinstance(one["labels"], dict)]
    assert [number for number, one in enumerate(labels) if one["severity"] == "critical"] == SMALL.criticals == [25, 75]
    assert len({one["alertname"] for one in labels}) == 100
    assert {name: sum(one["channel"] == name for one in labels) for name in ("c0", "c1")} == {"c0": 50, "c1": 50}
    plan = configs.Plan("0s", 2, "5s")
    theirs = yaml.safe_load(configs.alertmanager(plan, "http://sink"))
    ours = yaml.safe_load(configs.tocsin(plan, 1, "sqlite:///x", "http://sink"))
    assert [one["matchers"] for one in theirs["route"]["routes"]] == [one["match"] for one in ours["route"]["routes"]]
    assert all(theirs["route"][key] == ours["route"][key] for key in ("group_by", "group_wait", "group_interval"))
    assert [one["name"] for one in theirs["receivers"]] == list(ours["channels"]) == ["c0", "c1"]


def card(at: float, title: str = "", **more: object) -> dict[str, object]:
    return {"at": at, "card": {"title": title, **more}}


def test_what_a_storm_showed_as_cards() -> None:
    accepted = [100.0 + number / 100 for number in range(100)]
    posts = [
        {"ref": "m1", "versions": [card(100.5, "storm-25."), card(105.0, "storm-25.")]},
        {"ref": "m2", "versions": [card(101.0, "storm", storm=True, total=40), card(104.0, "storm", storm=True, total=98)]},
        {"ref": "m3", "versions": [card(103.75, "storm-75.")]},
    ]
    state = {"posts": posts, "counts": {"edits": 2}, "answers": {"200": 5}}
    found = storm.of_cards(state, accepted, SMALL)
    assert (found["shown"], found["critical"], found["refused"], found["posts"]) == (100, 2, 0, 3)
    assert found["late"] == pytest.approx(104.0 - accepted[-1])
    assert (found["p50"], found["slowest"]) == pytest.approx((3.0, 3.0))
    fewer = storm.of_cards({**state, "posts": posts[:2], "answers": {"429": 7}}, accepted, SMALL)
    assert (fewer["shown"], fewer["critical"], fewer["refused"]) == (99, 1, 7)
    assert math.isnan(fewer["late"])


def test_what_a_storm_showed_as_messages() -> None:
    accepted = [100.0] * 100
    found = storm.of_messages({"storm-25.": 101.0, "storm-3.": 102.0}, 55, accepted, SMALL)
    assert (found["shown"], found["critical"], found["p50"], found["refused"]) == (2, 1, 1.0, 55)
    assert math.isnan(found["late"])
    nothing = storm.of_messages({}, 0, accepted, SMALL)
    assert (nothing["shown"], nothing["critical"]) == (0, 0)
    assert math.isnan(nothing["p99"])


def test_what_never_happened_is_told_as_such() -> None:
    [line] = [line for line in LINES if (line.row, line.figure) == ("f", "late")]
    assert report.shown(float("nan"), "s") == report.DASH
    assert report.reached(line, {"f": {"Tocsin": [{"late": float("nan")}]}}) is False
    assert report.reached(line, {"f": {"Tocsin": [{"late": 3.0}]}}) is True


COSTS = Costs(
    store="none", request=100.0, request_db=0.0, resent=10.0, new=50.0, new_db=20.0, writer=100.0, renewal=30.0, renewal_db=40.0,
    incident=1000.0, incident_db=500.0, base_mb=100.0, alert_memory=500.0, alert_disk=1000.0, alert_log=2000.0,
    renewal_log=1000.0, incident_disk=3000.0, incident_log=4000.0,
)  # fmt: skip


def asked(**load: Any) -> dict[str, Need]:
    return {need.name: need for need in needs(Load(**load), COSTS)}


def test_the_model_adds_up_what_things_cost() -> None:
    found = asked(alerts=180_000, new=0.0, resend=60.0, batch=100, incidents=86_400.0, drawn=2.0)
    assert found["intake, all replicas"].value == pytest.approx(0.003 + 0.03 + 0.03)  # 30 requests, 3,000 alerts, 1,000 renewals
    assert found["the leader's cards"].value == pytest.approx(0.002)
    assert found["the one writer is busy"].value == pytest.approx(0.07 + 0.003)
    assert found["memory of each replica"].value == pytest.approx(190.0)
    assert found["written to disk"].value == pytest.approx(1.0 + 0.008)
    assert found["cards posted in a workspace"].value == pytest.approx(60.0)


def test_the_model_says_what_does_not_fit_and_what_helps() -> None:
    assert all(need.fits for need in needs(Load(), COSTS))
    assert instances(needs(Load(), COSTS)) == 1
    crowd = asked(alerts=10_000_000, new=1000.0, incidents=1_000_000.0)
    assert not crowd["alerts of one source"].fits
    assert not crowd["the one writer is busy"].fits
    assert not crowd["cards posted in a workspace"].fits
    assert instances(list(crowd.values())) == math.ceil(crowd["the one writer is busy"].value / 0.7) > 5
    assert asked(alerts=10_000_000, sources=10)["alerts of one source"].fits
    assert asked(incidents=1_000_000.0, workspaces=10)["cards posted in a workspace"].fits


def test_a_storm_takes_as_long_as_the_chat_takes_cards() -> None:
    slack, discord = (asked(channels=20, storm=2000, chat=chat) for chat in ("slack", "discord"))
    alone, cards = "(with one card for each alert)", "… and a storm card in every channel"
    assert slack[alone].value == pytest.approx((2000 - 48) / 3.2)  # a workspace takes 192 a minute, after a burst of 48
    assert slack[cards].value == pytest.approx((60 - 48) / 3.2)
    assert discord[alone].value == pytest.approx(99.0)  # a hundred in each channel, one a second
    assert asked(channels=20, storm=2000, workspaces=4)[alone].value == pytest.approx((500 - 48) / 3.2)


@given(st.integers(1, 10_000_000), st.integers(1, 10_000_000), st.floats(0.0, 10_000.0), st.floats(1.0, 1_000_000.0))
def test_more_to_do_never_needs_less(alerts: int, more: int, new: float, incidents: float) -> None:
    little = needs(Load(alerts=alerts, new=new, incidents=incidents), COSTS)
    much = needs(Load(alerts=alerts + more, new=new * 2.0, incidents=incidents * 2.0), COSTS)
    assert all(one.value <= other.value for one, other in zip(little, much, strict=True))
    assert instances(little) <= instances(much)


def test_the_model_reckons_with_costs_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    file.write_bytes(msgspec.json.encode({"costs": [MEASURED_SQLITE, MEASURED_POSTGRES]}))
    assert reckon("postgres", file) == POSTGRES
    assert reckon("sqlite", file) == SQLITE
    done = typer.testing.CliRunner().invoke(app, ["model", "--alerts", "10000000", "--replicas", "2", "--costs", str(file)])
    assert done.exit_code == 0
    assert "too much: more sources" in done.output
    assert "instances do" in done.output
    refused = typer.testing.CliRunner().invoke(app, ["model", "--replicas", "2", "--store", "sqlite"])
    assert refused.exit_code == 2


@pytest.mark.real
@pytest.mark.parametrize("place", ["sqlite", "postgres2"] if PROFILE == "nightly" else ["sqlite"])
def test_what_things_cost_is_measured(place: str, tmp_path: Path) -> None:
    if place != "sqlite":
        try:
            find_binaries()
        except NoPostgres as problem:
            pytest.skip(str(problem))
    file = tmp_path / "costs.json"
    command = [sys.executable, "-m", "benchmarks", "costs", "--scale", "tiny", "--places", place, "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [found] = json.loads(file.read_text())["costs"]
    assert all(found[name] > 0 for name in ("new_rate", "resent_rate", "single_rate", "base_mb", "alert_disk", "incident_us"))


def test_the_traffic_is_a_thousand_groups_of_different_alerts() -> None:
    alerts = [traffic.alert(number) for number in range(50_000)]
    labels = [one["labels"] for one in alerts]
    assert len({json.dumps(one) for one in labels}) == 50_000
    assert len({(one["alertname"], one["cluster"]) for one in labels if isinstance(one, dict)}) == traffic.GROUPS


def test_each_round_says_a_later_end_and_nothing_else() -> None:
    [request] = traffic.requests([traffic.alert(number) for number in range(64)], 64, "token", 1_700_000_000.0)
    first, later = (traffic.ending(request, at) for at in (1_700_000_000.0, 1_700_000_060.0))
    head, body = later.split(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert {one["endsAt"] for one in json.loads(body)} == {"2023-11-14T22:18:20.000Z"}
    assert first == later.replace(b"22:18:20.000Z", b"22:17:20.000Z")


@given(st.binary(max_size=40), st.integers(0, 200), st.sampled_from(["Content-Length", "content-length"]))
def test_a_response_is_whole_only_with_its_last_byte(body: bytes, cut: int, name: str) -> None:
    response = f"HTTP/1.1 503 No\r\nServer: x\r\n{name}: {len(body)}\r\nDate: now\r\n\r\n".encode() + body
    part = response[:cut]
    assert load.whole(part) == (503 if part == response else None)


def test_a_line_is_reached_by_its_median() -> None:
    theirs, ours = (10.0, 90.0, 20.0), (99.0, 101.0, 400.0)
    rounds = {"Alertmanager": [{"rate": rate} for rate in theirs], "Tocsin": [{"rate": rate} for rate in ours]}
    line = next(line for line in LINES if line.row == "a")
    assert report.reached(line, {"a": rounds}) is True
    assert report.reached(line, {"a": {**rounds, "Tocsin": [{"rate": 99.0}]}}) is False
    assert report.reached(line, {"a": {"Tocsin": rounds["Tocsin"]}}) is None
    disturbed = {"rate": 9.0, "other_cpu": 0.9}
    assert report.reached(line, {"a": {**rounds, "Tocsin": [disturbed, disturbed, {"rate": 101.0, "other_cpu": 0.1}]}}) is True
    assert report.reached(line, {"a": {**rounds, "Tocsin": [disturbed]}}) is False
    told = msgspec.json.decode(msgspec.json.encode(report.as_json({"a": rounds})))
    assert told["lines"] == [{"row": "a", "figure": "rate", "target": "≥ 5x", "reached": True}]
