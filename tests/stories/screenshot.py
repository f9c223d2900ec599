"""Makes the picture in README.md anew: `make picture`. A real App, real webhooks, a real browser; only the clock is ours."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import async_playwright

from bot import log as logs
from bot.app import App
from bot.config import load

PICTURE = Path(__file__).parents[2] / "docs" / "console.png"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
CONFIG = """
listen: 127.0.0.1:0
people:
  ana: {name: Ana Petrova, token: "${ANA}"}
  ben: {name: Ben Okafor, token: "${BEN}"}
groups:
  sre: {members: [ana, ben]}
  security: {members: [ana], clearance: restricted}
permissions:
  - {allow: ["*"], groups: [sre]}
admin: {groups: [sre], channel: ops}
chats: {console: {type: console}}
channels:
  ops: {chat: console, audience: [sre]}
  db: {chat: console, audience: [sre]}
  vault: {chat: console, clearance: restricted, audience: [security]}
sources:
  prometheus: {type: alertmanager, auth: {bearer: "${PROMETHEUS}"}}
sensitivity:
  rules: [{match: ['team="payments"'], level: confidential}]
route:
  channels: [ops]
  withheld_to: [vault]
  group_by: [alertname, service]
  group_wait: 0s
  group_interval: 0s
  resolve_after: 0s
  routes: [{name: databases, match: ['team="db"'], channels: [db]}]
"""

CHECKOUT = {"alertname": "CheckoutErrors", "severity": "critical", "team": "shop", "service": "checkout", "cluster": "eu1"}
QUEUE = {"alertname": "MailQueueLong", "severity": "high", "team": "shop", "service": "mail", "cluster": "eu1"}
FRAUD = {"alertname": "CardFraudSpike", "severity": "high", "team": "payments", "service": "cards"}
CERTIFICATE = {"alertname": "CertificateExpires", "severity": "low", "team": "web", "service": "shop.example.com"}
LAG = {"alertname": "ReplicationLag", "severity": "warning", "team": "db", "service": "orders-db"}


class Night:
    """The clock and the doors of one App. It begins an hour ago and catches up with the present."""

    def __init__(self, http: aiohttp.ClientSession, tokens: dict[str, str]) -> None:
        self._http, self._tokens, self.behind = http, tokens, 3600.0
        self.app: App

    def now(self) -> float:
        return time.time() - self.behind

    async def send(self, labels: dict[str, str], summary: str, description: str = "", status: str = "firing") -> None:
        annotations = {"summary": summary, "runbook_url": f"https://runbooks.example.com/{labels['alertname']}"}
        annotations |= {"description": description, "dashboard_url": "https://grafana.example.com/d/shop"} if description else {}
        alert = {"status": status, "labels": labels, "annotations": annotations}
        await self._post("PROMETHEUS", "/webhooks/prometheus", {"alerts": [alert]})

    async def command(self, who: str, text: str) -> None:
        await self._post(who, "/api/v1/commands", {"text": text})

    async def later(self, minutes: float) -> None:
        await self._settle()
        self.behind -= minutes * 60
        self.app.wake()
        await self._settle()

    async def _post(self, who: str, path: str, body: Any) -> None:
        bearer = {"Authorization": f"Bearer {self._tokens[who]}"}
        async with self._http.post(f"http://127.0.0.1:{self.app.port}{path}", json=body, headers=bearer) as response:
            answer = await response.json()
            assert response.ok and answer.get("ok", True), answer

    async def _settle(self) -> None:
        """Returns once every channel shows the latest of everything."""
        bearer = {"Authorization": f"Bearer {self._tokens['ANA']}"}
        async with asyncio.timeout(20):
            while True:
                url = f"http://127.0.0.1:{self.app.port}/api/v1/incidents?state=all"
                async with self._http.get(url, headers=bearer) as response:
                    found = (await response.json())["incidents"]
                if all(one["wanted"] == one["shown"] for incident in found for one in incident["deliveries"]):
                    return
                await asyncio.sleep(0.05)


async def play(night: Night) -> None:
    """What has happened by the time the picture is taken."""
    await night.send(CERTIFICATE, "The certificate of shop.example.com expires in 5 days")
    await night.later(9)
    await night.send(LAG, "orders-db replica is 340 s behind")
    await night.later(7)
    await night.send(CERTIFICATE, "The certificate of shop.example.com expires in 5 days", status="resolved")
    await night.later(12)
    await night.send(QUEUE, "12,400 mails wait to be sent")
    await night.later(4)
    await night.command("BEN", "ack 3 for 2h the relay is being restarted")
    await night.later(15)
    await night.send(FRAUD, "Card fraud 6 times above normal")
    await night.later(10)
    await night.send(
        CHECKOUT, "Checkout: 38 % of requests fail", "Errors began with release 2026.11.3. 1,900 carts are affected so far."
    )
    await night.later(3)


async def take(picture: Path) -> None:
    tokens = {name: secrets.token_urlsafe(12) for name in ("ANA", "BEN", "PROMETHEUS")}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(f"store: sqlite:///{folder}/tocsin.db\n{CONFIG}")
        async with aiohttp.ClientSession() as http, async_playwright() as playwright:
            night = Night(http, tokens)
            night.app = App(load(file, tokens), file, clock=night.now)
            await night.app.start()
            await play(night)
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            page = await browser.new_page(viewport={"width": 1200, "height": 880}, device_scale_factor=1.5, color_scheme="light")
            await page.goto(f"http://127.0.0.1:{night.app.port}/?channel=ops")
            await page.get_by_label("Your token").fill(tokens["ANA"])
            await page.get_by_role("button", name="Sign in").click()
            await page.get_by_text("live", exact=True).wait_for()
            await page.screenshot(path=picture)
            await browser.close()
            await night.app.stop()


if __name__ == "__main__":
    logs.set_up("error")
    asyncio.run(take(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE))
