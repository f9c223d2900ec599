"""Tocsin as a process: its signals, what it says at its start, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from pathlib import Path

import structlog
import uvloop

from bot import log as logs
from bot.app import App
from bot.config import Config, load
from bot.store.writer import StoreUnavailable

log = structlog.get_logger()


def run(config_path: Path) -> int:
    """Runs Tocsin until SIGTERM or Ctrl-C. Returns the exit code; raises ConfigErrors before anything is started."""
    logs.set_up()
    config = load(config_path)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(App(config, config_path, ticks=time.monotonic)))


async def _run(app: App) -> int:
    try:
        await app.start()
    except (StoreUnavailable, OSError) as problem:
        log.error("start_failed", reason=str(problem))
        return 1
    reloads: set[asyncio.Task[bool]] = set()

    def reload() -> None:
        reloads.add(task := asyncio.ensure_future(app.reload()))
        task.add_done_callback(reloads.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    _spare_the_collector()
    announce(app)
    await wait_for_stop()
    await app.stop()
    return 0


def _spare_the_collector() -> None:
    """What exists now stays for good; the garbage collector need not walk it again and again (a tenth of intake)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


async def wait_for_stop() -> None:
    """Returns on SIGTERM or Ctrl-C."""
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await stopping.wait()


def announce(app: App) -> None:
    """Says where the console is, with a link that signs its first admin in once."""
    person = first_admin(app.config)
    if person and any(chat.type == "console" for chat in app.config.chats.values()):
        sys.stdout.write(f"Console: {app.config.public_url}/signin?code={app.sign_in.one_time_code(person)}\n")
        sys.stdout.write(f"The link signs in {app.config.people[person].name}, once, within 15 minutes.\n")
        sys.stdout.flush()


def first_admin(config: Config) -> str | None:
    """The first member of the admin groups, else the first person."""
    admins = [member for group in config.admin.groups for member in config.groups[group].members]
    return next(iter([*admins, *config.people]), None)
