"""A card as an embed: what the reader sees, never refused, never more than text."""

import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.chat import ThreadNote
from adapters.chats.discord.embed import calling, draw
from adapters.chats.discord.text import label, link
from adapters.chats.discord.thread import draw_note, draw_text
from rules.alert import Link, Severity
from rules.card import Button, Card, Line, Ping
from rules.incident import State
from tests.adapters.discord_cards import HOSTILE, NOW, URL, hostile_card, hostile_text, make_card
from tests.adapters.discord_rendering import Seen, render

OUR_WORDS = {"Firing", "Acknowledged", "Resolved", *(severity.name for severity in Severity)}
LOCAL = "http://127.0.0.1:8080/incidents/42"
HIDDEN = "\u202e\u2066\u200b\u200d\ufeff\u2060\x00\x1b\ud83d"
ROLE, ANA = "165511591545143296", "80351110224678912"


def seen_of(card: Card) -> Seen:
    return render(draw(card, "key-1"))


def colour_of(card: Card) -> int:
    return int(seen_of(card).embed["color"])


def test_the_card_tells_what_happens() -> None:
    card = make_card(
        summary="Three of four web servers do not answer.", fields=(("cluster", "eu1"), ("team", "web")),
        links=(Link("runbook", "https://wiki.example.com/web?a=1&b=2"), Link("dashboard", "https://grafana.example.com/d/1")),
    )  # fmt: skip
    seen = seen_of(card)
    assert seen.embed["title"] == "🔴 #42 Web servers are down"
    for words in ("Firing · critical · since 2026-01-06 02:53:20", "Three of four web servers do not answer."):
        assert seen.has(words), words
    fields = [{"name": "cluster", "value": "eu1", "inline": True}, {"name": "team", "value": "web", "inline": True}]
    assert seen.embed["fields"] == fields
    assert seen.embed["footer"] == {"text": "tocsin · key-1"}
    assert [(token.kind, token.target) for token in seen.of("timestamp")] == [("timestamp", str(int(card.started_at)))]
    assert seen.links == [
        ("https://wiki.example.com/web?a=1&b=2", "runbook"),
        ("https://grafana.example.com/d/1", "dashboard"),
        (URL, "Open #42"),
    ]


def test_buttons_send_lines_of_the_one_grammar() -> None:
    message = draw(make_card(), "key-1")
    assert render(message).controls == [
        ("tocsin:ack 42", "Ack"),
        ("tocsin:resolve 42", "Resolve"),
        ("tocsin:silence #42", "Silence"),
        ("tocsin:note 42", "Note"),
        ("tocsin:incident 42", "Show all of it, to me"),
        ("tocsin:why 42", "Why did it come here?"),
        ("snooze 42 for 30m", "30 minutes"),
        ("snooze 42 for 1h", "1 hour"),
        ("snooze 42 for 4h", "4 hours"),
        ("snooze 42 for 24h", "until tomorrow"),
    ]
    first, snooze, _ = (row["components"] for row in message["components"])
    assert [one["label"] for one in first if one["style"] == 1] == ["Ack"]
    assert [one["custom_id"] for one in snooze] == ["tocsin:snooze 42"]


def test_buttons_fit_the_state() -> None:
    acknowledged = {control[0] for control in seen_of(make_card(state=State.acknowledged)).controls}
    assert "tocsin:unack 42" in acknowledged and "tocsin:ack 42" not in acknowledged
    resolved = seen_of(make_card(state=State.resolved, resolved_at=NOW))
    assert resolved.controls == [] and resolved.links == [(URL, "Open #42")]


@pytest.mark.parametrize(
    "url", [LOCAL, "http://tocsin/incidents/42", "http://localhost/incidents/42", "http://[::1]/incidents/42"]
)
def test_an_address_that_discord_may_refuse_or_that_only_we_reach_is_no_button(url: str) -> None:
    message = draw(make_card(url=url), "key-1")
    assert "url" not in str(message["components"])
    assert render(message).links[:1] == [(url, "open #42")]


def test_who_has_it_until_when_and_why() -> None:
    seen = seen_of(make_card(state=State.acknowledged, owner="Ana Petrova", acked_until=NOW + 3600, note="on it"))
    assert seen.has("Acknowledged · critical")
    assert seen.has("👤 Ana Petrova has it · until 2026-01-06 04:00:00")
    assert seen.has("📝 on it")


