"""Untrusted text, made fit for Slack."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.chats.slack.text import date, escape, label, link, safe_url, spoken
from adapters.plain import clean, cut, one_line, size
from tests.adapters.slack_cards import HOSTILE
from tests.adapters.slack_rendering import render

texts = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40)), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb\u2066c", "abc"),
        ("zero\u200bwidth\ufeff\u200d\u2060", "zerowidth"),
        ("\x00\x1b\x7f", "␀␛␡"),
        ("half \ud83d", "half \ufffd"),
        ("two\r\nlines\u2028three", "two\nlines\nthree"),
        ("Köln 漢字 🔥 *x*", "Köln 漢字 🔥 *x*"),
    ],
)
def test_clean_leaves_what_can_be_seen(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_one_line_has_no_more() -> None:
    assert one_line("  a\n\n b\u2028\tc ") == "a b c"


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("short", 5, "short"),
        ("disk is nearly full", 12, "disk is…"),
        ("disk is nearly full", 16, "disk is nearly…"),
        ("x" * 20, 10, "x" * 9 + "…"),
        ("🔥🔥🔥", 5, "🔥🔥…"),
        ("🔥🔥🔥", 4, "🔥…"),
    ],
)
def test_cut_is_at_a_word(text: str, limit: int, shown: str) -> None:
    assert cut(text, limit) == shown


@given(texts, st.integers(2, 200))
def test_cut_keeps_the_limit_and_the_beginning(text: str, limit: int) -> None:
    text = clean(text)
    short = cut(text, limit)
    assert size(short) <= limit
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
    short.encode()  # no half character


def test_escape_is_what_slack_asks_for_and_no_more() -> None:
    assert escape("a < b && c > \"d\" 'e'") == "a &lt; b &amp;&amp; c &gt; \"d\" 'e'"


@given(texts)
def test_spoken_text_is_only_text(text: str) -> None:
    said = spoken(text)
    seen = render({"text": said, "parse": "none", "link_names": True})  # even if names were looked for
    assert (seen.mentions, seen.links, seen.marked, seen.emoji) == ([], [], [], [])
    assert len(said.encode()) <= 4000
    assert said.strip()
    assert "\n" not in said


def test_spoken_text_stays_readable() -> None:
    assert spoken("#42 firing critical: disk_full on db-1 (95% > 90%)") == "#42 firing critical: disk_full on db-1 (95% &gt; 90%)"


@given(texts)
def test_a_label_is_only_words(text: str) -> None:
    words = label(text)
    assert words.strip()
    seen = render({"text": link("https://wiki.example.com", words)})
    assert seen.links == [("https://wiki.example.com", words)]
    assert (seen.mentions, seen.marked, seen.emoji) == ([], [], [])


@pytest.mark.parametrize(
    "url",
    ["https://wiki.example.com/run_book?a=1&b=2#x", "http://10.0.0.1:3000/d/abc", "https://wiki.example.com/~ops/*"],
)
def test_a_good_address_is_kept(url: str) -> None:
    assert safe_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "", "javascript:alert(1)", "mailto:a@b.example", "https://", "https://user:pw@wiki.example.com",
        "https://wiki.example.com/a b",
        "https://wiki.example.com/>", "https://wiki.example.com/<!here>", "https://wiki\u202e.example.com", "//wiki.example.com",
        "https://wiki.example.com:port", "https://wiki.example.com/" + "x" * 3000, "!here", "https://a|b/", "slack://open", "https://[::",
    ],
)  # fmt: skip
def test_a_bad_address_is_no_link(url: str) -> None:
    assert safe_url(url) == ""


def test_a_pipe_in_an_address_does_not_end_it() -> None:
    assert link(safe_url("https://wiki.example.com/?q=a|b&c"), "graph") == "<https://wiki.example.com/?q=a%7Cb&amp;c|graph>"


def test_a_date_is_shown_in_the_readers_own_time() -> None:
    assert date(1_767_668_400.0) == "<!date^1767668400^{date_short_pretty} {time}|2026-01-06 03:00 UTC>"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_moment_has_a_date(at: float) -> None:
    assert re.fullmatch(r"<!date\^\d{1,12}\^\{date_short_pretty\} \{time\}\|\d{4}-\d\d-\d\d \d\d:\d\d UTC>", date(at))
