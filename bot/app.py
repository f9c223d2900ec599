"""Wires the concrete parts. Holds the only clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog
from aiohttp import web

from adapters import registry
from adapters.chat import Chat
from bot import metrics
from bot.absorb import Told
from bot.alertmanager.api import Alertmanager
from bot.api import Api
from bot.attempts import Attempts
from bot.commands import Commands
from bot.config import Config, ConfigErrors, build_sources, load
from bot.config.tls import context_of, refresh
from bot.delivery import Courier
from bot.desk import Desk
from bot.drain import Drain
from bot.drift import Drift
from bot.fallback import Fallback
from bot.gate import Gate
from bot.grounds import Loaded, joined_entry
from bot.grounds import note as note_config
from bot.health import Health
from bot.heard import Heard
from bot.intake import Intake
from bot.jobs import GRACE, Jobs
from bot.leader import Leader, Work
from bot.levels import judge_anew
from bot.mirror import Mirror
from bot.pages import Pages
from bot.policy import Policy
from bot.redraw import Redraw
from bot.reload import NeedsRestart, apply_policy, check_reloadable
from bot.renewal import LAG_SECONDS, Renewal
from bot.replicas import Replicas, digest
from bot.rollcall import Rollcall
from bot.roster import Roster
from bot.scribe import Scribe, warm_up
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
    """One Tocsin. bot/process.py adds signals. `ticks`: seconds that do not jump; without them, `clock` is one that does not."""

    def __init__(
        self, config: Config, path: Path | None = None, grace: float = GRACE, clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] | None = None,
    ) -> None:  # fmt: skip
        self.config, self._path, self._grace, self._clock, self._ticks = config, path, grace, clock, ticks or clock
        self._roster = Roster(clock)
        self._chats: dict[str, Chat] = {}
        self.standings = Standings(self._chats, self._policy, clock, self._settled)
        self.policy = Policy(config, self._roster, self.standings)
        self._sources = build_sources(config)
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
        self.leader = Leader(self.store, self._office, lambda: digest(self.config), self._gained, self._ended)
        self._mirror = Mirror(
            self.store, self._chats, self._policy, lambda: self.leader.leads, self._roster, self.standings, self.rollcall
        )
        people = (self.sign_in, self.commands, self.rollcall, self.standings, self._mirror.tell)
        desk = Desk(self._policy, self._clock, messages, *people)
        for name, chat in self.config.chats.items():
            self._chats[name] = registry.load(registry.CHATS[chat.type])(name, chat, desk)
            times = self._clock, self._ticks
            self._couriers.append(Courier(name, self._chats[name], self.store, self._policy, self.standings, *times))
        circuits = {courier.name: courier.circuit for courier in self._couriers}
        self._fallback = Fallback(self.store, self._policy, circuits, self._clock, self.wake)
        self._redraw = Redraw(self.store, self._policy, self.standings, self._clock, self.wake)
        self.notices = self.commands.notices
        self.heard = Heard(self.store, self.notices, time.monotonic, lambda: self.leader.leads)
        self.heard.look_at(self.config)
        await self.heard.flush()
        self.intake = Intake(self.store, self._policy, self._clock, self._told, self.heard)
        lag = LAG_SECONDS if self.store.line else 0.0
        self._jobs = Jobs(self.store, self._policy, self._clock, self._told, self.intake, self._grace, lag, self._ticks)
        drift, withheld = Drift(self.standings, self._chats, self._policy), Withheld(self.store, self._policy)
        self.health = Health(self.store, self._couriers, self._chats, drift, withheld, self.rollcall, self.heard)
        self.notices.add(drift.notices, withheld.notices, self.rollcall.notices, self.heard.notices, self._fallback.notices)
        self._drain = Drain()
        replicas = Replicas(self.store, self.intake, self._mirror, lambda: self.config, lambda: self.leader.leads, self._news)
        self.health.replicas = replicas.state
        self._server = await self._serve()
        self._tasks = [asyncio.create_task(work(), name=name) for name, work in self._everywhere().items()]
        for task in self._tasks:
            task.add_done_callback(self._ended)
        self.health.look_at(self.config)
        log.info("ready", listen=self.config.listen, sources=list(self._sources), chats=list(self._chats))

    def _everywhere(self) -> dict[str, Work]:
        """What each replica does. The first of it is to end first."""
        work: dict[str, Work] = {"leader": self.leader.run, "scribe": self._scribe.run, "heard": self.heard.run}
        work["warm-up"] = warm_up
        if self.store.line:
            renewal = Renewal(self.store, self._clock, self.intake.expiry)
            work |= {"mirror": self._mirror.run, "renewal": renewal.run}
        return work | {f"chat-{name}": partial(self._start, name) for name in self._chats if not self._is_held(name)}

    def _office(self) -> dict[str, Work]:
        """What only the leader does."""
        work: dict[str, Work] = {
            "jobs": self._jobs.run, "rollcall": self.rollcall.run, "standings": self.standings.run, "redraw": self._redraw.run,
            "watch": self._watch().run, "fallback": self._fallback.run,
            "retention": Retention(self.store, self._policy, self._clock, self.intake.forget).run,
        }  # fmt: skip
        work |= {f"courier-{courier.name}": courier.run for courier in self._couriers}
        return work | {f"chat-{name}": partial(self._hold, name) for name in self._chats if self._is_held(name)}

    def _gained(self) -> None:
        """This process leads from now on."""
        if self.store.line:
            self._jobs.begin()
        self._redraw.begin()

    def _news(self) -> None:
        """Another replica did something."""
        self.notices.changed.set()
        self.wake()

    def _is_held(self, chat: str) -> bool:
        """Whether only the leader is connected to this chat."""
        return self.store.line is not None and self.config.chats[chat].one_session

    async def _start(self, name: str) -> None:
        await self._chats[name].start()
        self.standings.started(name)

    async def _hold(self, name: str) -> None:
        try:
            await self._start(name)
            await asyncio.Event().wait()
        finally:
            await self._chats[name].stop()

    async def stop(self) -> None:
        """Takes nothing more, finishes what is under way, closes."""
        log.info("stopping")
        for tasks in (self._tasks[:1], self._tasks[1:]):  # first of all, somebody else may lead
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for name in self._chats:
            if not self._is_held(name):
                await self._chats[name].stop()
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
            policy, sources = Policy(config, self._roster, self.standings), build_sources(config)
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
        self.heard.look_at(config)
        self.intake.forget_all()
        self.health.config_error = ""
        metrics.RELOADS.labels("ok").inc()
        self.standings.wake()
        self.wake()
        if self.leader.leads:
            await self.leader.announce()
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
        self.gate = gate = Gate(lambda: self.config, self._attempts, self._clock, time.monotonic)
        gate.fetcher.tell(self.notices)
        self.health.fetches = gate.fetcher.troubles
        api = Api(self.store, self._policy, self.commands, self._link, self._attempts)
        pages = Pages(self.store, self._policy, self.sign_in, self._link)
        web_app = Web(self.intake, lambda: self._sources, gate, api, self.health, self._drain, registry.APIS)
        people = (self.store, self._policy, self.commands, self.intake, self._attempts, self._clock)
        routes = [*Alertmanager(*people, started=self._clock()).routes(), *pages.routes()]
        routes += [route for chat in self._chats.values() for route in chat.routes()]
        app = web_app.application(routes)
        return await serve(app, lambda: self.config, self._tls, web_app.front)

    def _told(self, told: Told) -> None:
        """After each commit: what happened goes to the log and the metrics, and those who act on it are woken."""
        for number, change in told:
            metrics.CHANGES.labels(change.kind.value).inc()
            log.info("incident_changed", incident=number, change=change.kind.value, by=change.by_log or None)
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
        for courier in self._couriers:  # people wait for what these have to tell
            courier.wake()
        self._jobs.wake()
        self.rollcall.wake()

    def _link(self, row: Delivery) -> str:
        channel = self.policy.channels.get(row.channel)
        chat = self._chats.get(channel.chat) if channel else None
        return chat.link(channel, row.ref) if chat and channel and row.ref else ""

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A worker must never end by itself; if one does, everybody is told."""
        if not task.cancelled() and (problem := task.exception()):
            self.health.fault = f"{task.get_name()} ended: {problem!r}"
            log.error("worker_ended", worker=task.get_name(), exc_info=problem)
