"""The command line. Each command imports what it needs when it runs, so that `--help` is quick."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

app = typer.Typer(
    name="tocsin",
    help="The alert bridge that never loses an accepted alert and never shows one to the wrong eyes.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help, alike on a terminal and in a pipe
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigFile = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Labels = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ALERT", help="Its labels as label=value …, a file of JSON, or - for the standard input.", show_default=False
    ),
]
DEFAULT = Path("config.yaml")


class SendCommand(TyperCommand):
    """Takes a lone `--as` for the question which kinds there are."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        following = zip(args, [*args[1:], "-"], strict=True)
        named = [[word, ""] if word == "--as" and after.startswith("-") else [word] for word, after in following]
        return super().parse_args(ctx, [word for words in named for word in words])


def main() -> None:
    """Runs the command line. Exit codes: 0 yes, 1 no, 2 the command or the configuration is wrong."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # where the terminal's encoding has no check mark
    app()


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"tocsin {version('tocsin')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _without_command(
    context: typer.Context,
    _: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("run")
def run_command(config: ConfigFile = DEFAULT) -> None:
    """Run the bot."""
    from bot.cli.screen import MISUSED, complain_of
    from bot.config import ConfigErrors
    from bot.process import run

    try:
        raise typer.Exit(run(config))
    except ConfigErrors as error:
        complain_of(error.problems)
        raise typer.Exit(MISUSED) from None


@app.command("demo")
def demo_command(once: Annotated[bool, typer.Option("--once", help="Play the story once, then end.")] = False) -> None:
    """See it work: made-up alerts, no account, no configuration."""
    from bot.demo import demo

    raise typer.Exit(demo(once=once))


@app.command("check")
def check_command(config: ConfigFile = DEFAULT, as_json: AsJson = False) -> None:
    """Check the configuration and run its tests.

    Exit code 1: a test fails. 2: the configuration has mistakes.
    """
    from bot.cli.check import check, check_json

    raise typer.Exit((check_json if as_json else check)(config))


@app.command("explain")
def explain_command(
    alert: Labels = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When: 2026-01-06T03:00:00Z. By default now.")] = None,
    config: ConfigFile = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Tell where an alert would go, and why.

    For example: tocsin explain alertname=PgDown team=db severity=critical
    """
    from bot.cli.explain import explain, explain_json
    from bot.cli.labels import read_alerts
    from bot.cli.screen import misused, read_config
    from bot.config.moment import parse_moment

    try:
        alerts = read_alerts(alert or [])
        moment = parse_moment(at) if at else time.time()
    except ValueError as error:
        raise misused(str(error)) from None
    (explain_json if as_json else explain)(read_config(config), alerts, moment)


