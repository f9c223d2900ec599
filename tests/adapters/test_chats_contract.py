"""What every chat must do. Runs over the registry, so that a new chat is tested before anyone writes a test for it.

A chat needs a bench, `tests/adapters/chat_<kind>.py`: its platform's stand-in, how to break that, and what its readers see. All
the rest goes through the port.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from math import isfinite
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from adapters import registry
from adapters.chat import ChatConfig, Failure
from tests.adapters.chat_bench import Bench, Fault, Promise
from tests.adapters.chat_benches import BENCHES, each_fault, each_that_is_limited
from tests.adapters.chat_calls import ASKS, CREATES, NOTE, OF_NO_CHANNEL, OPS, outcome, outcomes, posted
from tests.adapters.chat_cards import a_card

OUTSIDE = {"email": "a letter can be neither edited nor found nor pressed: tests/adapters/test_email.py is its contract"}
"""Chats to which this contract cannot apply, and why."""
KINDS = sorted({*registry.CHATS, "httpchat"} - OUTSIDE.keys())
CALL_SECONDS = 12.0
"""The engine gives up on a call after 15 s; by then the chat has said itself what a silence means."""

DOUBT = {**dict.fromkeys(CREATES, Failure.unknown_outcome), **dict.fromkeys(ASKS, Failure.transient)}
"""A call that creates may have done so; the others may simply be repeated."""
WANTED: Mapping[Fault, Mapping[str, Failure]] = {
    Fault.unreachable: dict.fromkeys(OPS, Failure.transient),
    Fault.lost_request: DOUBT,  # nobody can tell it from a lost reply
    Fault.lost_reply: DOUBT,
    Fault.hang: DOUBT,
    Fault.error_page: DOUBT,
    Fault.broken_json: DOUBT,
    Fault.odd_json: DOUBT,
    Fault.rate_limit: dict.fromkeys(OPS, Failure.rate_limited),
    Fault.dead_token: dict.fromkeys(OPS, Failure.credentials),
    Fault.removed_channel: dict.fromkeys((op for op in OPS if op not in OF_NO_CHANNEL), Failure.channel_unreachable),
    Fault.archived_channel: dict.fromkeys(("post", "update", "reply_in_thread"), Failure.channel_unreachable),
    Fault.removed_message: {"update": Failure.message_gone},
    Fault.refused_payload: dict.fromkeys((*CREATES, "update"), Failure.payload),
    Fault.shut_inbox: {"direct_message": Failure.channel_unreachable},
}
"""What a fault means for each call. Calls that it does not name may do their work or not, but raise nothing else."""


# ---- the suite itself


@pytest.mark.parametrize("kind", KINDS)
def test_every_chat_has_a_bench(kind: str) -> None:
    assert kind in BENCHES, f"the contract does not test {kind}: write tests/adapters/chat_{kind}.py and name it in BENCHES"


def test_what_a_platform_cannot_do_is_said_with_a_reason(kind: str) -> None:
    known = {*Fault, *Promise, *(f"{fault}: {op}" for fault, wanted in WANTED.items() for op in wanted)}
    assert {key: why for key, why in BENCHES[kind].cannot.items() if key not in known or len(why) < 10} == {}


def test_every_kind_of_failure_is_wanted_somewhere() -> None:
    assert set(WANTED) == set(Fault)
    assert {failure for wanted in WANTED.values() for failure in wanted.values()} == set(Failure)


@pytest.mark.parametrize("kind", sorted(registry.CHATS))
def test_its_config_is_explained(kind: str) -> None:
    model = registry.load(registry.CHATS[kind]).config_model
    assert issubclass(model, ChatConfig)
    assert [name for name, field in model.model_fields.items() if not field.description] == []


# ---- faults


@each_fault
async def test_a_failure_is_told_by_its_kind(bench: Bench, fault: Fault) -> None:
    """And no secret with it; and when the fault is over, so is its effect."""
    ref = await posted(bench, key="k-1")
    await bench.breaks(fault)
    began = time.monotonic()
    with capture_logs() as logs:
        told = await outcomes(bench, ref, "k-2")
    wanted = {op: None if f"{fault}: {op}" in bench.cannot else failure for op, failure in WANTED[fault].items()}
    assert {op: told[op].failure for op in wanted} == wanted
    assert time.monotonic() - began < 5.0
    leaks = [(op, secret) for op, one in told.items() for secret in bench.secrets if secret in one.written]
    assert not leaks and not [secret for secret in bench.secrets if secret in repr(logs)]
    await bench.mends()
    again = {op: one.failure for op, one in (await outcomes(bench, await posted(bench, key="k-3"), "k-4")).items()}
    assert again == dict.fromkeys(OPS)


@each_that_is_limited
async def test_a_limit_says_how_long_to_wait_and_which_lane_is_full(bench: Bench) -> None:
    ops, ref = bench.channels["ops"], await posted(bench, key="k-1")
    await bench.breaks(Fault.rate_limit)
    for op, told in (await outcomes(bench, ref, "k-2")).items():
        about = "" if op in ("post", "find") else ref  # as the engine asks
        names = {lane.name for lane in bench.chat.lanes(op.split(" ")[0], ops, about)}
        known = told.lane in {"", *names} or op in OF_NO_CHANNEL
        assert told.retry_after == 7.0 and known, (op, told, names)


async def test_no_silence_outlasts_the_engine(bench: Bench) -> None:
    assert (bench.patience > 0.0) == (Fault.hang not in bench.cannot) and bench.patience <= CALL_SECONDS


@each_fault
async def test_doctor_tells_what_is_wrong_and_never_raises(bench: Bench, fault: Fault) -> None:
    await posted(bench)
    people = {"ana": bench.account, "nobody": "U0NOBODY", "empty": ""}
    await bench.breaks(fault)
    findings = await bench.chat.diagnose(bench.channels, people)
    for finding in findings:
        assert finding.what and bool(finding.remedy) != finding.ok, finding
        assert not [secret for secret in bench.secrets if secret in repr(finding)]
    if Promise.doctor not in bench.cannot and fault in (Fault.unreachable, Fault.dead_token, Fault.removed_channel, Fault.hang):
        assert [finding for finding in findings if not finding.ok]


async def test_doctor_is_content_where_all_is_well(bench: Bench) -> None:
    chat = bench.build()
    assert [finding for finding in await chat.diagnose(bench.channels, {"ana": bench.account}) if not finding.ok] == []


async def test_no_secret_in_what_it_is(bench: Bench) -> None:
    written = repr(bench.chat) + str(bench.chat) + repr(vars(bench.chat))
    assert not [secret for secret in bench.secrets if secret in written]


async def test_messages_of_elsewhere_are_gone(bench: Bench) -> None:
    elsewhere = await bench.chat.post(bench.channels["vault"], a_card(), "k-vault")
    refs = ["", "nonsense", "0", "../..", "a:b", "\u2603", "9" * 400]
    told = [await outcome(bench.chat.update(bench.channels["ops"], ref, a_card())) for ref in refs]
    assert [one.failure for one in told] == [Failure.message_gone] * len(refs)
    assert all(isinstance(bench.chat.link(bench.channels["ops"], ref), str) for ref in [*refs, elsewhere])


# ---- one message for one key


async def test_a_post_whose_reply_was_lost_is_found(bench: Bench) -> None:
    if Fault.lost_reply in bench.cannot:
        ref = await posted(bench, key="k-1")
    else:
        await bench.breaks(Fault.lost_reply)
        assert (await outcome(bench.chat.post(bench.channels["ops"], a_card(), "k-1"))).failure == Failure.unknown_outcome
        await bench.mends()
        found = await bench.chat.find(bench.channels["ops"], "k-1", since=await bench.now() - 600.0)
        assert found
        ref = found
    await bench.chat.update(bench.channels["ops"], ref, a_card(title="orders-db is up"))
    assert [card.title for card in await bench.view.cards("ops")] == ["orders-db is up"]


async def test_what_never_arrived_is_not_found(bench: Bench) -> None:
    ops, vault = bench.channels["ops"], bench.channels["vault"]
    assert await bench.chat.find(ops, "k-1") is None
    if Fault.lost_request not in bench.cannot:
        await bench.breaks(Fault.lost_request)
        assert (await outcome(bench.chat.post(ops, a_card(), "k-1"))).failure == Failure.unknown_outcome
        await bench.mends()
        assert await bench.chat.find(ops, "k-1", since=await bench.now() - 600.0) is None
    ref = await posted(bench, key="k-1")
    others = [await bench.chat.find(ops, key) for key in ("k-11", "k-", "k", "K-1", "-1", "", "*", "tocsin · k-1", " k-1")]
    assert others == [None] * len(others)
    assert (await bench.chat.find(ops, "k-1"), await bench.chat.find(ops, "k-1", since=await bench.now() - 1.0)) == (ref, ref)
    assert await bench.chat.find(vault, "k-1", since=await bench.now()) in (None, ref if vault.id == ops.id else None)


async def test_the_next_run_finds_what_this_one_posted(bench: Bench) -> None:
    ref = await posted(bench)
    await bench.chat.reply_in_thread(bench.channels["ops"], ref, NOTE, "k-1-2")
    later = bench.build()
    await later.start()
    try:
        assert await later.find(bench.channels["ops"], "k-1") == ref
        assert await later.find(bench.channels["ops"], "k-1-2", ref)
        assert await later.update(bench.channels["ops"], ref, a_card(revision=2))
    finally:
        await later.stop()
    assert len(await bench.view.cards("ops")) == 1


async def test_a_line_in_a_thread_is_found_there(bench: Bench) -> None:
    ops = bench.channels["ops"]
    ref, other = await posted(bench, key="k-1"), await posted(bench, a_card(43), key="k-2")
    key = f"k-1-{10**9}-in-a-thread-that-went-on-for-long"
    assert await bench.chat.find(ops, key, ref) is None
    await bench.chat.reply_in_thread(ops, ref, NOTE, key)
    assert await bench.chat.find(ops, key, ref)
    assert await bench.chat.find(ops, f"{key}0", ref) is None and await bench.chat.find(ops, key[:-1], ref) is None
    seen = {card.number: card.ref for card in await bench.view.cards("ops")}
    thread, empty = await bench.view.thread("ops", seen[42]), await bench.view.thread("ops", seen[43])
    assert [sum(line in told for told in thread) for line in NOTE.lines] == [1, 1] and not empty and other != ref


async def test_the_same_key_twice_is_one_message(bench: Bench) -> None:
    if Promise.once in bench.cannot:
        return
    ops = bench.channels["ops"]
    refs = {await posted(bench, key="k-1") for _ in range(3)}
    [ref] = refs
    for _ in range(2):
        await bench.chat.reply_in_thread(ops, ref, NOTE, "k-1-2")
        await bench.chat.direct_message(bench.account, "you are on call", "k-dm")
    [card] = await bench.view.cards("ops")
    thread, notes = await bench.view.thread("ops", card.ref), await bench.notes()
    assert [sum(line in told for told in thread) for line in NOTE.lines] == [1, 1]
    assert sum("you are on call" in note for note in notes) == 1


async def test_a_direct_message_arrives(bench: Bench) -> None:
    assert await bench.chat.direct_message(bench.account, "you are on call", "k-dm")
    assert sum("you are on call" in note for note in await bench.notes()) == 1


# ---- what else it says


async def test_links_are_addresses(bench: Bench) -> None:
    ref = await posted(bench)
    address = bench.chat.link(bench.channels["ops"], ref)
    parts = urlsplit(address)
    assert parts.scheme in ("http", "https") and parts.hostname and address.isascii() and " " not in address


async def test_lanes_are_budgets(bench: Bench) -> None:
    ref = await posted(bench)
    names: dict[str, set[str]] = {}
    for where, channel in bench.channels.items():
        for op in (*OPS[:4], "find", "inspect", "clear_thread", "start", "rubbish"):
            for about in ("", ref):
                lanes = bench.chat.lanes(op, channel, about)
                names[f"{where} {op}"] = {lane.name for lane in lanes}
                assert len({lane.name for lane in lanes}) == len(lanes)
                assert all(lane.name and lane.burst >= 1 for lane in lanes)
                assert all(isfinite(lane.per_second) and lane.per_second > 0.0 for lane in lanes)
    assert not names["ops rubbish"] and not names["ops start"]
    if names["ops post"]:
        assert names["ops post"] != names["vault post"], "one busy channel must not hold up the others"


async def test_what_was_said_in_a_thread_is_taken_back_and_told_again(bench: Bench) -> None:
    """The card stays, and what was said elsewhere; the same key may show once more."""
    ops = bench.channels["ops"]
    ref, other = await posted(bench, key="k-1"), await posted(bench, a_card(43), key="k-2")
    for about, key in ((ref, "k-1-2"), (other, "k-2-2")):
        await bench.chat.reply_in_thread(ops, about, NOTE, key)
    for _ in range(2):
        await bench.chat.clear_thread(ops, ref)
        assert await bench.chat.find(ops, "k-1-2", ref) is None
    seen = {card.number: card.ref for card in await bench.view.cards("ops")}
    assert len(seen) == 2 and not await bench.view.thread("ops", seen[42]) and await bench.view.thread("ops", seen[43])
    await bench.chat.reply_in_thread(ops, ref, NOTE, "k-1-2")
    told = await bench.view.thread("ops", seen[42])
    assert [sum(line in one for one in told) for line in NOTE.lines] == [1, 1]


async def test_people_have_names_and_so_do_members_of_groups(bench: Bench) -> None:
    assert await bench.chat.name_of(bench.account)
    assert await bench.chat.name_of("80351110224678999") == "80351110224678999"
    members = await bench.chat.members_of(bench.group) if bench.group else {}
    assert all(members.values()) and (bench.account in members or not bench.group)


async def test_it_knows_who_can_read(bench: Bench) -> None:
    facts = await bench.chat.inspect(bench.channels["vault"])
    assert (facts.private, facts.shared_outside, facts.archived) == (True, False, False)
    if Promise.closed not in bench.cannot:
        assert bench.account in (facts.members or ()) or facts.roles
        assert await bench.view.lets_in("cleo", "vault")
        await bench.mends()  # time passes
        assert await bench.chat.inspect(bench.channels["vault"]) != facts
