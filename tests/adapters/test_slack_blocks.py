"""A card in Block Kit: what the reader sees, never refused, never more than text."""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.chat import ThreadNote
from adapters.chats.slack.blocks import draw
from adapters.chats.slack.text import label, safe_url
from adapters.chats.slack.thread import draw_note, draw_text
from rules.alert import Link, Severity
from rules.card import Button, Card, Line
from rules.incident import State
from tests.adapters.slack_cards import HOSTILE, NOW, URL, hostile_card, hostile_text, make_card
from tests.adapters.slack_rendering import Seen, render
from tests.standins.slack_limits import UPDATE_TEXT_BYTES, check_message

OUR_WORDS = {"Firing", "Acknowledged", "Resolved", *(severity.name for severity in Severity)}


def draw_checked(card: Card) -> dict[str, Any]:
    """The message, which the stand-in's limits let pass."""
    message = draw(card)
    check_message(message["blocks"], message["attachments"])
    assert len(message["text"].encode()) <= UPDATE_TEXT_BYTES
    assert message["text"].strip()
    return message


def seen_of(card: Card) -> Seen:
    return render({**draw_checked(card), "parse": "none"})


def colour_of(card: Card) -> str:
    return str(draw_checked(card)["attachments"][0]["color"])


def test_the_card_tells_what_happens() -> None:
    card = make_card(
        summary="Three of four web servers do not answer.", fields=(("cluster", "eu1"), ("team", "web")),
        links=(Link("runbook", "https://wiki.example.com/web?a=1&b=2"), Link("dashboard", "https://grafana.example.com/d/1")),
    )  # fmt: skip
    message, seen = draw_checked(card), seen_of(card)
    assert message["text"] == "#42 firing critical: Web servers are down"
    assert message["blocks"][0]["text"]["text"] == "🔴 #42 Web servers are down"
    for words in ("*Firing* · *critical* · since", "Three of four web servers do not answer.", "cluster: eu1", "team: web"):
        assert seen.has(words), words
    assert seen.dates == [f"!date^{int(card.started_at)}^{{date_short_pretty}} {{time}}"]
    assert seen.links == [
        (URL, "open #42"),
        ("https://wiki.example.com/web?a=1&b=2", "runbook"),
        ("https://grafana.example.com/d/1", "dashboard"),
    ]


def test_buttons_send_lines_of_the_one_grammar() -> None:
    seen = seen_of(make_card())
    assert [control[1:3] for control in seen.controls] == [
        ("tocsin:ack", "ack 42"),
        ("tocsin:resolve", "resolve 42"),
        ("tocsin:snooze", "snooze 42 for 30m"),
        ("tocsin:snooze", "snooze 42 for 1h"),
        ("tocsin:snooze", "snooze 42 for 4h"),
        ("tocsin:snooze", "snooze 42 for 24h"),
        ("tocsin:silence", "silence #42"),
        ("tocsin:note", "note 42"),
        ("tocsin:more", "incident 42"),
        ("tocsin:more", "why 42"),
    ]
    elements = draw(make_card())["attachments"][0]["blocks"][-1]["elements"]
    assert [one["action_id"] for one in elements if one.get("style") == "primary"] == ["tocsin:ack"]
    assert elements[2]["type"] == "static_select"


def test_buttons_fit_the_state() -> None:
    actions = {control[1] for control in seen_of(make_card(state=State.acknowledged)).controls}
    assert "tocsin:unack" in actions
    assert "tocsin:ack" not in actions
    assert seen_of(make_card(state=State.resolved, resolved_at=NOW)).controls == []


def test_who_has_it_until_when_and_why() -> None:
    seen = seen_of(make_card(state=State.acknowledged, owner="Ana Petrova", acked_until=NOW + 3600, note="on it"))
    assert seen.has("*Acknowledged* · *critical*")
    assert seen.has("👤 Ana Petrova has it")
    assert seen.has("📝 on it")
    assert f"!date^{int(NOW + 3600)}^{{date_short_pretty}} {{time}}" in seen.dates


def test_a_resolved_card_says_by_whom_and_when() -> None:
    seen = seen_of(
        make_card(state=State.resolved, resolved_at=NOW, resolved_by="Ben Okafor", owner="Ana Petrova", snoozed_until=NOW)
    )
    assert seen.has("✅ #42 Web servers are down")
    assert seen.has("*Resolved*")
    assert seen.has("Resolved by Ben Okafor")
    assert not seen.has("snoozed")
    assert len(seen.dates) == 2


