"""What every chat must do with texts, whatever they hold: untrusted ones, the longest ones, none, those of a stub (G8, G3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import pytest
from msgspec.structs import replace

from adapters.chat import Failure, ThreadNote
from rules.alert import Severity
from rules.card import Card, Ping, stub
from rules.incident import Incident, State
from rules.storm import Carried, Storm, storm_card
from tests.adapters.chat_bench import Bench, Promise
from tests.adapters.chat_calls import outcome, posted
from tests.adapters.chat_cards import (
    HOSTILE,
    NOW,
    PAGE,
    UNPRONOUNCEABLE,
    WIKI,
    a_card,
    full_card,
    hostile_cards,
    hostile_notes,
    resolved,
)

# ---- untrusted text


async def test_hostile_text_stays_text(bench: Bench) -> None:
    """In each place of cards, threads and direct messages: refused nowhere, calls nobody, leads nowhere, makes no button."""
    chat, ops, shown = bench.chat, bench.channels["ops"], {}
    cards, notes = list(hostile_cards()), list(hostile_notes())
    for first, second, note in zip(cards[::2], cards[1::2], notes, strict=False):
        ref = await chat.post(ops, first, f"k-{first.number}")
        last = replace(second, number=first.number, buttons=first.buttons, url=first.url)
        shown[first.number] = resolved(last) if first.number % 3 == 0 else last
        await chat.update(ops, ref, shown[first.number])
        await chat.reply_in_thread(ops, ref, note, f"k-{first.number}-1")
    for number, text in enumerate([*HOSTILE, "\n".join(HOSTILE)]):
        await chat.direct_message(bench.account, text, f"k-dm-{number}")
    assert (await bench.pings(), await bench.forged()) == ([], [])
    assert {unquote(address) for address in await bench.links()} <= {f"{PAGE}{card.number}" for card in cards} | {WIKI}
    seen = {card.number: card for card in await bench.view.cards("ops")}
    assert set(seen) == set(shown)
    wrong = {n: card.buttons for n, card in seen.items() if set(card.buttons.values()) != {b.command for b in shown[n].buttons}}
    assert not wrong


async def test_a_new_card_calls_whom_it_names_and_nobody_else(bench: Bench) -> None:
    if Promise.pings in bench.cannot:
        return
    named = (Ping(bench.account, group=False), Ping(bench.group, group=True))
    ref = await posted(bench, full_card(" ".join(HOSTILE[:40]), pings=named))
    called = await bench.pings()
    assert [any(ping.id in one for one in called) for ping in named] == [True, True] and len(called) == 2
    await bench.chat.update(bench.channels["ops"], ref, a_card(pings=(*named, Ping("<@!everyone> @here", group=True))))
    assert await bench.pings() == called


async def test_a_storm_card_reads_well_and_leads_to_each_of_its_worst(bench: Bench) -> None:
    """Whatever stands in names and labels; it has no number that one could take for an incident's."""
    mess = " ".join(HOSTILE[:60])
    carried = [Carried(n, Severity.warning, False, f"{mess} {n}", {"team": mess}, NOW - n) for n in range(1, 200)]
    storm = Storm(NOW - 60, 0.0, False, carried, withheld=7)
    ops = bench.channels["ops"]
    ref = await bench.chat.post(ops, storm_card(storm, 1, PAGE, NOW), "k-storm")
    (seen,) = await bench.view.cards("ops")
    assert (seen.number, seen.state, seen.severity) == (0, "firing", "warning") and "#0" not in seen.text
    assert seen.title == "Storm: 206 incidents on this one card" and "7 withheld" in seen.text and "#199" in seen.text
    acks = {command for command in seen.buttons.values() if command.startswith("ack ")}
    assert acks <= {f"ack {n}" for n in range(196, 200)} and acks
    over = [replace(one, over=one.number > 3) for one in carried]
    await bench.chat.update(ops, ref, storm_card(replace(storm, ended_at=NOW, carried=over), 2, PAGE, NOW))
    (seen,) = await bench.view.cards("ops")
    assert (seen.state, seen.buttons) == ("resolved", {}) and "carried 206 incidents" in seen.title
    assert (await bench.pings(), await bench.forged()) == ([], [])


