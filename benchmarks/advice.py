"""The load model as a table: python -m benchmarks model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.costs import Measured
from benchmarks.measured import POSTGRES, SQLITE, costs_of
from benchmarks.model import Costs, Load, Need, instances, needs

STANDARD = Load()


class Found(msgspec.Struct):
    """The file that `costs --json` writes."""

    costs: list[Measured]


def advise(
    alerts: Annotated[int, typer.Option(help="Alerts that fire at a time.")] = STANDARD.alerts,
    new: Annotated[float, typer.Option("--new", "--rate", help="New alerts a second.")] = STANDARD.new,
    resend: Annotated[float, typer.Option(help="Seconds after which a sender repeats an alert.")] = STANDARD.resend,
    batch: Annotated[int, typer.Option(help="Alerts in one request.")] = STANDARD.batch,
    sources: Annotated[int, typer.Option(help="Sources that share the alerts evenly.")] = STANDARD.sources,
    replicas: Annotated[int, typer.Option(help="Processes; more than one need PostgreSQL.")] = STANDARD.replicas,
    store: Annotated[str, typer.Option(help="sqlite or postgres.")] = "",
    channels: Annotated[int, typer.Option(help="Channels in all.")] = STANDARD.channels,
    workspaces: Annotated[int, typer.Option(help="Slack workspaces, or Discord bots, that share them.")] = STANDARD.workspaces,
    chat: Annotated[str, typer.Option(help="slack or discord.")] = STANDARD.chat,
    incidents: Annotated[float, typer.Option(help="Incidents a day.")] = STANDARD.incidents,
    drawn: Annotated[float, typer.Option(help="Calls to a chat for each: its card and its edits.")] = STANDARD.drawn,
    storm: Annotated[int, typer.Option(help="Incidents that open at once in a storm.")] = STANDARD.storm,
    keep_days: Annotated[float, typer.Option(help="Days that resolved incidents are kept (`keep`).")] = STANDARD.keep_days,
    costs: Annotated[Path | None, typer.Option(help="Reckon with this file of `costs --json`.")] = None,
) -> None:
    """Computes what a load needs: cores, memory, disk, calls to chats. No measuring; it takes no time."""
    store = store or ("postgres" if replicas > 1 else "sqlite")
    if store not in ("sqlite", "postgres") or chat not in ("slack", "discord"):
        raise typer.BadParameter("the store is sqlite or postgres, the chat slack or discord")
    if store == "sqlite" and replicas > 1:
        raise typer.BadParameter("replicas need PostgreSQL")
    load = Load(alerts=alerts, new=new, resend=resend, batch=batch, sources=sources, replicas=replicas, channels=channels,
                workspaces=workspaces, chat=chat, incidents=incidents, drawn=drawn, storm=storm, keep_days=keep_days)  # fmt: skip
    reckoned = reckon(store, costs)
    show(needs(load, reckoned), reckoned, Console(width=None if Console().is_terminal else 140))


def reckon(store: str, file: Path | None) -> Costs:
    """The costs on that store. Raises BadParameter when the file does not hold them."""
    if file is None:
        return POSTGRES if store == "postgres" else SQLITE
    places = {one.place: one for one in msgspec.json.decode(file.read_bytes(), type=Found).costs}
    try:
        postgres = places["PostgreSQL, 1 replica"]
        return costs_of(postgres if store == "postgres" else places["SQLite"], postgres)
    except KeyError as missing:
        raise typer.BadParameter(f"{file} holds no costs of {missing}") from None


def show(found: list[Need], costs: Costs, console: Console) -> None:
    table = Table(title=f"What this load needs (costs as on {costs.store})")
    table.add_column("")
    for heading in ("needs", "there is", ""):
        table.add_column(heading, justify="right")
    table.columns[-1].justify = "left"
    for one in found:
        limit = f"{number(one.limit)} {one.unit}" if one.limit else ""
        word = "" if not one.limit else "[green]fits" if one.fits else f"[red]too much:[/red] {one.remedy}"
        table.add_row(one.name, f"{number(one.value)} {one.unit}", limit, word)
    console.print(table)
    if (count := instances(found)) > 1:
        console.print(f"One leader and one writer do not carry it: {count} instances do, each with its channels and its store.")


def number(value: float) -> str:
    """Two digits are all that it is good for."""
    if value and value < 0.01:
        return "< 0.01"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