@app.command("access")
def access_command(
    alert: Labels = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When, as the audit log has it: 2026-01-06 or 2026-01-06T03:00Z. By default now."),
    ] = None,
    config: ConfigFile = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Tell who can see an alert, or could at some time: in which channels, by which groups.

    For example: tocsin access team=payments --at 2026-01-06. Exit code 1: the audit log begins later.
    """
    from bot.cli.access import access
    from bot.cli.labels import read_alerts
    from bot.cli.screen import misused, read_config
    from bot.config.moment import parse_moment
    from bot.store.writer import StoreUnavailable

    try:
        alerts = read_alerts(alert or [])
        moment = parse_moment(at) if at else None
        raise typer.Exit(access(read_config(config), alerts, moment, time.time(), as_json))
    except (ValueError, StoreUnavailable) as error:
        raise misused(str(error)) from None


@app.command("send", cls=SendCommand)
def send_command(
    alert: Labels = None,
    to: Annotated[
        str | None, typer.Option(metavar="URL", help="The bot's address. By default as the configuration says.")
    ] = None,
    source: Annotated[str | None, typer.Option(metavar="NAME", help="Which of its sources to be.")] = None,
    token: Annotated[str | None, typer.Option(metavar="T", help="The source's bearer token.")] = None,
    kind: Annotated[
        str | None, typer.Option("--as", metavar="KIND", help="Send the sample of this kind of source; alone: list them.")
    ] = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Tell that the alert is over.")] = False,
    config: ConfigFile = DEFAULT,
) -> None:
    """Send a sample alert to a running bot.

    For example: tocsin send alertname=PgDown team=db severity=critical, or: tocsin send --as zabbix
    """
    from bot.cli.labels import read_alerts
    from bot.cli.sample import check_kind
    from bot.cli.screen import misused, read_config
    from bot.cli.send import SAMPLE, Options, send

    try:
        if kind is not None:
            check_kind(kind)
        if kind is not None and alert:
            raise ValueError("a sample is sent as it is: give an alert's labels, or --as")
        alerts = read_alerts(alert) if alert else [SAMPLE]
        loaded = None if to and not config.exists() else read_config(config)
        code = send(alerts, Options(to, source, token, kind, resolved), time.time(), loaded)
    except ValueError as error:
        raise misused(str(error)) from None
    raise typer.Exit(code)


@app.command("doctor")
def doctor_command(config: ConfigFile = DEFAULT, as_json: AsJson = False) -> None:
    """Look whether what is outside fits the configuration.

    Tokens, rights, channels, the database. It changes nothing. Exit code 1: there is something to do.
    """
    from bot.cli.doctor import doctor
    from bot.cli.screen import read_config

    raise typer.Exit(doctor(read_config(config), as_json))


audit_app = typer.Typer(help="The audit log: who did and saw what.", rich_markup_mode=None, no_args_is_help=True)
app.add_typer(audit_app, name="audit")


@audit_app.command("verify")
def audit_verify_command(
    expect: Annotated[
        str | None, typer.Option(metavar="HASH", help="A head that was noted earlier: the log must still hold it.")
    ] = None,
    config: ConfigFile = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Check that no row of the audit log was changed, removed or added later.

    Prints the hash of the last row, the head. Exit code 1: the log is not as it was written, and which row shows it.
    """
    from bot.cli.audit import verify
    from bot.cli.screen import misused, read_config
    from bot.store.writer import StoreUnavailable

    if expect is not None and not (len(expect) == 64 and set(expect.lower()) <= set("0123456789abcdef")):
        raise misused("--expect takes a whole hash, 64 characters, as `tocsin audit verify` prints it")
    try:
        raise typer.Exit(verify(read_config(config).store, (expect or "").lower(), as_json))
    except StoreUnavailable as error:
        raise misused(str(error)) from None


@audit_app.command("export")
def audit_export_command(
    form: Annotated[str, typer.Option("--format", metavar="FORM", help="jsonl: one JSON object a line; or csv.")] = "jsonl",
    since: Annotated[str | None, typer.Option(metavar="TIME", help="From this time on: 2026-01-06 or 2026-01-06T03:00Z.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Before this time.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="act, refusal, disclosure, standing, config, …")] = None,
    actor: Annotated[str | None, typer.Option(metavar="PERSON", help="What this person did, was refused or was shown.")] = None,
    incident: Annotated[int | None, typer.Option(metavar="NUMBER", help="What is about this incident.")] = None,
    config: ConfigFile = DEFAULT,
) -> None:
    """Print the audit log, or a part of it.

    For example: tocsin audit export --format csv --since 2026-01-01 --kind disclosure
    """
    from bot.cli.audit import FORMS, Wanted, export
    from bot.cli.screen import misused, read_config
    from bot.config.moment import parse_moment
    from bot.store.writer import StoreUnavailable
    from rules.audit_entry import Event

    try:
        if form not in FORMS:
            raise misused(f"--format {form}: expected {' or '.join(FORMS)}")
        if kind is not None and kind not in list(Event):
            raise misused(f"--kind {kind}: expected one of {', '.join(Event)}")
        begin, end = (parse_moment(text) if text else None for text in (since, until))
        export(read_config(config).store, Wanted(begin, end, kind or "", actor or "", incident or 0), form)
    except (ValueError, StoreUnavailable) as error:
        raise misused(str(error)) from None


@app.command("slack-manifest")
def slack_manifest_command(
    chat: Annotated[str | None, typer.Option(metavar="NAME", help="Which of the chats. By default the first of Slack.")] = None,
    http: Annotated[
        str | None, typer.Option(metavar="URL", help="Over HTTP, with Slack calling this address. By default Socket Mode.")
    ] = None,
    config: ConfigFile = DEFAULT,
) -> None:
    """Print the manifest from which Slack makes the app.

    Needs neither tokens nor a configuration, which both come after it.
    """
    from bot.cli.slack import print_manifest

    print_manifest(config, chat, http)


@app.command("schema")
def schema_command() -> None:
    """Print the configuration's JSON Schema, for editors."""
    from bot.cli.screen import say_json
    from bot.config.schema import json_schema

    say_json(json_schema())


@app.command("version")
def version_command() -> None:
    """Print the version."""
    _print_version(True)