def test_marks() -> None:
    seen = seen_of(make_card(snoozed_until=NOW + 60, silenced="muted_by_silence", closing=True))
    assert seen.has("snoozed until")
    assert seen.has("🔕 Nobody is told: a silence is on")
    assert seen.has("nothing fires any more, closing soon")


def test_the_colour_tells_state_and_severity() -> None:
    firing = [colour_of(make_card(severity=severity)) for severity in Severity]
    others = [
        colour_of(make_card(state=State.acknowledged)),
        colour_of(make_card(state=State.resolved, silenced="muted_by_silence")),
        colour_of(make_card(snoozed_until=NOW)),
    ]
    assert len({*firing, *others}) == len(firing) + len(others)
    assert colour_of(make_card(silenced="muted_by_silence")) == others[2]


def test_a_group_shows_ten_and_a_button_for_the_rest() -> None:
    lines = tuple(Line(f"db-{n} is down", n != 1, Severity.high, NOW) for n in range(10))
    card = make_card(lines=lines, more=25, firing=34, total=35)
    seen = seen_of(card)
    assert all(seen.has(f"db-{n} is down") for n in range(10))
    assert seen.has("34 of 35 firing")
    assert seen.has("✅ ")
    assert ("button", "tocsin:incident", "incident 42", "and 25 more") in seen.controls


def test_lines_beyond_ten_are_counted() -> None:
    lines = tuple(Line(f"db-{n}", True, Severity.high, NOW) for n in range(13))
    assert ("button", "tocsin:incident", "incident 42", "and 5 more") in seen_of(make_card(lines=lines, more=2)).controls


def test_a_stub_shows_what_it_may() -> None:
    card = make_card(
        title="restricted incident", summary="Shown in full only to: dba.", url="", buttons=(), firing=0, total=0, stub=True
    )
    seen = seen_of(card)
    assert seen.has("#42 restricted incident")
    assert seen.has("Shown in full only to: dba.")
    assert (seen.links, seen.controls) == ([], [])


def test_long_text_is_cut_at_a_word_and_linked() -> None:
    seen = seen_of(make_card(title="much too long a title " * 20, summary="disk " * 5000))
    assert (URL, "all of the text") in seen.links
    cut_texts = [text for text in seen.texts if text.endswith("…")]
    assert cut_texts
    assert all(text.removesuffix("…").endswith(("disk", "much", "too", "long", "a", "title")) for text in cut_texts)


def test_a_text_that_fits_is_shown_as_it_is() -> None:
    title, summary = "cpu_load *high* on <db-1> & `db-2` > 90%", "@here: see http://wiki.example.com/_run_\n> not a quote\n:fire:"
    seen = seen_of(make_card(title=title, summary=summary, fields=(("instance", "_db_1_"),)))
    assert seen.has(title)
    assert seen.has(summary)
    assert seen.has("instance: _db_1_")
    assert (URL, "all of the text") not in seen.links


@pytest.mark.parametrize("nothing", ["", " ", "\u200b\u202e", "\n\n"])
def test_a_text_without_anything_to_see_is_not_refused(nothing: str) -> None:
    draw_checked(make_card(
        title=nothing, summary=nothing, note=nothing, owner=nothing, silenced=nothing,
        lines=(Line(nothing, True, Severity.low, NOW),), fields=((nothing, nothing),),
        links=(Link(nothing, nothing), Link(nothing, URL)), buttons=(Button("ack", nothing, "ack 42"),),
    ))  # fmt: skip


def ids_of(card: Card) -> list[str]:
    message = draw(card)
    return [block["block_id"] for block in [*message["blocks"], *message["attachments"][0]["blocks"]]]


def test_block_ids_are_new_in_each_revision() -> None:
    first, second = ids_of(make_card(revision=1)), ids_of(make_card(revision=2))
    assert len(first) == len(set(first))
    assert not set(first) & set(second)


