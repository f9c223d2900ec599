"""The load generator: a process of its own on uvloop, with requests made beforehand and no HTTP library in the way.

It reads a Job (JSON) on standard input and writes an Outcome to standard output. Run by `measure`.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, cast

import msgspec
import uvloop

from benchmarks.traffic import FIRING_FOR, alert, alone, ending, percentile, requests

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
TICKS = os.sysconf("SC_CLK_TCK")
HANGS_AFTER = 300.0


class Job(msgspec.Struct):
    """`resend`: all alerts once, then again and again, measured for `seconds` after `warm_up`. `once`: each one time.

    `calm`: one request at a time, each `pause` seconds after the answer to the one before. `ports`: of the servers, which take
    turns by connection; `servers`, `sink`, `database`: process ids, the latter with its children. `apart`: each alert in a group
    of its own. `started_at`: since when they fire, 0.0 for now; the same alert since another time is a change.
    """

    mode: Literal["resend", "once", "calm"]
    alerts: int
    ports: tuple[int, ...] = ()
    token: str = ""
    servers: tuple[int, ...] = ()
    sink: int = 0
    database: int = 0
    apart: bool = False
    firing_for: float = FIRING_FOR
    started_at: float = 0.0
    per_request: int = 1
    connections: int = 1
    warm_up: float = 0.0
    seconds: float = 0.0
    pause: float = 0.0
    first: int = 0


class Outcome(msgspec.Struct):
    """What was measured. CPU in shares of one core; `other_cpu`: of whatever runs on this machine and has no part in this.

    `p50`, `p99`: seconds to an answer. `sent`: when each calm alert was sent, on the monotonic clock.
    """

    alerts: int
    requests: int
    seconds: float
    p50: float
    p99: float
    own_cpu: float
    server_cpu: float
    sink_cpu: float
    database_cpu: float
    other_cpu: float
    refused: int
    sent: dict[str, float] = {}


def measure(job: Job) -> Outcome:
    """Runs the job in another process. Raises RuntimeError with its last words when it fails or hangs."""
    command, folder = [sys.executable, "-m", "benchmarks.load"], Path(__file__).parents[1]
    try:
        done = subprocess.run(command, input=msgspec.json.encode(job), capture_output=True, cwd=folder, timeout=HANGS_AFTER)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"the load generator was not done after {HANGS_AFTER:.0f} s") from None
    if done.returncode:
        raise RuntimeError(f"the load generator failed: {done.stderr.decode().strip().splitlines()[-1]}")
    return msgspec.json.decode(done.stdout, type=Outcome)


class Tally:
    """What was answered so far."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.refused = 0


class Client(asyncio.Protocol):
    """A keep-alive connection with one request under way. `done` ends when the feed does, or with what went wrong."""

    def __init__(self, feed: Iterator[bytes], tally: Tally) -> None:
        self._feed, self._tally = feed, tally
        self._buffer = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, which does not derive from it
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        status = whole(self._buffer)
        if status is None:
            return
        self._buffer = b""
        self._tally.times.append(time.monotonic() - self._sent_at)
        self._tally.refused += status >= 300
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(f"the server closed the connection: {exc}"))

    def _next(self) -> None:
        request = next(self._feed, None)
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.monotonic()
        self._transport.write(request)


def whole(buffer: bytes) -> int | None:
    """The status of a response that has arrived in full. Both servers say its length."""
    end = buffer.find(b"\r\n\r\n") + 4
    if end < 4:
        return None
    length = LENGTH.search(buffer, 0, end)
    if length is None:
        raise ValueError(f"a response without a length: {buffer[:200]!r}")
    return int(buffer[9:12]) if len(buffer) >= end + int(length[1]) else None


class Again:
    """The requests round and round until stopped, each round with a later `endsAt`."""

    def __init__(self, made: list[bytes]) -> None:
        self._made = made
        self.stopped = False

    def __iter__(self) -> Iterator[bytes]:
        while not self.stopped:
            now = time.time()
            for request in self._made:
                if self.stopped:
                    return
                yield ending(request, now)


async def connect(job: Job, feed: Iterator[bytes], tally: Tally) -> list[asyncio.Future[None]]:
    loop = asyncio.get_running_loop()
    ports = [job.ports[number % len(job.ports)] for number in range(job.connections)]
    made = [await loop.create_connection(lambda: Client(feed, tally), "127.0.0.1", port) for port in ports]
    return [client.done for _, client in made]