def test_a_resolved_card_says_by_whom_and_when() -> None:
    seen = seen_of(
        make_card(state=State.resolved, resolved_at=NOW, resolved_by="Ben Okafor", owner="Ana Petrova", snoozed_until=NOW)
    )
    for words in ("✅ #42 Web servers are down", "Resolved 2026-01-06 03:00:00 · was critical · began", "Resolved by Ben Okafor"):
        assert seen.has(words), words
    assert not seen.has("snoozed")


def test_marks() -> None:
    seen = seen_of(make_card(snoozed_until=NOW + 60, silenced="muted_by_silence", closing=True))
    for words in ("snoozed until 2026", "🔕 Nobody is told: a silence is on", "nothing fires any more, closing soon"):
        assert seen.has(words), words


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
    lines = tuple(Line(f"db-{n} is down", n != 1, Severity.high, NOW) for n in range(12))
    seen = seen_of(make_card(lines=lines, more=25, firing=36, total=37))
    assert all(seen.has(f"🟠 since 2026-01-06 03:00:00 db-{n} is down") for n in range(10) if n != 1)
    assert seen.has("✅ 2026-01-06 03:00:00 db-1 is down") and seen.has("36 of 37 firing") and not seen.has("db-10")
    assert ("tocsin:incident 42", "and 27 more") in seen.controls


def test_a_stub_shows_what_it_may() -> None:
    card = make_card(
        title="restricted incident", summary="Shown in full only to: dba.", url="", buttons=(), firing=0, total=0, stub=True
    )
    seen = seen_of(card)
    assert seen.has("#42 restricted incident") and seen.has("Shown in full only to: dba.")
    assert (seen.links, seen.controls, seen.embed["fields"]) == ([], [], [])


def test_long_text_is_cut_at_a_word_and_linked() -> None:
    seen = seen_of(make_card(title="much too long a title " * 20, summary="disk " * 5000))
    assert (URL, "all of the text") in seen.links
    assert seen.text.count("…") == 2 and seen.has(("much too long a title " * 20).strip())
    assert not re.search(r"\b(mu|muc|to|lon|dis|di|titl|tit)…", seen.text)


def test_a_text_that_fits_is_shown_as_it_is() -> None:
    title, summary = (
        "cpu_load *high* on <db-1> & `db-2` > 90%",
        "@here: see http://wiki.example.com/_run_\n> not a quote\n1. :fire:",
    )
    seen = seen_of(make_card(title=title, summary=summary, fields=(("_instance_", "**db_1**"),)))
    assert seen.has(f"🔴 #42 {title}") and seen.has(summary) and seen.has("_instance_\n**db_1**")
    assert (URL, "all of the text") not in seen.links


@pytest.mark.parametrize("nothing", ["", " ", "\u200b\u202e", "\n\n"])
def test_a_text_without_anything_to_see_is_not_refused(nothing: str) -> None:
    seen_of(make_card(
        title=nothing, summary=nothing, note=nothing, owner=nothing, silenced=nothing,
        lines=(Line(nothing, True, Severity.low, NOW),), fields=((nothing, nothing),),
        links=(Link(nothing, nothing), Link(nothing, URL)), buttons=(Button("ack", nothing, "ack 42"),),
    ))  # fmt: skip


# Whom a new card calls


def test_a_new_card_calls_whom_the_policy_says_and_nobody_else() -> None:
    card = make_card(title="<@1> @everyone", pings=(Ping(ROLE, group=True), Ping(ANA, group=False), Ping(ROLE, group=True)))
    drawn = draw(card, "key-1")
    message = calling(drawn, card)
    render(message)
    assert message["content"] == f"<@&{ROLE}> <@{ANA}> #42 critical"
    assert message["allowed_mentions"] == {"parse": [], "roles": [ROLE], "users": [ANA]}
    assert "content" not in drawn and drawn["allowed_mentions"] == {"parse": []}


def test_a_card_that_calls_nobody_says_nothing_beside_its_embed() -> None:
    for pings in ((), (Ping("@everyone", group=True), Ping("1> <@2", group=False), Ping("", group=False))):
        card = make_card(pings=pings)
        assert calling(draw(card, "key-1"), card) == draw(card, "key-1")


# Nothing is more than text


