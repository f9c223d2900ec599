"""What deploy/ ships is what its readers of the outside take: Compose, Kubernetes, haproxy."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it brings no types
import kubernetes_validate  # type: ignore[import-untyped]  # it brings no types
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema  # type: ignore[import-untyped]  # likewise

DEPLOY = Path(__file__).parents[1] / "deploy"
KUBERNETES = "1.30"


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def manifests() -> dict[str, Any]:
    return {one["kind"]: one for one in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}


def test_the_compose_file_is_one() -> None:
    schema = get_builtin_schema("vendor.compose-spec")
    jsonschema.validate(compose(), schema)
    with pytest.raises(jsonschema.ValidationError):  # the schema looks at what matters here
        jsonschema.validate({**compose(), "services": {"first": {"stop_grace": "1s"}}}, schema)


def test_the_manifests_are_what_kubernetes_takes() -> None:
    for manifest in manifests().values():
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    wrong = {**manifests()["Deployment"], "spec": {"replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_a_rolling_update_always_leaves_one_that_takes_alerts() -> None:
    spec = manifests()["Deployment"]["spec"]
    assert spec["replicas"] >= 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    (pod,) = spec["template"]["spec"]["containers"]
    assert pod["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert pod["livenessProbe"]["httpGet"]["path"] == "/healthz", "a database that is away is no reason to restart"


@pytest.mark.real
def test_haproxy_takes_its_configuration() -> None:
    haproxy = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if haproxy is None:
        pytest.skip("haproxy is not installed")
    env = {**os.environ, **compose()["services"]["haproxy"]["environment"], "FIRST": "127.0.0.1:1", "SECOND": "127.0.0.1:2"}
    told = subprocess.run([haproxy, "-c", "-f", DEPLOY / "haproxy.cfg"], env=env, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
