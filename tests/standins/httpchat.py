"""A chat platform to test against: messages, threads, faults on demand. It keeps what it is told, twice if told twice.

    POST   /channels/{id}/messages              {key, card}   -> {ref}
    PATCH  /channels/{id}/messages/{ref}        {card}        -> {ref}; 404 when there is no such message
    DELETE /channels/{id}/messages/{ref}                      a person deletes it
    POST   /channels/{id}/messages/{ref}/replies {key, lines} -> {ref}; DELETE takes all of them back
    GET    /channels/{id}/messages?key=K[&thread=REF]         -> {messages: [{ref, key}]}
    GET    /channels/{id}                                     -> who can read it; PUT sets that
    GET    /groups/{id}                                       -> {account: name} of its members
    POST   /people/{account}/messages           {key, text}   -> {ref}
    GET    /people/{account}                                  -> {name}
    GET    /state, /counts                                    everything that arrived; how much did
    POST   /faults                              [fault, …]    from now on (see faults.py); [] ends all

Run it alone: python -m tests.standins.httpchat --port N [--log FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from tests.standins.faults import Fault, Script


class Version(msgspec.Struct):
    """A card as it was posted or edited. `at`: seconds of the machine's monotonic clock, the same for all its processes."""

    at: float
    card: msgspec.Raw


class Reply(msgspec.Struct):
    ref: str
    key: str
    lines: list[str]
    at: float


class Post(msgspec.Struct):
    """A message and its edits, oldest first."""

    ref: str
    channel: str
    key: str
    versions: list[Version]
    replies: list[Reply] = []
    deleted: bool = False

    @property
    def shown(self) -> dict[str, Any]:
        """The card as readers see it now."""
        card: dict[str, Any] = msgspec.json.decode(self.versions[-1].card)
        return card


class Note(msgspec.Struct):
    """A direct message."""

    ref: str
    account: str
    key: str
    text: str
    at: float


class Facts(msgspec.Struct):
    private: bool | None = True
    shared_outside: bool | None = False
    archived: bool | None = False
    members: list[str] | None = []


class Told(msgspec.Struct):
    """The body of any call that writes."""

    key: str = ""
    card: msgspec.Raw = msgspec.Raw(b"{}")
    lines: list[str] = []
    text: str = ""


class Call(msgspec.Struct):
    channel: str
    ref: str
    query: dict[str, str]
    body: bytes
    at: float

    @property
    def told(self) -> Told:
        return msgspec.json.decode(self.body, type=Told)


class Gone(Exception):
    """There is no such message."""


