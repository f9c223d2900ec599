"""Debian's Prometheus and Alertmanager as senders: a rule fires, somebody takes it on, it ends; the card shows each state."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.standins.httpchat import serving
from tests.stories.process import free_port
from tests.stories.story import Story
from tests.stories.telling import telling

PROMETHEUS = shutil.which("prometheus")
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")

CONFIG = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yaml]
scrape_configs:
  - {job_name: pg, static_configs: [{targets: ["EXPORTER"]}]}
alerting:
  alertmanagers:
    - api_version: v2
      path_prefix: "PREFIX"
      authorization: {credentials: token-of-prometheus}
      static_configs: [{targets: ["TARGET"]}]
"""
RULES = """
groups:
  - name: pg
    rules:
      - alert: PgDown
        expr: pg_up == 0
        labels: {severity: page, cluster: eu1}
        annotations: {summary: "{{ $labels.instance }} is down", runbook_url: https://example.com/pg}
"""
ALERTMANAGER_CONFIG = """
route: {receiver: tocsin, group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: tocsin
    webhook_configs: [{url: "URL", http_config: {authorization: {credentials: token-of-prometheus}}}]
"""


class Exporter:
    """The database that is watched."""

    up = 1

    async def metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=f"# TYPE pg_up gauge\npg_up {self.up}\n", headers={"Content-Type": "text/plain; version=0.0.4"})

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.get("/metrics", self.metrics)])
        return app


@asynccontextmanager
async def running(*command: str) -> AsyncIterator[None]:
    """The program meanwhile; it does not outlive the test."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
    try:
        yield
        assert process.returncode is None, f"{command[0]} ended with {process.returncode}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def prometheus(folder: Path, exporter: str, target: str, prefix: str) -> AsyncIterator[None]:
    assert PROMETHEUS
    config = CONFIG.replace("EXPORTER", exporter).replace("TARGET", target).replace("PREFIX", prefix)
    (folder / "prometheus.yml").write_text(config)
    (folder / "rules.yaml").write_text(RULES)
    where = (f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}")
    async with running(PROMETHEUS, *where, f"--web.listen-address=127.0.0.1:{free_port()}", "--rules.alert.resend-delay=1s"):
        yield


@asynccontextmanager
async def alertmanager(folder: Path, url: str) -> AsyncIterator[str]:
    """Its address."""
    assert ALERTMANAGER
    (folder / "alertmanager.yml").write_text(ALERTMANAGER_CONFIG.replace("URL", url))
    address = f"127.0.0.1:{free_port()}"
    where = (f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'am'}")
    async with running(ALERTMANAGER, *where, f"--web.listen-address={address}", "--cluster.listen-address="):
        yield address


@pytest.mark.real
@pytest.mark.skipif(not PROMETHEUS, reason="no prometheus here")
@pytest.mark.parametrize("prefix", ["/", "/webhooks/prometheus"])
async def test_prometheus_itself(tmp_path: Path, prefix: str) -> None:
    exporter = Exporter()
    async with (
        telling(tmp_path) as story,
        serving(exporter.application()) as watched,
        prometheus(tmp_path, watched.removeprefix("http://"), story.url.removeprefix("http://"), prefix),
    ):
        await goes_down_and_comes_back(story, exporter)


@pytest.mark.real
@pytest.mark.skipif(not PROMETHEUS or not ALERTMANAGER, reason="no prometheus or no alertmanager here")
async def test_prometheus_through_alertmanager(tmp_path: Path) -> None:
    exporter = Exporter()
    async with (
        telling(tmp_path) as story,
        serving(exporter.application()) as watched,
        alertmanager(tmp_path, f"{story.url}/webhooks/prometheus") as between,
        prometheus(tmp_path, watched.removeprefix("http://"), between, "/"),
    ):
        await goes_down_and_comes_back(story, exporter)


async def goes_down_and_comes_back(story: Story, exporter: Exporter) -> None:
    exporter.up = 0
    card = await story.card()
    seen = await card.shows(state="firing", severity="critical", text="https://example.com/pg", within=20)
    assert seen.title.startswith("127.0.0.1:") and seen.title.endswith(" is down")
    await card.press("Ack", by="ben")
    await card.shows(state="acknowledged", who="Ben Okafor")
    await story.shown()  # its thread, too
    calls = len(story.heard)
    await asyncio.sleep(2.0)  # it is sent again and again meanwhile, which changes nothing
    await card.shows(state="acknowledged", closing=False)
    assert len(story.heard) == calls
    exporter.up = 1
    await card.shows(closing=True, within=20)
    await story.passes("31s")
    await card.shows(state="resolved")
    assert len(await story.view.cards("ops")) == 1
