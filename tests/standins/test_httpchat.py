"""The stand-in chat does what tests rely on: it tells failures apart as the port asks, and never hides a second post."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from adapters.chat import DeliveryError, Failure, ThreadNote
from rules.alert import Severity
from rules.card import Card
from rules.channel import Channel
from rules.incident import State
from tests.standins.chat import HttpChat, HttpChatConfig
from tests.standins.desk import StandinDesk
from tests.standins.faults import Fault, Script
from tests.standins.httpchat import Facts, HttpChatServer, serving

OPS = Channel.model_validate({"chat": "sink", "id": "ops/1"})
CARD = Card(42, 1, State.firing, Severity.critical, "Pg is down", "", started_at=0.0, changed_at=0.0, firing=1, total=1)
NOTE = ThreadNote(number=42, lines=("more", "and more"))

Call = Callable[[HttpChat], Awaitable[object]]
POST: Call = lambda chat: chat.post(OPS, CARD, "k1")  # noqa: E731 - a table of calls reads better
UPDATE: Call = lambda chat: chat.update(OPS, "m1", CARD)  # noqa: E731
REPLY: Call = lambda chat: chat.reply_in_thread(OPS, "m1", NOTE, "k1-2")  # noqa: E731
FIND: Call = lambda chat: chat.find(OPS, "k1")  # noqa: E731


@asynccontextmanager
async def chatting(url: str, patience: float = 5.0) -> AsyncIterator[HttpChat]:
    config = HttpChatConfig.model_validate({"url": url, "timeout": patience})
    chat = HttpChat("sink", config, StandinDesk({"ops": OPS}, {}))
    await chat.start()
    try:
        yield chat
    finally:
        await chat.stop()


async def failure(call: Call, *faults: Fault) -> tuple[DeliveryError, HttpChatServer]:
    """How a call fails after a card was posted, with these faults set."""
    server = HttpChatServer()
    async with serving(server.application()) as url, chatting(url, patience=0.3) as chat:
        await chat.post(OPS, CARD, "k0")
        server.break_with(*faults)
        with pytest.raises(DeliveryError) as caught:
            await call(chat)
    return caught.value, server


async def test_what_is_told_is_kept(tmp_path: Path) -> None:
    server = HttpChatServer(tmp_path / "log")
    async with serving(server.application()) as url, chatting(url) as chat:
        ref = await chat.post(OPS, CARD, "k1")
        assert await chat.find(OPS, "k1") == ref
        assert await chat.find(OPS, "k1-2", ref) is None
        await chat.update(OPS, ref, msgspec.structs.replace(CARD, title="Pg is up"))
        await chat.reply_in_thread(OPS, ref, NOTE, "k1-2")
        assert await chat.find(OPS, "k1-2", ref) == server.posts[ref].replies[0].ref
        assert await chat.find(OPS, "k1-2") is None
        await chat.direct_message("ana", "hello", "k2")
        server.facts["ops/1"] = Facts(private=True, members=["ana"])
        assert (await chat.inspect(OPS)).members == frozenset({"ana"})
    assert (server.posts[ref].shown["title"], server.posts[ref].replies[0].lines) == ("Pg is up", ["more", "and more"])
    assert server.notes[0].text == "hello"
    logged = [msgspec.json.decode(line)["op"] for line in (tmp_path / "log").read_bytes().splitlines()]
    assert logged == ["post", "update", "reply", "dm"]


async def test_a_key_told_twice_shows_twice() -> None:
    server = HttpChatServer()
    async with serving(server.application()) as url, chatting(url) as chat:
        assert await chat.post(OPS, CARD, "k1") != await chat.post(OPS, CARD, "k1")
    assert [post.key for post in server.posts.values()] == ["k1", "k1"]


@pytest.mark.parametrize(
    ("call", "fault", "kind"),
    [
        (POST, Fault("status", status=429, retry_after=7.0), Failure.rate_limited),
        (POST, Fault("status", status=401), Failure.credentials),
        (POST, Fault("status", status=400), Failure.payload),
        (POST, Fault("status", status=404), Failure.channel_unreachable),
        (POST, Fault("status", status=503), Failure.transient),
        (POST, Fault("status", status=500), Failure.unknown_outcome),
        (UPDATE, Fault("status", status=500), Failure.transient),
        (UPDATE, Fault("status", status=404), Failure.message_gone),
        (REPLY, Fault("status", status=404), Failure.message_gone),
        (POST, Fault("lose"), Failure.unknown_outcome),
        (POST, Fault("lose", keep=False), Failure.unknown_outcome),
        (UPDATE, Fault("lose"), Failure.transient),
        (FIND, Fault("lose", op="find"), Failure.transient),
        (POST, Fault("hang", seconds=1.0), Failure.unknown_outcome),
        (POST, Fault("delay", seconds=1.0), Failure.unknown_outcome),
        (REPLY, Fault("hang", seconds=1.0), Failure.unknown_outcome),
    ],
)
async def test_a_failure_is_told_by_its_kind(call: Call, fault: Fault, kind: Failure) -> None:
    problem, _ = await failure(call, fault)
    assert (problem.kind, problem.retry_after) == (kind, fault.retry_after)


@pytest.mark.parametrize(("fault", "kept"), [(Fault("lose"), 2), (Fault("lose", keep=False), 1), (Fault("hang", seconds=1.0), 2)])
async def test_what_was_lost_may_have_arrived(fault: Fault, kept: int) -> None:
    _, server = await failure(POST, fault)
    assert len(server.posts) == kept


async def test_a_deleted_card_is_gone() -> None:
    server = HttpChatServer()
    async with serving(server.application()) as url, chatting(url) as chat:
        server.posts[await chat.post(OPS, CARD, "k1")].deleted = True
        assert await chat.find(OPS, "k1") is None
        with pytest.raises(DeliveryError) as caught:
            await UPDATE(chat)
    assert caught.value.kind == Failure.message_gone


async def test_a_chat_that_is_down_starts_all_the_same() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with chatting(f"http://127.0.0.1:{closed.getsockname()[1]}") as chat:
            with pytest.raises(DeliveryError) as caught:
                await POST(chat)
    assert caught.value.kind == Failure.transient


def test_a_channel_takes_one_message_a_second() -> None:
    script = Script([Fault("rate", per_second=1.0)])
    waits = [[fault.retry_after for fault in script.hits("post", "a", at)] for at in (100.0, 100.25, 100.99, 101.0, 101.5, 110.0)]
    assert waits == [[], [0.75], [pytest.approx(0.01)], [], [0.5], []]
    assert script.hits("post", "b", 101.5) == []
    assert script.hits("find", "a", 101.5) == []


def test_a_burst_is_let_through_at_once() -> None:
    script = Script([Fault("rate", per_second=1.0, burst=3)])
    assert [len(script.hits("post", "a", 100.0)) for _ in range(5)] == [0, 0, 0, 1, 1]


def test_dice_fall_alike_for_one_seed_and_only_so_many_times() -> None:
    def hits(seed: int, times: int = -1) -> list[bool]:
        script = Script([Fault("lose", p=0.5, seed=seed, times=times)])
        return [bool(script.hits("post", "a", 0.0)) for _ in range(40)]

    assert hits(1) == hits(1) != hits(2)
    assert sum(hits(1, times=3)) == 3
