"""Wires the concrete parts and runs them until told to stop. Holds the only clock."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog
import uvloop
from aiohttp import web

from adapters import registry
from adapters.chat import Chat
from adapters.source import Source
from bot import log as logs
from bot import metrics
from bot.absorb import Told
from bot.api import Api
from bot.attempts import Attempts
from bot.commands import Commands
from bot.config import Config, ConfigErrors, load
from bot.config.tls import context_of, refresh
from bot.delivery import Courier
from bot.desk import Desk
from bot.drain import Drain
from bot.drift import Drift
from bot.gate import Gate
from bot.grounds import Loaded, joined_entry
from bot.grounds import note as note_config
from bot.health import Health
from bot.intake import Intake
from bot.jobs import GRACE, Jobs
from bot.levels import judge_anew
from bot.pages import Pages
from bot.policy import Policy
from bot.redraw import Redraw
from bot.reload import NeedsRestart, apply_policy, check_reloadable
from bot.rollcall import Rollcall
from bot.roster import Roster
from bot.scribe import Scribe
from bot.serving import serve
from bot.standings import Standings
from bot.store.deliveries import Delivery
from bot.store.engine import Store
from bot.store.messages import Messages
from bot.store.retention import Retention
from bot.store.sessions import SignIn
from bot.store.writer import StoreUnavailable
from bot.watch import Watch
from bot.web import Web
from bot.withheld import Withheld
from rules.grounds import Joined

log = structlog.get_logger()

DRAIN_SECONDS = 5.0
"""How long requests under way may take to end after SIGTERM."""


class App:
    """One Tocsin. `start` and `stop` are for tests and the demo; `run` below adds signals."""

    def __init__(
        self, config: Config, path: Path | None = None, grace: float = GRACE, clock: Callable[[], float] = time.time
    ) -> None:
        self.config, self._path, self._grace, self._clock = config, path, grace, clock
        self._roster = Roster(clock)
        self._chats: dict[str, Chat] = {}
        self.standings = Standings(self._chats, self._policy, clock, self._settled)
        self.policy = Policy(config, self._roster, self.standings)
        self._sources = _build_sources(config)
        self._tls = context_of(config.tls) if config.tls else None
        self._tasks: list[asyncio.Task[None]] = []
        self._couriers: list[Courier] = []

    async def start(self) -> None:
        """Opens the store, listens, delivers. Raises StoreUnavailable, OSError with what to do."""
        self.store = await Store.open(self.config.store)
        await apply_policy(self.store, self.policy, self._clock())
        await judge_anew(self.store, self.policy, self._clock())
        await self._note(self.config, "start")
        self._scribe = Scribe(self.store)
        self.commands = Commands(self.store, self._policy, self._clock, self._told, self.wake)
        self._attempts = Attempts(time.monotonic)
        self.sign_in = SignIn(
            self.store,
            self._clock,
            lambda token: self.policy.person_of_token(token),
            lambda who: who in self.config.people,
            self._attempts,
        )
        self.rollcall = Rollcall(self._roster, self._chats, self._policy, self._clock, self._members_changed)
        messages = Messages(self.store, self._clock)
        desk = Desk(self._policy, self._clock, messages, self.sign_in, self.commands, self.rollcall, self.standings)
        for name, chat in self.config.chats.items():
            self._chats[name] = registry.load(registry.CHATS[chat.type])(name, chat, desk)
            self._couriers.append(Courier(name, self._chats[name], self.store, self._policy, self.standings, self._clock))
        self._redraw = Redraw(self.store, self._policy, self.standings, self._clock, self.wake)
        self.intake = Intake(self.store, self._policy, self._clock, self._told)
        self._jobs = Jobs(self.store, self._policy, self._clock, self._told, self.intake, self._grace)
        drift, withheld = Drift(self.standings, self._chats, self._policy), Withheld(self.store, self._policy)
        self.health = Health(self.store, self._couriers, self._chats, drift, withheld, self.rollcall)
        self.notices = self.commands.notices
        self.notices.add(drift.notices, withheld.notices, self.rollcall.notices)
        self._drain = Drain()
        self._server = await self._serve()
        self._tasks = [
            asyncio.create_task(self._jobs.run(), name="jobs"),
            asyncio.create_task(self._scribe.run(), name="scribe"),
            asyncio.create_task(self.rollcall.run(), name="rollcall"),
            asyncio.create_task(self.standings.run(), name="standings"),
            asyncio.create_task(self._redraw.run(), name="redraw"),
            asyncio.create_task(self._watch().run(), name="watch"),
            asyncio.create_task(Retention(self.store, self._policy, self._clock).run(), name="retention"),
            *(asyncio.create_task(courier.run(), name=f"courier-{courier.name}") for courier in self._couriers),
            *(asyncio.create_task(self._start(name, chat), name=f"chat-{name}") for name, chat in self._chats.items()),
        ]
        for task in self._tasks:
            task.add_done_callback(self._ended)
        self.health.look_at(self.config)
        log.info("ready", listen=self.config.listen, sources=list(self._sources), chats=list(self._chats))

    async def _start(self, name: str, chat: Chat) -> None:
        await chat.start()
        self.standings.started(name)

    async def stop(self) -> None:
        """Takes nothing more, finishes what is under way, closes."""
        log.info("stopping")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for chat in self._chats.values():
            await chat.stop()
        for site in list(self._server.sites):
            await site.stop()
        await self._drain.wait(DRAIN_SECONDS)
        await self._server.cleanup()
        await self.store.close()
        log.info("stopped")

    async def reload(self) -> bool:
        """Takes over the config file as it is now; keeps the old config if the new one is wrong."""
        try:
            config = load(self._path or Path("config.yaml"))
            check_reloadable(self.config, config)
            policy, sources = Policy(config, self._roster, self.standings), _build_sources(config)
            await judge_anew(self.store, policy, self._clock())
            await self._note(config, "reload")
            await apply_policy(self.store, policy, self._clock())  # last: what it has looked at again must meet the new policy
        except (ConfigErrors, StoreUnavailable, NeedsRestart) as problem:
            self.health.config_error = str(problem)
            metrics.RELOADS.labels("refused").inc()
            log.error("reload_refused", reason=str(problem))
            return False
        self.config, self.policy, self._sources = config, policy, sources
        refresh(self._tls, config.tls)
        self.health.look_at(config)
        self.intake.forget_all()
        self.health.config_error = ""
        metrics.RELOADS.labels("ok").inc()
        self.standings.wake()
        self.wake()
        log.info("reloaded", sources=list(sources))
        return True

    async def _note(self, config: Config, by: str) -> None:
        """Has the audit log tell the config. Its head then stands in the log of the process, too: a copy kept elsewhere."""
        row = await self.store.write(note_config, Loaded(config, str(self._path or ""), by, self._clock()))
        log.info("config_audited", row=row.id, head=row.hash)

    @property
    def port(self) -> int:
        """The port it listens on, also when the config says 0."""
        return int(self._server.addresses[0][1])

    def _watch(self) -> Watch:
        def deaf() -> dict[str, str]:
            return {name: chat.trouble for name, chat in self._chats.items() if chat.trouble}

        return Watch(self.store, self._policy, self._clock, self._told, lambda: self.health.config_error, deaf, self.notices)

    def _policy(self) -> Policy:
        return self.policy

    async def _serve(self) -> web.AppRunner:
        gate = Gate(lambda: self.config, self._attempts, self._clock, time.monotonic)
        api = Api(self.store, self._policy, self.commands, self._link, self._attempts)
        pages = Pages(self.store, self._policy, self.sign_in, self._link)
        web_app = Web(self.intake, lambda: self._sources, gate, api, self.health, self._drain)
        routes = [route for chat in self._chats.values() for route in chat.routes()]
        app = web_app.application([*routes, *pages.routes()])
        return await serve(app, lambda: self.config, self._tls)

    def _told(self, told: Told) -> None:
        """After each commit: what happened goes to the log and the metrics, and those who act on it are woken."""
        for number, change in told:
            metrics.CHANGES.labels(change.kind.value).inc()
            log.info("incident_changed", incident=number, change=change.kind.value, by=change.by or None)
        if told:
            self.wake()

    def _members_changed(self, chat: str, group: str) -> None:
        """Somebody came to a group of a chat, or left it: other people may read and do now."""
        for one in self.policy.platform_groups:
            if (one.chat, one.name) == (chat, group):
                self._scribe.note(joined_entry(Joined(group, chat, self._roster.members(chat, one.id)), self._clock()))
        self.standings.audience_changed()
        self.wake()

    def _settled(self) -> None:
        """What channels merit may be something else now."""
        self._redraw.wake()
        self.notices.changed.set()
        for courier in self._couriers:
            courier.wake()

    def wake(self) -> None:
        """Has everybody look at the store and the clock anew: after each commit, or when the clock was set."""
        self._jobs.wake()
        self.rollcall.wake()
        for courier in self._couriers:
            courier.wake()

    def _link(self, row: Delivery) -> str:
        channel = self.policy.channels.get(row.channel)
        chat = self._chats.get(channel.chat) if channel else None
        return chat.link(channel, row.ref) if chat and channel and row.ref else ""

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A worker must never end by itself; if one does, everybody is told."""
        if not task.cancelled() and (problem := task.exception()):
            self.health.fault = f"{task.get_name()} ended: {problem!r}"
            log.error("worker_ended", worker=task.get_name(), exc_info=problem)


def _build_sources(config: Config) -> Mapping[str, Source]:
    return {name: registry.load(registry.SOURCES[source.type])(name, source) for name, source in config.sources.items()}


def run(config_path: Path) -> int:
    """Runs Tocsin until SIGTERM or Ctrl-C. Returns the exit code; raises ConfigErrors before anything is started."""
    logs.set_up()
    config = load(config_path)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(App(config, config_path)))


async def _run(app: App) -> int:
    try:
        await app.start()
    except (StoreUnavailable, OSError) as problem:
        log.error("start_failed", reason=str(problem))
        return 1
    reloads: set[asyncio.Task[bool]] = set()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: reloads.add(asyncio.ensure_future(app.reload())))
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
