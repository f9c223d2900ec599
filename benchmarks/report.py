"""The table at the end, and the same as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.rows import Figures
from benchmarks.targets import LINES, Line

Results = Mapping[str, Mapping[str, Sequence[Figures]]]
"""Row -> server -> the figures of each round."""

DASH = "—"
COUNTS = ("alerts", "answers")
MOST_STRANGERS = 0.25
"""Of a core: what other programs may use before a figure is not to be trusted."""


def medians(rounds: Sequence[Figures]) -> Figures:
    """Of the rounds that nothing disturbed; of all, if there is none. Empty without a round."""
    trusted = [one for one in rounds if not disturbed(one)] or rounds
    return {name: median(one[name] for one in trusted) for name in trusted[0]} if trusted else {}


def reached(line: Line, results: Results) -> bool | None:
    """None: cannot be told, or has no target."""
    theirs, ours = (medians(results[line.row].get(name, [])) for name in ("Alertmanager", "Tocsin"))
    return line.reached(theirs.get(line.figure), ours) if ours else None


def table(results: Results) -> Table:
    drawn = Table(title="Tocsin and Alertmanager: medians of the rounds that nothing disturbed, or of all")
    drawn.add_column("work")
    for heading in ("Alertmanager", "Tocsin", "ratio", "target"):
        drawn.add_column(heading, justify="right")
    drawn.add_column("reached")
    for line in (line for line in LINES if line.row in results):
        theirs, ours = (medians(results[line.row].get(name, [])).get(line.figure) for name in ("Alertmanager", "Tocsin"))
        ratio = f"{ours / theirs:.2f}x" if ours is not None and theirs and ours / theirs > 0 else DASH
        word = {True: "[green]yes", False: "[red]no", None: ""}[reached(line, results)]
        if word and any(disturbed(medians(rounds)) for rounds in results[line.row].values() if rounds):
            word += ", disturbed"
        work = f"{line.row}  {line.work}"
        drawn.add_row(work, shown(theirs, line.unit), shown(ours, line.unit), ratio, line.target, word, end_section=_last(line))
    return drawn


def shown(value: float | None, unit: str) -> str:
    """`value`: nan for what never happened."""
    if value is None or value != value:
        return DASH
    return f"{value:,.0f} {unit}" if value >= 100 or unit in COUNTS else f"{value:.2f} {unit}"


def _last(line: Line) -> bool:
    return [other for other in LINES if other.row == line.row][-1] is line


def shares(results: Results) -> list[str]:
    """Who used the processor: if the generator did, the figure is about the generator."""
    return [
        f"{row} {server}: of a core, server {found['server_cpu']:.0%}, generator {found['generator_cpu']:.0%}, "
        f"sink {found['sink_cpu']:.0%}, strangers {found['other_cpu']:.0%}{disturbed(found)}"
        for row, servers in results.items()
        for server, rounds in servers.items()
        if "generator_cpu" in (found := medians(rounds))
    ]


def disturbed(figures: Figures) -> str:
    """A warning: Alertmanager wants both cores and Tocsin one, so that strangers on the machine spoil the ratio, too."""
    return " (DISTURBED)" if figures.get("other_cpu", 0.0) > MOST_STRANGERS else ""


def as_json(results: Results) -> dict[str, object]:
    lines = [{"row": line.row, "figure": line.figure, "target": line.target, "reached": reached(line, results)}
             for line in LINES if line.row in results]  # fmt: skip
    return {"machine": machine(), "results": results, "lines": lines}


def machine() -> str:
    return f"{len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def show(results: Results, console: Console) -> None:
    console.print(table(results))
    for share in shares(results):
        console.print(share, style="dim", highlight=False)
    console.print(machine(), style="dim", highlight=False)