def assert_only_ours(card: Card) -> None:
    """Nothing in the card mentions, links, formats or can be pressed, except for what we mean."""
    seen = seen_of(card)
    assert {token.kind for token in seen.tokens} <= {"timestamp", "bold", "masked"}
    assert {token.raw.strip("*") for token in seen.of("bold")} <= OUR_WORDS
    assert all(re.fullmatch(r"<t:\d+:f>", token.raw) for token in seen.of("timestamp"))
    wanted = [link(one.url, label(one.name)) for one in card.links]
    ours = [link(card.url, f"open #{card.number}"), link(card.url, "all of the text")]
    assert {token.raw for token in seen.of("masked")} <= {*wanted, *ours}
    assert all(url.startswith(("https://", "http://")) for url, _ in seen.links)
    assert set(seen.links) - {(token.target, token.label) for token in seen.of("masked")} <= {(card.url, f"Open #{card.number}")}
    verbs = {f"{button.verb}" for button in card.buttons} | {"incident", "why"}
    assert {control[0].removeprefix("tocsin:").split(" ")[0] for control in seen.controls} <= verbs
    assert all(str(card.number) in control[0] for control in seen.controls)
    assert seen.embed["footer"] == {"text": "tocsin · key-1"}
    assert not any(c in str(seen.embed["description"]) + seen.embed["title"] + str(seen.controls) for c in HIDDEN)


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
    url=st.one_of(st.sampled_from((URL, LOCAL)), hostile), more=st.integers(0, 10**6), revision=st.integers(0, 10**9),
    number=st.integers(1, 10**9),
)  # fmt: skip


@given(cards)
def test_no_alert_can_be_more_than_text(card: Card) -> None:
    assert_only_ours(card)


@pytest.mark.parametrize("wide", ["漢" * 5000, "*_|" * 3000, "🔥" * 5000, "\\" * 5000, "\n# x" * 2000])
def test_the_largest_card_still_shows_the_most_important(wide: str) -> None:
    card = make_card(
        title=wide, summary=wide, note=wide, owner=wide, silenced=wide, fields=((wide, wide),) * 12, snoozed_until=NOW,
        lines=(Line(wide, True, Severity.critical, NOW),) * 10, more=9,
        links=(Link(wide, f"https://a.example/{'x' * 1400}"),) * 10,
        total=19,
    )  # fmt: skip
    assert_only_ours(card)
    seen = seen_of(card)
    assert seen.has("🔴 #42 ") and len(seen.controls) == 10
    assert len(seen.embed["fields"]) == 10 and seen.text.count("🔴 since") == 10
    assert (URL, "Open #42") in seen.links


def test_a_card_within_each_limit_but_not_within_all_is_drawn_smaller() -> None:
    card = make_card(summary="word " * 300, fields=(("*" * 60, "*" * 200),) * 10)
    seen = seen_of(card)
    assert len(seen.embed["fields"]) == 10 and (URL, "all of the text") in seen.links


# Threads and direct messages


def check_plain(message: dict[str, Any]) -> Seen:
    seen = render(message)
    assert (seen.tokens, seen.links, seen.controls) == ([], [], [])
    assert seen.embed["footer"] == {"text": "tocsin · key-1"} and message["allowed_mentions"] == {"parse": []}
    return seen


def test_a_batch_of_lines_is_one_reply() -> None:
    seen = check_plain(draw_note(ThreadNote(42, ("acknowledged by Ana Petrova: *on it*", "2 more")), "key-1"))
    assert seen.has("acknowledged by Ana Petrova: *on it*\n2 more")


def test_of_too_many_lines_the_last_ones_are_shown() -> None:
    seen = check_plain(draw_note(ThreadNote(42, tuple(f"{n} {'漢字' * 200}" for n in range(30))), "key-1"))
    assert seen.has("earlier lines") and seen.has("29 漢字") and not seen.has("\n0 漢字")


@pytest.mark.parametrize(
    "text", ["two\nlines", "x" * 100_000, "🔥" * 50_000, "word " * 9_000, "", "\n\n", "\x00" * 30_000, "*" * 9000]
)
def test_a_text_of_any_size_is_not_refused(text: str) -> None:
    check_plain(draw_text(text, "key-1"))


def test_a_text_keeps_its_lines() -> None:
    assert check_plain(draw_text("one\n\n  two", "key-1")).has("one\n\n  two")


def test_hostile_lines_and_texts_stay_text() -> None:
    dice = random.Random(7)
    for _ in range(150):
        check_plain(draw_note(ThreadNote(42, tuple(hostile_text(dice) for _ in range(dice.randint(1, 20)))), "key-1"))
        check_plain(draw_text(hostile_text(dice), "key-1"))
