"""Open pages and what they are told: a bounded queue for each. A page that cannot keep up is dropped and comes again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import msgspec

from adapters.chat import Reply

MOST_WAITING = 200
MOST_PAGES = 50
"""Open pages of one person; beyond that, the oldest goes."""


class Event(msgspec.Struct, frozen=True):
    """`kind` is the name of the server-sent event, `data` its JSON.

    `channel`: who may not read it is not told. `only_open`: only pages that show the channel want it. `person`: whom it is for,
    empty for everybody. `card`: the id of the message it shows, and the hash of that one's body.
    """

    kind: str
    data: bytes
    channel: str = ""
    only_open: bool = False
    person: str = ""
    card: tuple[int, int] | None = None


@dataclass(eq=False)
class Page:
    """One open page. `seen`: hashes of the cards it shows, by message id. `counts`: what its list of channels shows."""

    person: str
    cookie: str
    channel: str
    queue: asyncio.Queue[Event | None] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    seen: dict[int, int] = field(default_factory=dict)
    counts: dict[str, bytes] = field(default_factory=dict)

    def wants(self, event: Event) -> bool:
        if event.person:
            return event.person == self.person
        return event.channel == self.channel or not event.only_open

    def close(self) -> None:
        """Ends the stream at once; what still waits is given up, the page asks again for all of it."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Hub:
    """All open pages of this process."""

    def __init__(self) -> None:
        self._pages: dict[Page, None] = {}  # oldest first
        self.replies: dict[str, tuple[str, Reply]] = {}
        self.closed = False

    def keep_reply(self, cookie: str, text: str, reply: Reply) -> None:
        """The answer to a command, for the page that a browser without JavaScript is sent to next."""
        while len(self.replies) >= MOST_WAITING:
            del self.replies[next(iter(self.replies))]
        self.replies[cookie] = (text, reply)

    def __len__(self) -> int:
        return len(self._pages)

    def open(self, page: Page) -> None:
        mine = [one for one in self._pages if one.person == page.person]
        if len(mine) >= MOST_PAGES:
            self._drop(mine[0])
        self._pages[page] = None

    def leave(self, page: Page) -> None:
        self._pages.pop(page, None)

    def publish(self, event: Event) -> None:
        for page in [page for page in self._pages if page.wants(event)]:
            try:
                page.queue.put_nowait(event)
            except asyncio.QueueFull:  # too slow: it reconnects and gets everything afresh
                self._drop(page)

    def sign_out(self, cookie: str) -> None:
        for page in [page for page in self._pages if page.cookie == cookie]:
            self._drop(page)

    def close(self) -> None:
        self.closed = True
        for page in list(self._pages):
            self._drop(page)

    def _drop(self, page: Page) -> None:
        self._pages.pop(page, None)
        page.close()