def assert_only_ours(card: Card) -> None:
    """Nothing in the card mentions, links, formats or can be pressed, except for what we mean."""
    seen = seen_of(card)
    assert (seen.mentions, seen.emoji, seen.loose) == ([], [], [])
    assert seen.addresses == []
    assert set(seen.marked) <= OUR_WORDS
    ours = {(safe_url(card.url), f"open #{card.number}"), (safe_url(card.url), "all of the text")}
    assert set(seen.links) <= ours | {(safe_url(one.url), label(one.name)) for one in card.links}
    assert all(url.startswith(("https://", "http://")) for url, _ in seen.links)
    verbs = {f"tocsin:{button.verb}" for button in card.buttons}
    assert {control[1] for control in seen.controls} <= verbs | {"tocsin:more", "tocsin:incident"}
    assert all(str(card.number) in control[2] for control in seen.controls)
    assert not any(c in seen.text for c in "\u202e\u2066\u200b\u200d\ufeff\u2060\x00\x1b\ud83d")


def test_two_thousand_hostile_cards() -> None:
    dice = random.Random(20260106)
    for _ in range(2000):
        assert_only_ours(hostile_card(dice))


hostile = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40)), min_size=1, max_size=8).map("".join)
huge = st.builds(lambda text, times: text * times, hostile, st.sampled_from((1, 1, 1, 2, 100, 1000)))
urls = st.one_of(hostile, hostile.map("https://wiki.example.com/".__add__))
cards = st.builds(
    make_card,
    title=huge, state=st.sampled_from(State), severity=st.sampled_from(Severity), summary=huge, owner=huge, note=huge,
    silenced=huge, resolved_by=huge, fields=st.lists(st.tuples(hostile, huge), max_size=12).map(tuple),
    acked_until=st.sampled_from((0.0, NOW)),
    lines=st.lists(st.builds(Line, huge, st.booleans(), st.sampled_from(Severity), st.floats()), max_size=12).map(tuple),
    links=st.lists(st.builds(Link, hostile, urls), max_size=12).map(tuple),
    url=st.one_of(st.just(URL), hostile), more=st.integers(0, 10**6), revision=st.integers(0, 10**9),
    number=st.integers(1, 10**9),
)  # fmt: skip


@given(cards)
def test_no_alert_can_be_more_than_text(card: Card) -> None:
    assert_only_ours(card)


def test_the_largest_card_still_shows_the_most_important() -> None:
    wide = "漢" * 5000
    card = make_card(
        title=wide, summary=wide, note=wide, owner=wide, silenced=wide, fields=((wide, wide),) * 12, snoozed_until=NOW,
        lines=(Line(wide, True, Severity.critical, NOW),) * 10, more=9,
        links=(Link(wide, f"https://a.example/{'x' * 1400}"),) * 10,
        total=19,
    )  # fmt: skip
    message, seen = draw_checked(card), seen_of(card)
    assert len(msgspec.json.encode([message["blocks"], message["attachments"]])) <= 12_000
    assert seen.has("🔴 #42 漢漢漢")
    assert (URL, "open #42") in seen.links
    assert len(seen.controls) == 11


def check_plain(message: dict[str, Any]) -> Seen:
    check_message(message["blocks"], [])
    assert message["text"].strip()
    seen = render({**message, "parse": "none"})
    assert (seen.mentions, seen.links, seen.marked, seen.emoji, seen.controls) == ([], [], [], [], [])
    return seen


def test_a_batch_of_lines_is_one_reply() -> None:
    seen = check_plain(draw_note(ThreadNote(42, ("acknowledged by Ana Petrova: *on it*", "2 more"))))
    assert seen.has("acknowledged by Ana Petrova: *on it*\n2 more")
    assert seen.texts[0] == "#42: 2 more"


def test_of_too_many_lines_the_last_ones_are_shown() -> None:
    seen = check_plain(draw_note(ThreadNote(42, tuple(f"{n} {'漢字' * 200}" for n in range(30)))))
    assert seen.has("earlier lines")
    assert seen.has("29 漢字")
    assert not seen.has("\n0 漢字")


@pytest.mark.parametrize("text", ["two\nlines", "x" * 100_000, "🔥" * 50_000, "word " * 9_000, "", "\n\n", "\x00" * 30_000])
def test_a_text_of_any_size_is_not_refused(text: str) -> None:
    check_plain(draw_text(text))


def test_a_text_keeps_its_lines() -> None:
    assert check_plain(draw_text("one\n\n  two")).has("one\n\n  two")


def test_hostile_lines_and_texts_stay_text() -> None:
    dice = random.Random(7)
    for _ in range(300):
        check_plain(draw_note(ThreadNote(42, tuple(hostile_text(dice) for _ in range(dice.randint(1, 20))))))
        check_plain(draw_text(hostile_text(dice)))
