"""The port of a source: bytes in, reports out. Synchronous and without network, so that a file can test it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

import msgspec

from rules.alert import BadAlert, Report


class Request(msgspec.Struct, frozen=True):
    """What arrived. `path`: below the source's own address. `remote`: the sender's IP address.

    `headers` are looked up by lower-case names, whatever case they came in.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    remote: str
    query: Mapping[str, str] = {}


class Response(msgspec.Struct, frozen=True):
    """What the sender gets once everything is committed."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}


class Rejected(Exception):
    """A request that is not accepted, or a part of one. `status`: the HTTP status. The reason names the field, never a secret.

    `retry_after`: the seconds after which to come again; 0.0: nothing is said of it.
    """

    def __init__(self, status: int, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class Wanted(Exception):
    """What must be fetched before a source can tell who sent a request; it is asked again afterwards. See docs/adr/0008.

    `address`: https, its host known to be good. `what` it is: a word for the log and a metric. `keep` takes the content over;
    it raises ValueError, which says why in words without any content, for one that is no good.
    """

    def __init__(self, address: str, what: str, keep: Callable[[bytes], None]) -> None:
        super().__init__(what)
        self.address, self.what, self.keep = address, what, keep


class Stamp(msgspec.Struct, frozen=True):
    """What makes a signed request one of a kind, so that it is taken once and a copy of it changes nothing.

    `digest` names it and is no secret. `until`: seconds since the epoch; from then on `verify` refuses it as too old, so that it
    may be forgotten. Only a signature over the time it was made at gives one: the same words may well be said twice.
    """

    digest: str
    until: float


class Act(msgspec.Struct, frozen=True):
    """What somebody did to an alert at the sender's, to be done to its incidents here. `by`: who, as the sender says."""

    verb: Literal["ack", "unack", "note"]
    fingerprint: str
    by: str = ""
    text: str = ""


class Batch(msgspec.Struct):
    """A parsed request: reports still closed, and what of it made no sense.

    `acts` are done once the reports are kept. `odd`: the fields that were not understood of alerts that were, each as often as it
    was met; their texts stand on the card.
    """

    reports: list[Report]
    bad: list[BadAlert] = []
    answer: Callable[[int, Sequence[BadAlert]], Response] | None = None
    """How to answer this very request, where it wants another form than `Source.reply` gives; same arguments."""

    acts: list[Act] = []
    odd: list[str] = []


MOST_REASONS = 20


def json_reply(accepted: int, bad: Sequence[BadAlert]) -> Response:
    """The answer for senders that only look at the status: 200, or 400 when no alert of several made sense."""
    answer: dict[str, object] = {"status": "ok" if accepted or not bad else "error", "accepted": accepted}
    if bad:
        answer["bad"] = reasons(bad)
    return Response(400 if bad and not accepted else 200, msgspec.json.encode(answer))


def reasons(bad: Sequence[BadAlert]) -> list[str]:
    """Why alerts were not understood; a sender that got everything wrong needs no thousand lines to see it."""
    more = [f"and {len(bad) - MOST_REASONS} more"] if len(bad) > MOST_REASONS else []
    return [*map(str, bad[:MOST_REASONS]), *more]


class Source(Protocol):
    """One way in. Built from its config; one instance per configured source, used by one thread."""

    @property
    def needs_body(self) -> bool:
        """Whether who sent it shows only with the body (a signature). If not, `verify` is asked before the body is read."""

    def verify(self, request: Request, now: float) -> Stamp | None:
        """Checks who sent it. Raises Rejected (401, 403). `now`: seconds since the epoch. A stamp, where it counts once only.

        No network here: what must be fetched first is asked for by raising Wanted, where `needs_body` is true (docs/adr/0008).
        """

    def parse(self, request: Request, now: float) -> Batch:
        """The reports in a request. Raises Rejected (400, 415, 422) when nothing of it can be used; never anything else."""

    def reply(self, accepted: int, bad: Sequence[BadAlert]) -> Response:
        """The answer this sender expects, after the commit. `bad`: alerts that were not understood."""


@runtime_checkable
class Greeting(Protocol):
    """A source whose sender asks, before it sends anything, whether it may."""

    def greet(self, request: Request) -> Response:
        """The answer to an OPTIONS request, from anybody: nothing in it may be a secret. Raises Rejected."""


@runtime_checkable
class Vendor(Protocol):
    """A source that stands in for the API of a vendor, whose clients use more than POST and expect the vendor's words."""

    methods: Sequence[str]

    def refuse(self, problem: Rejected) -> Response:
        """The answer to what is not accepted."""