@pytest.mark.parametrize("text", UNPRONOUNCEABLE)
async def test_half_a_character_is_refused_at_worst(bench: Bench, text: str) -> None:
    chat, ops = bench.chat, bench.channels["ops"]
    ref = await posted(bench)
    made = [
        chat.post(ops, full_card(text), "k-2"), chat.update(ops, ref, full_card(text)),
        chat.reply_in_thread(ops, ref, ThreadNote(42, (text,)), "k-3"), chat.direct_message(bench.account, text, "k-4"),
    ]  # fmt: skip
    assert {(await outcome(call)).failure for call in made} <= {None, Failure.payload}


# ---- limits


FILLERS = {
    "words": "word ", "one word": "x", "signs": "<&>`*_~|@#[](){}\\\"' ", "emoji": "👩‍👩‍👧 🔥", "letters": "漢字", "lines": "a\n",
}  # fmt: skip


@pytest.mark.parametrize("filler", FILLERS)
async def test_the_biggest_card_is_taken_and_can_be_read(bench: Bench, filler: str) -> None:
    chat, ops, text = bench.chat, bench.channels["ops"], (FILLERS[filler] * 6000)[:6000]
    title = f"Disks of orders-db are full {text}"
    whole = full_card(text, 10**8, title=title)
    ref = await posted(bench, whole)
    await check_readable(bench, "firing")
    await chat.update(ops, ref, replace(whole, state=State.acknowledged, revision=2))
    await check_readable(bench, "acknowledged")
    await chat.update(ops, ref, full_card(text, 10**8, State.resolved, title=title))
    await check_readable(bench, "resolved")
    await chat.reply_in_thread(ops, ref, ThreadNote(10**8, (*[text] * 20, "the last line")), "k-2")
    [card] = await bench.view.cards("ops")
    assert any("the last line" in line for line in await bench.view.thread("ops", card.ref))
    await chat.direct_message(bench.account, f"you are on call {text}", "k-3")
    assert any("you are on call" in note for note in await bench.notes())


LESS: Mapping[str, dict[str, Any]] = {
    "no lines": {"lines": (), "more": 0}, "no fields": {"fields": ()}, "no summary": {"summary": ""}, "no links": {"links": ()},
    "a title and fields": {"lines": (), "summary": "", "note": "", "links": ()},
}  # fmt: skip


@pytest.mark.parametrize("filler", FILLERS)
async def test_no_other_shape_is_too_big(bench: Bench, filler: str) -> None:
    """Where there is less of one thing, there is more room for the others."""
    text = (FILLERS[filler] * 6000)[:6000]
    cards = [full_card(text, number, title=text, **less) for number, less in enumerate(LESS.values(), 1)]
    for card in cards:
        await posted(bench, card, f"k-{card.number}")
    assert {card.number for card in await bench.view.cards("ops")} == {card.number for card in cards}


async def check_readable(bench: Bench, state: str) -> None:
    [seen] = await bench.view.cards("ops")
    assert (seen.number, seen.severity, seen.state) == (10**8, "critical", state)
    assert seen.title.startswith("Disks of orders-db are full")
    assert set(seen.buttons) == (set() if state == "resolved" else {"Ack", "Resolve", "Snooze", "Silence", "Note"})


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\n"])
async def test_a_card_of_nothing_is_taken(bench: Bench, text: str) -> None:
    chat, ops = bench.chat, bench.channels["ops"]
    ref = await posted(bench, full_card(text, title=text, url=text))
    await chat.reply_in_thread(ops, ref, ThreadNote(42, (text,)), "k-2")
    await chat.direct_message(bench.account, text, "k-3")
    await chat.update(ops, ref, a_card(title=text, buttons=(), url=""))
    assert [card.number for card in await bench.view.cards("ops")] == [42]


async def test_a_stub_names_no_secret(bench: Bench) -> None:
    """Nor does what becomes one by an edit."""
    canary = "kestrel-7731"
    ref = await posted(bench, full_card(canary, title=canary))
    assert canary in repr(await bench.view.cards("ops"))
    await bench.chat.update(bench.channels["ops"], ref, a_stub(canary))
    [card] = await bench.view.cards("ops")
    assert canary not in repr(card) and (card.number, card.stub, card.buttons) == (42, True, {})
    assert "sre, dba" in card.text


def a_stub(canary: str) -> Card:
    """Of an incident that says the canary in every text it has."""
    said = {"team": canary}
    secret = Incident(42, "root", said, canary, said, ("ops",), "confidential", NOW, note=canary, owner=canary)
    return stub(secret, ("sre", "dba"), NOW)
