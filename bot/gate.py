"""The front door of webhooks: who sends, how much and how fast, and which source a bare API call belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from aiohttp import web

from adapters.auth import Auth, bare
from adapters.reading import read_body, too_large
from adapters.source import Rejected, Request, Source, Stamp, Wanted
from bot.attempts import Attempts
from bot.bucket import Bucket
from bot.config import Config
from bot.fetch import Fetcher
from bot.proxies import seen_through

MOST_WANTED = 4
"""Fetches for one request: a certificate, a confirmation, and the same again should a reload come between."""

MOST_HELD = 256 * 1024 * 1024
"""Bytes of bodies that are still arriving, of all senders together."""

MOST_SECRETS = 1000
"""Remembered as proof of who sends."""


class Gate:
    """`clock`: seconds since the epoch; `ticks`: seconds that do not jump."""

    def __init__(
        self, config: Callable[[], Config], attempts: Attempts, clock: Callable[[], float], ticks: Callable[[], float]
    ) -> None:
        self._config, self._attempts, self._clock, self._ticks = config, attempts, clock, ticks
        self.fetcher = Fetcher(ticks)
        self._buckets: dict[str, Bucket] = {}
        self._held = 0
        self._kinds: tuple[Config | None, dict[str, tuple[Sequence[str], Sequence[str]]]] = (None, {})
        self._proven: dict[tuple[str, str], str] = {}  # secrets that were right, and whose: found by hash, not letter by letter

    def seen(self, request: web.Request) -> web.Request:
        """The request with the address and scheme of who really asks, where a trusted proxy tells."""
        return seen_through(self._config().trusted_proxies, request)

    def check_size(self, name: str, length: int | None) -> None:
        """Raises Rejected(413) for a body that says it is too large."""
        most = self._config().sources[name].max_body
        if length is not None and length > most:
            raise Rejected(413, f"the body has {length} bytes; `max_body` of source {name} is {most}")

    def prove(self, name: str, source: Source, request: Request) -> Stamp | None:
        """Whether the source's own sender sent it. Raises Rejected: 401, 403, 429 (beyond its rate, or for one who guesses).

        The rate counts only what is proven, so no stranger can use it up.
        """
        secret = self._auth(name).shown(request)
        if secret:
            self._attempts.admit(request.remote, secret)
        try:
            stamp = source.verify(request, self._clock())
        except Rejected as problem:
            if secret and problem.status == 401:
                self._attempts.wrong(request.remote, secret)
            raise
        self._welcome(name, secret)
        return stamp

    async def satisfy(self, name: str, prove: Callable[[Request], Stamp | None], request: Request) -> Stamp | None:
        """What `prove` says once it has all that it wants fetched. Raises Rejected: 503, too, when that cannot be."""
        for _ in range(MOST_WANTED):
            try:
                return prove(request)
            except Wanted as wanted:
                await self.fetcher.bring(name, wanted)
        raise Rejected(503, "who sent it cannot be told now; nothing was accepted, please try again", 1.0)

    def _welcome(self, name: str, secret: str) -> None:
        """After the proof. Raises Rejected(429) beyond the source's rate."""
        if secret:
            self._attempts.right(secret)
        rate = self._config().sources[name].rate
        if rate is None:
            return
        now, burst = self._ticks(), max(1.0, rate)
        bucket = self._buckets.setdefault(name, Bucket(rate, burst, now))
        bucket.change(rate, burst)
        if not bucket.take(now):
            what = f"more than {rate:g} requests a second; `rate` of source {name} allows no more"
            raise Rejected(429, what, bucket.wait(now))

    def bare(self, name: str, request: Request) -> Request:
        """The request without the secret in its address, where that is how the sender proves who it is."""
        auth = self._auth(name)
        return bare(auth, request) if auth.path or auth.query else request

    def arrived(self, name: str, request: web.Request) -> bytes | None:
        """The body, where all of it came with its head, as most do. Raises Rejected(413) when it is too large."""
        if not request.content.is_eof():
            return None
        most = self._config().sources[name].max_body
        body = request.content.read_nowait()
        if len(body) > most:
            raise too_large(len(body), most, f"`max_body` of source {name}")
        return body

    async def read(self, name: str, request: web.Request) -> bytes:
        """The body. Raises Rejected: 413 when it grows too large, 408 when the sender dawdles, 503 when too much comes."""
        most, limit = self._config().sources[name].max_body, f"`max_body` of source {name}"
        mine = 0

        def hold(size: int) -> None:
            nonlocal mine
            mine += size
            self._held += size
            if self._held > MOST_HELD:
                raise Rejected(503, "too many large requests at once; nothing was accepted, please try again", 1.0)

        try:
            return await read_body(request, most, limit, hold)
        finally:
            self._held -= mine

    def identify(
        self, kind: str, request: Request, sources: Mapping[str, Source], whole: bool = False
    ) -> tuple[str, Stamp | None] | None:
        """The source of that kind whose credential this is. Raises Rejected: 401, 429. None: only the body can tell.

        `whole`: the body is there. A source whose secret stands in its address cannot be found this way.
        """
        at_hand, late = self._of_kind(kind, sources)
        shows = [*at_hand, *late] if whole else at_hand
        secret = next((found for name in shows if (found := self._auth(name).shown(request))), "")
        known = self._proven.get((kind, secret))
        if known:
            self._welcome(known, secret)
            return known, None
        if secret:
            self._attempts.admit(request.remote, secret)
        refusals = []
        for name in late if whole else at_hand:
            try:
                stamp = sources[name].verify(request, self._clock())
            except Rejected as problem:
                refusals.append(f"{name}: {problem.reason}")
            else:
                if not whole:
                    self._remember(kind, name, secret)
                self._welcome(name, secret)
                return name, stamp
        if late and not whole:
            return None
        if secret:
            self._attempts.wrong(request.remote, secret)
        raise Rejected(401, "; ".join(refusals) or f"no source of type {kind} can be told by its credential here")

    def _remember(self, kind: str, name: str, secret: str) -> None:
        """Only where nothing but the secret tells whose it is: no address has a say."""
        if secret and len(self._proven) < MOST_SECRETS and not any(self._auth(one).ip for one in self.of_kind(kind)):
            self._proven[kind, secret] = name

    def of_kind(self, kind: str) -> Sequence[str]:
        """The sources of a kind that can be told by what they show, the most patient with large bodies first."""
        sources = self._config().sources
        names = [name for name, one in sources.items() if one.type == kind and not one.auth.path]
        return sorted(names, key=lambda name: -sources[name].max_body)

    def _of_kind(self, kind: str, sources: Mapping[str, Source]) -> tuple[Sequence[str], Sequence[str]]:
        """Those that can be told by the head of a request, and those that cannot; found once per config."""
        config = self._config()
        if self._kinds[0] is not config:
            self._kinds = config, {}
            self._proven.clear()
        found = self._kinds[1].get(kind)
        if found is None:
            names = self.of_kind(kind)
            late = [name for name in names if sources[name].needs_body]
            found = self._kinds[1][kind] = [name for name in names if name not in late], late
        return found

    def _auth(self, name: str) -> Auth:
        return self._config().sources[name].auth
