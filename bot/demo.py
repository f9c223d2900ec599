"""`tocsin demo`: a short night on call, played through the real front doors, told as it happens."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from bot import log as logs
from bot.app import App
from bot.config import load
from bot.demo_browser import press
from bot.process import announce, wait_for_stop

CONFIG = Path(__file__).with_name("demo.yaml")
COLOURS = {"critical": "red", "high": "dark_orange", "warning": "yellow", "low": "cyan", "info": "white"}
STATES = {"firing": "", "acknowledged": "blue", "resolved": "green"}
PATIENCE = 20.0
"""Seconds after which a step of the story that did not happen is a failure."""

POSTGRES = {"alertname": "PostgresDown", "severity": "critical", "team": "db", "cluster": "eu1", "service": "orders-db"}
LAG = {"alertname": "ReplicationLag", "severity": "warning", "team": "db", "cluster": "eu1", "service": "orders-db"}
FRAUD = {"alertname": "CardFraudSpike", "severity": "high", "team": "payments", "cluster": "eu1"}
DISK = {"alertname": "DiskFillingUp", "severity": "warning", "team": "web", "cluster": "eu1", "instance": "web-3"}


def demo(once: bool) -> int:
    """Plays the story; serves on until Ctrl-C unless `once`. Returns the exit code: 0 when everything happened."""
    logs.set_up(level="error")
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-demo-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_demo(once, Path(folder)))


async def _demo(once: bool, folder: Path) -> int:
    tokens = {name: secrets.token_urlsafe(18) for name in ("DEMO_ANA", "DEMO_BEN", "DEMO_PROMETHEUS")}
    config = load(CONFIG, {**os.environ, **tokens})
    address = _free_address(config.listen)
    config = config.model_copy(
        update={"store": f"sqlite:///{folder / 'demo.db'}", "listen": address, "public_url": f"http://{address}"}
    )
    app = App(config, CONFIG)
    await app.start()
    try:
        async with aiohttp.ClientSession() as http:
            await Story(http, app, tokens).play()
        if not once:
            announce(app)
            Console().print("Press Ack on the warning that is left. [dim]Ctrl-C ends the demo.[/dim]")
            await wait_for_stop()
    except TimeoutError:
        Console(stderr=True).print(f"[red]The demo got stuck: a step did not happen within {PATIENCE:.0f} s.[/red]")
        return 1
    finally:
        await app.stop()
    return 0


def _free_address(listen: str) -> str:
    """The address of the config, or one with a free port if that is taken."""
    host, _, port = listen.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError:
            probe.bind((host, 0))
        return f"{host}:{probe.getsockname()[1]}"


class Story:
    """The steps, each through a door that others use too: the webhook, the command API, the console's own form."""

    def __init__(self, http: aiohttp.ClientSession, app: App, tokens: dict[str, str]) -> None:
        self._http, self._app, self._tokens = http, app, tokens
        self._url = app.config.public_url
        self._began = datetime.now(UTC).isoformat()
        self._out = Console(highlight=False)

    async def play(self) -> None:
        say = self._out.print
        say(f"\n[bold]Tocsin[/bold] is up at {self._url}. A night on call, in ten seconds:\n")
        say("[bold]1[/bold]  Prometheus posts an alert to [bold]/webhooks/prometheus[/bold] …")
        await self._send("firing", POSTGRES, "orders-db primary does not answer")
        self._show(await self._until(1, lambda one: one["shown"]))
        say("   It went where the routing rules say; anybody may ask: [bold]why 1[/bold]")
        say(_indented(await self._command("ANA", "why 1")))
        say("\n[bold]2[/bold]  A second alert of the same service joins: the card is edited, nobody gets a second message.")
        await self._send("firing", LAG, "orders-db replica is 340 s behind")
        self._show(await self._until(1, lambda one: len(one["alerts"]) == 2 and one["shown"]))
        say("\n[bold]3[/bold]  Ana answers from her phone: [bold]ack 1 for 2h failing over[/bold]")
        say(_indented(await self._command("ANA", "ack 1 for 2h failing over")))
        self._show(await self._until(1, lambda one: one["state"] == "acknowledged" and one["shown"]))
        say("\n[bold]4[/bold]  A confidential alert. [bold]#ops[/bold] is not cleared: the card goes to [bold]#vault[/bold].")
        await self._send("firing", FRAUD, "card fraud 6x above normal")
        found = await self._until(2, lambda one: one["shown"])
        self._show(found)
        say("   In the console, Ana presses [bold]Ack[/bold] on that card.")
        await press(self._url, self._app.sign_in.one_time_code("ana"), found["deliveries"], "ack 2")
        self._show(await self._until(2, lambda one: one["state"] == "acknowledged" and one["shown"]))
        say("\n[bold]5[/bold]  The database is back: both alerts resolve, the card turns green.")
        await self._send("resolved", POSTGRES, "orders-db primary does not answer")
        await self._send("resolved", LAG, "orders-db replica is 340 s behind")
        self._show(await self._until(1, lambda one: one["state"] == "resolved" and one["shown"]))
        say(_indented(await self._command("ANA", "incident 1")))
        await self._send("firing", DISK, "web-3: /var is 91 % full")
        await self._until(3, lambda one: one["shown"])
        say("\n[green]✔[/green] One incident, one card, edited in place; every step is in its timeline.\n")

    async def _send(self, status: str, labels: dict[str, str], summary: str) -> None:
        now = datetime.now(UTC).isoformat()
        alert = {
            "status": status, "labels": labels, "startsAt": self._began,
            "annotations": {"summary": summary, "runbook_url": f"https://runbooks.example.com/{labels['alertname']}"},
            "endsAt": now if status == "resolved" else "0001-01-01T00:00:00Z",
        }  # fmt: skip
        body = {"version": "4", "status": status, "alerts": [alert]}
        bearer = {"Authorization": f"Bearer {self._tokens['DEMO_PROMETHEUS']}"}
        async with self._http.post(f"{self._url}/webhooks/prometheus", json=body, headers=bearer) as response:
            response.raise_for_status()

    async def _command(self, who: str, text: str) -> str:
        bearer = {"Authorization": f"Bearer {self._tokens[f'DEMO_{who}']}"}
        async with self._http.post(f"{self._url}/api/v1/commands", json={"text": text}, headers=bearer) as response:
            return str((await response.json())["text"])

    async def _until(self, number: int, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The incident, once a condition holds for it. `shown`: every channel shows its latest revision."""
        bearer = {"Authorization": f"Bearer {self._tokens['DEMO_ANA']}"}
        async with asyncio.timeout(PATIENCE):
            while True:
                async with self._http.get(f"{self._url}/api/v1/incidents/{number}", headers=bearer) as response:
                    one = await response.json()
                if response.status == 200:
                    one["shown"] = one["deliveries"] and all(d["wanted"] == d["shown"] for d in one["deliveries"])
                    if holds(one):
                        return dict(one)
                await asyncio.sleep(0.05)

    def _show(self, one: dict[str, Any]) -> None:
        """The incident as a card for the terminal."""
        state, severity = one["state"], one["severity"]
        colour = STATES[state] or COLOURS[severity]
        text = Text(f"{severity}  ", style=colour).append(one["title"], style="bold default")
        for alert in one["alerts"] if len(one["alerts"]) > 1 else ():
            mark = "●" if alert["state"] == "firing" else "✓"
            text.append(f"\n  {mark} {alert['severity']}  {alert['annotations'].get('summary', '')}", style="default")
        owner = self._app.policy.names.get(one["owner"], "")
        if owner and state == "acknowledged":
            text.append(f"\n{owner} has it" + (f": {one['note']}" if one["note"] else ""), style="blue")
        places = "  ".join(f"#{delivery['channel']}" for delivery in one["deliveries"])
        panel = Panel(text, title=f"#{one['number']} {state}", title_align="left", subtitle=places, subtitle_align="right",
                      border_style=colour, width=min(76, self._out.width - 1))  # fmt: skip
        self._out.print(panel)


def _indented(text: str) -> Text:
    return Text("\n".join(f"   {line}" for line in text.splitlines()), style="dim")
