"""Our walk through routing trees beside that of Debian's amtool."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.matcher import Matcher
from rules.route import Node, Route, compile_tree, route_alert
from tests.rules.test_route import labels, trees

AMTOOL = "/usr/bin/amtool"
needs_amtool = pytest.mark.skipif(not shutil.which(AMTOOL), reason="amtool (package prometheus-alertmanager) is not installed")

TREES, LABEL_SETS = 20, 5
"""One amtool run answers for all trees at once: they hang below one root, and each lets the alert go on to the next."""


def forest(roots: list[Node]) -> Node:
    children = [root.route.model_copy(update={"continue_": True}) for root in roots]
    return compile_tree(Route.model_validate({"routes": children}))


def as_alertmanager(node: Node) -> dict[str, Any]:
    """The node as Alertmanager's YAML has it; its receiver is named after it."""
    route: dict[str, Any] = {"receiver": node.id, "continue": node.route.continue_}
    if node.route.match:
        route["matchers"] = [str(matcher) for matcher in node.route.match]
    return route | {"routes": [as_alertmanager(child) for child in node.children]}


def receivers(config: Path, labels: dict[str, str]) -> list[str]:
    written = [str(Matcher(name, "=", value)) for name, value in labels.items()]
    command = [AMTOOL, "config", "routes", "test", f"--config.file={config}", *written]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip().split(",")


@pytest.mark.real
@needs_amtool
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.lists(trees(), min_size=TREES, max_size=TREES),
    st.lists(labels, min_size=LABEL_SETS, max_size=LABEL_SETS, unique_by=str),
)
def test_amtool_takes_the_same_routes_in_the_same_order(roots: list[Node], label_sets: list[dict[str, str]]) -> None:
    root = forest(roots)
    written = as_alertmanager(root) | {"continue": False}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "alertmanager.yml")
        config.write_text(yaml.safe_dump({"route": written, "receivers": [{"name": node.id} for node in root.walk()]}))
        for labels in label_sets:
            assert receivers(config, labels) == [node.id for node in route_alert(root, labels)]
