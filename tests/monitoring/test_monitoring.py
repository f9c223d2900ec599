"""docs/monitoring/: the rules fire when they should, and every metric that rules and dashboard ask for exists."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from bot import metrics

FOLDER = Path(__file__).parents[2] / "docs" / "monitoring"
RULES = FOLDER / "tocsin.rules.yml"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "tocsin.dashboard.json").read_text())
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ANSWERED = [target["expr"] for panel in PANELS for target in panel["targets"]]
EXPRESSIONS = [*(rule["expr"] for rule in ALERTS), *ANSWERED, *(one["expr"] for one in DASHBOARD["annotations"]["list"])]


def names() -> Iterator[str]:
    """Every metric that Tocsin serves, as Prometheus writes them."""
    own = [family for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase) for family in metric.describe()]
    for family in [*own, *prometheus_client.PROCESS_COLLECTOR.collect()]:
        endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        yield from (family.name + ending for ending in endings)


def promtool(*arguments: str | Path) -> None:
    try:
        done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("promtool (Debian: prometheus)")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_asked_for_exists() -> None:
    known = set(names())
    asked = {name for text in EXPRESSIONS for name in re.findall(r"\b(?:tocsin|process)_\w+", text)}
    assert len(asked) > 20 and asked <= known


def test_labels_asked_for_exist() -> None:
    known = {label for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase) for label in metric._labelnames}
    asked = {label for text in EXPRESSIONS for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", text)}
    groups = [found for text in EXPRESSIONS for found in re.findall(r"by \(([^)]*)\)", text)]
    grouped = {label.strip() for found in groups for label in found.split(",")}
    assert asked | grouped <= known | {"job", "instance", "le"}


@pytest.mark.real
def test_the_rules_fire_when_they_should(tmp_path: Path) -> None:
    firing = [{"labels": f'{{alertname="{rule["alert"]}"}}', "value": 1} for rule in ALERTS]
    text = (Path(__file__).parent / "rules_test.yml").read_text()
    (tmp_path / "rules_test.yml").write_text(text.replace("RULES", str(RULES)).replace("FIRING", json.dumps(firing)))
    promtool("check", "rules", RULES)
    promtool("test", "rules", tmp_path / "rules_test.yml")


@pytest.mark.real
def test_every_question_of_the_dashboard_is_one(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{n}", "expr": text.replace("$__rate_interval", "5m")} for n, text in enumerate(ANSWERED)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", tmp_path / "panels.yml")


def test_panels_stand_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert all(panel["description"] for panel in PANELS)
