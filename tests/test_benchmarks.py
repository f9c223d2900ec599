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
import yaml
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import configs, load, report, storm, traffic
from benchmarks.servers import Alertmanager
from benchmarks.targets import LINES, ROWS

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
