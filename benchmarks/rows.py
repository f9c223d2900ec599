"""The rows: each brings one server up, works it, and returns what was measured, by the name of the figure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from benchmarks import storm as storms
from benchmarks.configs import Plan
from benchmarks.load import Job, Outcome, Stopwatch, Tally, measure
from benchmarks.servers import TOKEN, Failed, Server, SinkProcess, Tocsin
from benchmarks.storm import RATE, Storm
from benchmarks.traffic import percentile

Figures = dict[str, float]
Bring = Callable[[Plan], "tuple[Server, SinkProcess]"]
"""Builds a fresh server and a fresh sink, not started."""

QUIET_SECONDS = 60.0
RETRY = "5s"
"""In a storm Alertmanager is given a short `group_interval`: with its default it shows a tenth,
and the rest five minutes later."""
MB_OF = {"memory": "VmRSS", "peak": "VmHWM"}


class Scale(msgspec.Struct):
    """How much: rounds a server, seconds measured, alerts in all, alerts that are re-sent, calm alerts, pause between those.

    `patience`: seconds to wait at most until the machine has nothing else to do. `group_wait`: of row b. `quiet`: seconds
    without a message after which all is told.
    """

    rounds: int = 3
    seconds: float = 6.0
    warm_up: float = 3.0
    alerts: int = 100_000
    resent: int = 6_400
    calm: int = 200
    patience: float = 30.0
    pause: float = 0.02
    group_wait: str = "10s"
    quiet: float = 2.0
    storm: Storm = storms.STORM


QUICK = Scale(rounds=1, seconds=3.0, warm_up=2.0, patience=5.0)
TINY = Scale(rounds=1, seconds=0.2, warm_up=0.2, alerts=1_000, resent=128, calm=8, patience=0.0, group_wait="1s", quiet=0.3,
             storm=Storm(channels=2, alerts=60, seconds=1.0, after=4.0))  # fmt: skip


def resend_batches(bring: Bring, scale: Scale) -> Figures:
    return _resend(bring, scale, Job("resend", scale.resent, per_request=64, connections=8), "alerts")


def resend_single(bring: Bring, scale: Scale) -> Figures:
    return _resend(bring, scale, Job("resend", min(1000, scale.resent), connections=32), "requests")


def _resend(bring: Bring, scale: Scale, job: Job, counted: str) -> Figures:
    """The steady state: what fires has long been told, and is re-sent."""
    server, sink = bring(Plan("1s"))
    with _Running(server, sink):
        _work(server, sink, msgspec.structs.replace(job, mode="once"))
        _wait_until_told(server, sink, scale.quiet)
        job = msgspec.structs.replace(job, warm_up=scale.warm_up, seconds=scale.seconds)
        outcome = _work(server, sink, job)
        return {"rate": getattr(outcome, counted) / outcome.seconds, **_about(outcome)}


def new_alerts(bring: Bring, scale: Scale) -> Figures:
    """Alerts never seen before, each once; memory with the last answer (`early`) and when all is told."""
    server, sink = bring(Plan(scale.group_wait))
    with _Running(server, sink):
        _work(server, sink, _new(scale.alerts // 50, first=10_000_000))  # to warm up
        outcome = _work(server, sink, _new(scale.alerts))
        early = server.memory()
        _wait_until_told(server, sink, scale.quiet)
        memory = {name: server.memory(field) for name, field in MB_OF.items()}
        _check_known(server, scale.alerts + scale.alerts // 50)
        return {"rate": outcome.alerts / outcome.seconds, "early": early, **memory, **_about(outcome)}


def calm(bring: Bring, scale: Scale) -> Figures:
    """One alert at a time, each in a group of its own: from its POST to the call that tells people."""
    server, sink = bring(Plan("0s"))
    with _Running(server, sink):
        ignored = scale.calm // 5  # the first pay for connections and caches
        outcome = _work(server, sink, Job("calm", scale.calm + ignored, pause=scale.pause))
        arrived = _arrivals(sink, len(outcome.sent))
        late = [(arrived[name] - at) * 1000 for name, at in outcome.sent.items()][ignored:]
        return {"p50": percentile(late, 0.5), "p99": percentile(late, 0.99), "max": max(late), **_about(outcome)}


def kill(bring: Bring, scale: Scale) -> Figures:
    """`kill -9` after the last 2xx: what is still known when it is ready again, and how soon that is."""
    server, sink = bring(Plan("10s"))
    with _Running(server, sink):
        outcome = _work(server, sink, _new(scale.alerts))
        server.kill()
        ready = server.start()
        return {"kept": server.known(), "accepted": outcome.alerts, "ready": ready, **_about(outcome)}


def storm(bring: Bring, scale: Scale) -> Figures:
    """Ten times what the channels take. Both are watched for as long, though Tocsin is done before."""
    server, sink = bring(Plan("0s", scale.storm.channels, RETRY))
    with _Running(server, sink):
        sink.limit(RATE)
        tally = Tally()
        watch = Stopwatch(Job("once", scale.storm.alerts, servers=(server.pid,), sink=sink.pid), tally)
        accepted, answers = storms.send(server.port, TOKEN, scale.storm)
        tally.times += answers
        time.sleep(max(0.0, accepted[-1] + scale.storm.after - time.monotonic()))
        about = _about(watch.stop())
        if isinstance(server, Tocsin):
            return {**storms.of_cards(sink.get("/state"), accepted, scale.storm), **about}
        refused = sink.get("/counts")["answers"].get("429", 0)
        return {**storms.of_messages(sink.get("/arrivals")["arrived"], refused, accepted, scale.storm), **about}


def _new(alerts: int, first: int = 0) -> Job:
    return Job("once", alerts, per_request=100, connections=8, first=first)


class _Running:
    """Both processes, until the end of the row."""

    def __init__(self, server: Server, sink: SinkProcess) -> None:
        self._both = (sink, server)

    def __enter__(self) -> None:
        try:
            for process in self._both:
                process.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._both):
            process.stop()


def _work(server: Server, sink: SinkProcess, job: Job) -> Outcome:
    """Raises Failed when a single request was refused."""
    outcome = measure(msgspec.structs.replace(job, ports=(server.port,), token=TOKEN, servers=(server.pid,), sink=sink.pid))
    if outcome.refused:
        raise Failed(f"{server.name} refused {outcome.refused} of {outcome.requests} requests")
    return outcome


def _check_known(server: Server, wanted: int) -> None:
    if (known := server.known()) != wanted:
        raise Failed(f"{server.name} accepted {wanted} alerts and knows {known}")


def _wait_until_told(server: Server, sink: SinkProcess, quiet: float) -> None:
    """Until every group was told, and `quiet` seconds more. Raises Failed when people are told nothing."""
    give_up = time.monotonic() + QUIET_SECONDS
    before, since = 0, time.monotonic()
    while not before or time.monotonic() - since < quiet:
        if time.monotonic() > give_up:
            raise Failed(f"{server.name} told {before} groups and is not done after {QUIET_SECONDS:.0f} s")
        if (now := sink.get("/arrivals")["messages"]) != before:
            before, since = now, time.monotonic()
        time.sleep(0.1)


def _arrivals(sink: SinkProcess, wanted: int) -> Mapping[str, float]:
    give_up = time.monotonic() + QUIET_SECONDS
    while len(found := sink.get("/arrivals")["arrived"]) < wanted:
        if time.monotonic() > give_up:
            raise Failed(f"{wanted - len(found)} of {wanted} alerts were told to nobody")
        time.sleep(0.1)
    arrived: dict[str, float] = found
    return arrived


def _about(outcome: Outcome) -> dict[str, Any]:
    return {
        "answer_p50_ms": outcome.p50 * 1000,
        "answer_p99_ms": outcome.p99 * 1000,
        "generator_cpu": outcome.own_cpu,
        "server_cpu": outcome.server_cpu,
        "sink_cpu": outcome.sink_cpu,
        "other_cpu": outcome.other_cpu,
    }