class Stopwatch:
    """Time, CPU and answers since it was started."""

    def __init__(self, job: Job, tally: Tally) -> None:
        self._job, self._tally = job, tally
        self._at, self._spent = time.monotonic(), _spent(job)
        self._answers, self._refused = len(tally.times), tally.refused

    def stop(self, sent: dict[str, float] | None = None) -> Outcome:
        seconds = time.monotonic() - self._at
        times = self._tally.times[self._answers :]
        own, servers, sink, database, all_cpu = (now - before for now, before in zip(_spent(self._job), self._spent, strict=True))
        return Outcome(
            alerts=len(times) * self._job.per_request,
            requests=len(times),
            seconds=seconds,
            p50=percentile(times, 0.5),
            p99=percentile(times, 0.99),
            own_cpu=own / seconds,
            server_cpu=servers / seconds,
            sink_cpu=sink / seconds,
            database_cpu=database / seconds,
            other_cpu=max(0.0, all_cpu - own - servers - sink - database) / seconds,
            refused=self._tally.refused - self._refused,
            sent=sent or {},
        )


def _spent(job: Job) -> tuple[float, ...]:
    """CPU seconds so far: of this process, of the servers, the sink, the database, of the whole machine."""
    servers, database = sum(map(spent_by, job.servers)), spent_by_family(job.database)
    return time.process_time(), servers, spent_by(job.sink), database, spent_by_all()


def spent_by(pid: int) -> float:
    """CPU seconds of a process with its threads; 0.0 for none."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() if pid else ["0"] * 13
    return (int(fields[11]) + int(fields[12])) / TICKS


def spent_by_family(pid: int) -> float:
    """CPU seconds of a process and its children, those that ended included."""
    if not pid:
        return 0.0
    alive = 0.0
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(FileNotFoundError):  # it ended just now, and is counted below
            alive += spent_by(int(child))
    ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[13:15]
    return spent_by(pid) + alive + sum(map(int, ended)) / TICKS


def spent_by_all() -> float:
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS  # all but idle time


async def resend(job: Job) -> Outcome:
    made = _made(job)
    await _once(job, _ended(made, job), Tally())
    tally, again = Tally(), Again(made)
    done = await connect(job, iter(again), tally)
    await asyncio.sleep(job.warm_up)
    watch = Stopwatch(job, tally)
    await asyncio.wait(done, timeout=job.seconds, return_when=asyncio.FIRST_EXCEPTION)
    outcome = watch.stop()
    again.stopped = True
    await asyncio.gather(*done)
    return outcome


async def once(job: Job) -> Outcome:
    made, tally = _ended(_made(job), job), Tally()
    watch = Stopwatch(job, tally)
    await _once(job, made, tally)
    return watch.stop()


async def _once(job: Job, made: list[bytes], tally: Tally) -> None:
    await asyncio.gather(*await connect(job, iter(made), tally))


async def calm(job: Job) -> Outcome:
    made = _ended(_made(job), job)
    tally, sent = Tally(), {}
    watch = Stopwatch(job, tally)
    reader, writer = await asyncio.open_connection("127.0.0.1", job.ports[0])
    for number, request in enumerate(made, job.first):
        at = sent[f"calm-{number}."] = time.monotonic()
        writer.write(request)
        answer = await reader.read(65536)
        while (status := whole(answer)) is None:
            answer += await reader.read(65536)
        tally.times.append(time.monotonic() - at)
        tally.refused += status >= 300
        await asyncio.sleep(job.pause)
    writer.close()
    return watch.stop(sent)


def _made(job: Job) -> list[bytes]:
    make = alone if job.mode == "calm" or job.apart else alert
    alerts = (make(number) for number in range(job.first, job.first + job.alerts))
    return requests(alerts, job.per_request, job.token, job.started_at or time.time())


def _ended(made: list[bytes], job: Job) -> list[bytes]:
    now = time.time()
    return [ending(request, now, job.firing_for) for request in made]


def main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    modes = {"resend": resend, "once": once, "calm": calm}
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(modes[job.mode](job))))


if __name__ == "__main__":
    main()
