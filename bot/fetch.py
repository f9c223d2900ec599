"""Fetches what a source wants before it can tell who sent a request: a certificate, a confirmation (docs/adr/0008).

The source has looked at the address already; here stands how it is asked, so that nobody can make Tocsin ask much or for long.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver
from yarl import URL

from adapters.proxy import proxy_of
from adapters.source import Rejected, Wanted
from bot import metrics
from bot.bucket import Bucket
from bot.notice import Key, Notice, Notices

log = structlog.get_logger()

MOST_BYTES = 16 * 1024
SECONDS = 5.0
FAILED_SECONDS = 60.0
"""For how long an address that failed is not asked again."""

TOLD_SECONDS = 600.0
"""For how long the admins are told of a failure that nothing contradicts."""

BURST, PER_SECOND = 10.0, 0.2
"""Of one source: so many at once, then one every 5 seconds."""

MOST_FAILED = 1000


class Fetcher:
    """`clock`: seconds that do not jump. `changed` is called when the admins are to be told something else.

    `resolver`, `trust`: who says where a host is, and whose certificates count; the system's own, but for tests.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.changed: Callable[[], object] = lambda: None
        self.resolver: AbstractResolver | None = None
        self.trust: ssl.SSLContext | bool = True
        self._under_way: dict[tuple[str, str], asyncio.Task[str]] = {}
        self._turn: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._budget: defaultdict[str, Bucket] = defaultdict(lambda: Bucket(PER_SECOND, BURST, clock()))
        self._failed: dict[tuple[str, str], tuple[float, str]] = {}
        self._trouble: dict[tuple[str, str], tuple[float, str]] = {}

    async def bring(self, source: str, wanted: Wanted) -> None:
        """Fetches it and has the source keep it; whoever wants the same waits for the same. Raises Rejected (503): come again."""
        key, now = (source, wanted.address), self._clock()
        until, why = self._failed.get(key, (0.0, ""))
        if until > now:
            raise _refusal(wanted, why, until - now)
        task = self._under_way.get(key)
        if task is None:
            if not self._budget[source].take(now):
                raise _refusal(wanted, "too many were wanted lately", self._budget[source].wait(now))
            task = self._under_way[key] = asyncio.create_task(self._fetch(source, wanted))
            task.add_done_callback(lambda _: self._under_way.pop(key))
        if why := await asyncio.shield(task):  # who hangs up ends only its own waiting
            raise _refusal(wanted, why, FAILED_SECONDS)

    def tell(self, notices: Notices) -> None:
        """Has the admins told from now on."""
        self.changed = notices.changed.set
        notices.add(self.notices)

    def troubles(self) -> dict[str, str]:
        """What could not be fetched lately, and why, by source."""
        now = self._clock()
        self._trouble = {key: found for key, found in self._trouble.items() if found[0] > now}
        return {f"source {source}": why for (source, _), (_, why) in self._trouble.items()}

    async def notices(self) -> Mapping[Key, Notice]:
        return {("TocsinCannotFetch", source): Notice(why) for source, why in self.troubles().items()}

    async def _fetch(self, source: str, wanted: Wanted) -> str:
        """Why it failed; an empty text if it did not."""
        why = ""
        async with self._turn[source]:
            try:
                wanted.keep(await self._get(wanted.address))
            except TimeoutError:
                why = f"no answer within {SECONDS:g} s"
            except (aiohttp.ClientError, OSError) as problem:  # some are ValueErrors, too; their texts hold the address
                why = type(problem).__name__
            except ValueError as problem:  # what came is no good, in words
                why = str(problem)
        self._ended(source, wanted, why)
        return why

    def _ended(self, source: str, wanted: Wanted, why: str) -> None:
        metrics.FETCHES.labels(source, wanted.what, "failed" if why else "ok").inc()
        host, now, about = urlsplit(wanted.address).hostname, self._clock(), (source, wanted.what)
        if not why:
            log.info("fetched", source=source, what=wanted.what, host=host)
            self._trouble.pop(about, None)
        else:
            log.warning("fetch_failed", source=source, what=wanted.what, host=host, reason=why)
            text = f"Source {source} wants a {wanted.what} from {host}, which fails: {why}. So long its alerts are refused."
            self._trouble[about] = now + TOLD_SECONDS, text
            self._failed[source, wanted.address] = now + FAILED_SECONDS, why
            if len(self._failed) > MOST_FAILED:
                del self._failed[next(iter(self._failed))]
        self.changed()

    async def _get(self, address: str) -> bytes:
        """Raises ValueError, in words, for an answer that is none; ClientError, OSError, TimeoutError."""
        if not address.startswith("https://"):
            raise ValueError("it is not https")
        connector = aiohttp.TCPConnector(resolver=self.resolver, ssl=self.trust, force_close=True)
        time, jar, found = aiohttp.ClientTimeout(total=SECONDS), aiohttp.DummyCookieJar(), b""
        async with (
            aiohttp.ClientSession(connector=connector, timeout=time, cookie_jar=jar, auto_decompress=False) as http,
            http.get(URL(address, encoded=True), allow_redirects=False, proxy=proxy_of(address)) as answer,
        ):
            if answer.status != 200:
                raise ValueError(f"the answer is {answer.status}")
            async for chunk in answer.content.iter_any():
                found += chunk
                if len(found) > MOST_BYTES:
                    raise ValueError(f"the answer is larger than {MOST_BYTES} bytes")
        return found


def _refusal(wanted: Wanted, why: str, wait: float) -> Rejected:
    return Rejected(503, f"the {wanted.what} cannot be fetched: {why}; nothing was accepted, please try again", wait)