class HttpChatServer:
    """The platform. `log`: a file that gets each write as a line of JSON, before it is answered."""

    def __init__(self, log: Path | None = None) -> None:
        self.posts: dict[str, Post] = {}
        self.notes: list[Note] = []
        self.facts: dict[str, Facts] = {}
        self.names: dict[str, str] = {}
        self.taken_back: list[str] = []
        self.groups: dict[str, dict[str, str]] = {}
        self.answers: Counter[int] = Counter()
        self.script = Script()
        self._log = log.open("ab", buffering=0) if log else None
        self._last_ref = 0

    def break_with(self, *faults: Fault) -> None:
        """These faults from now on, and no others."""
        self.script = Script(faults)

    def post(self, call: Call) -> object:
        post = Post(self._new_ref(), call.channel, call.told.key, [Version(call.at, call.told.card)])
        self.posts[post.ref] = post
        self._keep("post", call, post.ref)
        return {"ref": post.ref}

    def update(self, call: Call) -> object:
        self._find(call).versions.append(Version(call.at, call.told.card))
        self._keep("update", call, call.ref)
        return {"ref": call.ref}

    def reply(self, call: Call) -> object:
        reply = Reply(self._new_ref(), call.told.key, call.told.lines, call.at)
        self._find(call).replies.append(reply)
        self._keep("reply", call, reply.ref)
        return {"ref": reply.ref}

    def dm(self, call: Call) -> object:
        note = Note(self._new_ref(), call.channel, call.told.key, call.told.text, call.at)
        self.notes.append(note)
        self._keep("dm", call, note.ref)
        return {"ref": note.ref}

    def delete(self, call: Call) -> object:
        self._find(call).deleted = True
        self._keep("delete", call, call.ref)
        return {}

    def find(self, call: Call) -> object:
        key, thread = call.query.get("key", ""), call.query.get("thread", "")
        among: list[Any] = [post for post in self.posts.values() if post.channel == call.channel and not post.deleted]
        if thread:
            among = [reply for post in among if post.ref == thread for reply in post.replies]
        return {"messages": [{"ref": one.ref, "key": one.key} for one in among if one.key == key]}

    def inspect(self, call: Call) -> object:
        return self.facts.get(call.channel, Facts())

    def clear(self, call: Call) -> object:
        if post := self.posts.get(call.ref):
            self.taken_back += [line for reply in post.replies for line in reply.lines]
            post.replies.clear()
        self._keep("clear", call, call.ref)
        return {}

    def name_of(self, call: Call) -> object:
        return {"name": self.names.get(call.channel, call.channel)}

    def members_of(self, call: Call) -> object:
        return self.groups.get(call.channel, {})

    def set_facts(self, call: Call) -> object:
        self.facts[call.channel] = msgspec.json.decode(call.body, type=Facts)
        return {}

    def state(self) -> object:
        return {"posts": list(self.posts.values()), "notes": self.notes, **self.counts()}

    def counts(self) -> dict[str, object]:
        posts = self.posts.values()
        counts = {
            "posts": len(posts),
            "edits": sum(len(post.versions) - 1 for post in posts),
            "replies": sum(len(post.replies) for post in posts),
            "notes": len(self.notes),
        }
        return {"counts": counts, "answers": self.answers}

    def application(self) -> web.Application:
        channel, message = "/channels/{channel}", "/channels/{channel}/messages"
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes([
            web.post(message, self._serve("post", self.post)),
            web.get(message, self._serve("find", self.find), allow_head=False),
            web.patch(f"{message}/{{ref}}", self._serve("update", self.update)),
            web.delete(f"{message}/{{ref}}", self._serve("delete", self.delete)),
            web.post(f"{message}/{{ref}}/replies", self._serve("reply", self.reply)),
            web.get(channel, self._serve("inspect", self.inspect), allow_head=False),
            web.put(channel, self._serve("facts", self.set_facts)),
            web.delete(f"{message}/{{ref}}/replies", self._serve("clear", self.clear)),
            web.get("/people/{channel}", self._serve("name_of", self.name_of), allow_head=False),
            web.get("/groups/{channel}", self._serve("members_of", self.members_of), allow_head=False),
            web.post("/people/{channel}/messages", self._serve("dm", self.dm)),
            web.get("/state", self._tell(self.state)),
            web.get("/counts", self._tell(self.counts)),
            web.post("/faults", self._set_faults),
        ])  # fmt: skip
        app.on_cleanup.append(self._close)
        return app

    async def _close(self, _: web.Application) -> None:
        if self._log:
            self._log.close()

    def _serve(self, op: str, work: Callable[[Call], object]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            at = time.monotonic()
            part = request.match_info
            call = Call(part["channel"], part.get("ref", ""), dict(request.query), await request.read(), at)
            answer = await self._answer(op, call, work, request)
            self.answers[answer.status] += 1
            return answer

        return handle

    async def _answer(self, op: str, call: Call, work: Callable[[Call], object], request: web.Request) -> web.Response:
        """What the call leads to, faults included. A lost answer counts as status 499."""
        for fault in self.script.hits(op, call.channel, call.at):
            if fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
            elif fault.kind == "status":
                return _refusal(fault)
            else:
                answer = _done(call, work) if fault.keep else None
                await asyncio.sleep(fault.seconds)
                if fault.kind == "hang" and answer is not None:
                    return answer
                _reset(request)
                return web.Response(status=499)
        return _done(call, work)

    def _tell(self, what: Callable[[], object]) -> Callable[[web.Request], Any]:
        async def handle(_: web.Request) -> web.Response:
            return _json(what())

        return handle

    async def _set_faults(self, request: web.Request) -> web.Response:
        try:
            faults = msgspec.json.decode(await request.read(), type=list[Fault])
        except msgspec.MsgspecError as problem:
            return _json({"error": str(problem)}, 400)
        self.break_with(*faults)
        return _json({})

    def _find(self, call: Call) -> Post:
        post = self.posts.get(call.ref)
        if post is None or post.deleted or post.channel != call.channel:
            raise Gone
        return post

    def _new_ref(self) -> str:
        self._last_ref += 1
        return f"m{self._last_ref}"

    def _keep(self, op: str, call: Call, ref: str) -> None:
        if self._log:
            line = {"op": op, "at": call.at, "channel": call.channel, "ref": ref, "told": msgspec.Raw(call.body or b"null")}
            self._log.write(msgspec.json.encode(line) + b"\n")


def _done(call: Call, work: Callable[[Call], object]) -> web.Response:
    try:
        return _json(work(call))
    except Gone:
        return _json({"error": "message_gone"}, 404)
    except msgspec.MsgspecError as problem:
        return _json({"error": f"payload: {problem}"}, 400)


def _refusal(fault: Fault) -> web.Response:
    headers = {"Retry-After": f"{fault.retry_after:.3f}"} if fault.retry_after is not None else None
    return _json({"error": f"refused with {fault.status}"}, fault.status, headers)


def _json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(status=status, body=body, headers={"Content-Type": "application/json", **(headers or {})})


def _reset(request: web.Request) -> None:
    """Ends the connection as a crash does: with RST, without a word."""
    if request.transport is not None:
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


@asynccontextmanager
async def serving(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """The URL at which the application serves meanwhile. `port` 0: any that is free."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, help="append each write to this file, one line of JSON each")
    options = parser.parse_args()
    app = HttpChatServer(options.log).application()
    web.run_app(app, host="127.0.0.1", port=options.port, access_log=None, print=None, shutdown_timeout=0.1)


if __name__ == "__main__":
    main()
