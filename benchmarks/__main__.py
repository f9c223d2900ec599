"""Measures Tocsin side by side with Alertmanager, on this machine, over loopback."""

from __future__ import annotations

import os
import tempfile
import time
from collections import defaultdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from benchmarks import costs
from benchmarks.advice import advise
from benchmarks.configs import Plan
from benchmarks.load import spent_by_all
from benchmarks.report import MOST_STRANGERS, as_json, disturbed, machine, show, shown
from benchmarks.rows import QUICK, TINY, Figures, Scale
from benchmarks.servers import Alertmanager, Failed, Server, SinkProcess, Tocsin
from benchmarks.targets import LINES, ROWS

CORES = 2
progress = Console(stderr=True, highlight=False, soft_wrap=True)


class Size(StrEnum):
    full = "full"
    tiny = "tiny"


ROWS_HELP = f"Only these rows ({', '.join(ROWS)}), such as a,e."
app = typer.Typer(add_completion=False)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    rows: Annotated[str, typer.Option("--rows", "--row", help=ROWS_HELP)] = ",".join(ROWS),
    server: Annotated[str, typer.Option(help="Only this server: Alertmanager or Tocsin.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="One round of each, and shorter: about five minutes.")] = False,
    scale: Annotated[Size, typer.Option(help="tiny: only to see that it works; the figures mean nothing.")] = Size.full,
    json: Annotated[Path | None, typer.Option(help="Write all figures to this file.")] = None,
) -> None:
    """Measures Tocsin side by side with Alertmanager, on this machine, over loopback. It takes a quarter of an hour."""
    if context.invoked_subcommand:
        return
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:CORES]))  # both servers with the generator and the sink
    if unknown := set(rows.split(",")) - set(ROWS):
        raise typer.BadParameter(f"there is no row {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    servers: list[type[Server]] = [one for one in (Alertmanager, Tocsin) if server.lower() in ("", one.name.lower())]
    if not servers:
        raise typer.BadParameter(f"there is no server {server}; there are Alertmanager and Tocsin")
    if Alertmanager in servers and not Alertmanager.program():
        progress.print("Alertmanager is not installed (Debian: apt install prometheus-alertmanager): Tocsin's figures only.")
        servers.remove(Alertmanager)
    progress.print(machine(), style="dim")
    chosen = TINY if scale == Size.tiny else QUICK if quick else Scale()
    results = run(rows.split(","), servers, chosen)
    show(results, Console(width=None if Console().is_terminal else 140))
    if json:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(as_json(results))))
    if any(not rounds for found in results.values() for rounds in found.values()):
        raise typer.Exit(1)


app.command("model")(advise)


@app.command("costs")
def measure_costs(
    places: Annotated[str, typer.Option(help=f"Only on these: {', '.join(costs.PLACES)}.")] = ",".join(costs.PLACES),
    scale: Annotated[Size, typer.Option(help="tiny: only to see that it works; the figures mean nothing.")] = Size.full,
    json: Annotated[Path | None, typer.Option(help="Write all figures to this file.")] = None,
) -> None:
    """Measures what things cost Tocsin, on SQLite and on PostgreSQL: the constants of `model`. Some minutes."""
    amounts = costs.TINY if scale == Size.tiny else costs.Amounts()
    found: list[costs.Measured] = []
    for name in places.split(","):
        if name not in costs.PLACES:
            raise typer.BadParameter(f"there is no place {name}; there are {', '.join(costs.PLACES)}")
        progress.print(name)
        found.append(costs.measured(name, amounts, lambda what: progress.print(f"  {what}", style="dim")))
    costs.show(found, Console())
    if json:
        json.write_bytes(msgspec.json.format(msgspec.json.encode({"machine": machine(), "costs": found})))


def run(rows: list[str], servers: list[type[Server]], scale: Scale) -> dict[str, dict[str, list[Figures]]]:
    """Each row: the servers in turn, round after round, so that what the machine does meanwhile hits both."""
    results: dict[str, dict[str, list[Figures]]] = {}
    for row in rows:
        results[row] = {server.name: [] for server in servers}
        for number in range(1, scale.rounds + 1):
            for server in servers:
                _wait_for_quiet(scale.patience)
                if figures := _once(row, server, scale, f"{row}, round {number} of {scale.rounds}, {server.name}"):
                    results[row][server.name].append(figures)
    return results


def _wait_for_quiet(seconds: float) -> None:
    """Until the machine has nothing else to do, but not for longer than that."""
    give_up = time.monotonic() + seconds
    with progress.status("waiting until the machine is quiet"):
        while time.monotonic() < give_up:
            before = spent_by_all()
            time.sleep(1.0)
            if spent_by_all() - before < MOST_STRANGERS / 2:
                return


def _once(row: str, server: type[Server], scale: Scale, what: str) -> Figures | None:
    if not progress.is_terminal:
        progress.print(f"{what} …", style="dim")
    with tempfile.TemporaryDirectory(prefix="tocsin-benchmark-") as folder, progress.status(what):
        try:
            figures = ROWS[row](lambda plan: _bring(server, Path(folder), plan), scale)
        except (Failed, RuntimeError) as problem:
            progress.print(f"{what}: [red]failed[/red]: {problem}")
            return None
    units = {line.figure: line.unit for line in LINES if line.row == row}
    told = defaultdict(str, {name: shown(figures[name], unit) for name, unit in units.items()})
    progress.print(f"{what}: {', '.join(f'{name} {value}' for name, value in told.items())}{disturbed(figures)}")
    return figures


def _bring(server: type[Server], folder: Path, plan: Plan) -> tuple[Server, SinkProcess]:
    sink = SinkProcess(folder / "sink")
    return server(folder / "server", sink, plan), sink


if __name__ == "__main__":
    app()
