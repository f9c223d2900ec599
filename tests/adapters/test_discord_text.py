"""Untrusted text, made fit for Discord."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.chats.discord.text import escape, label, link, moment, told
from adapters.plain import clean, cut, one_line, safe_url, size
from tests.adapters.discord_cards import HOSTILE, NOW, URL
from tests.standins.discord_markdown import plain, tokens

texts = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40)), max_size=12).map("".join)


@pytest.mark.parametrize("text", [*HOSTILE, "\n".join(HOSTILE)])
def test_what_is_escaped_reads_as_it_was_and_is_no_more_than_text(text: str) -> None:
    text = clean(text)
    assert tokens(escape(text)) == [] and plain(escape(text)) == text


@given(texts)
def test_so_does_any_text(text: str) -> None:
    text = clean(text)
    assert tokens(escape(text)) == [] and plain(escape(text)) == text
    assert tokens(f"**Firing** {escape(text)}")[1:] == []


def test_the_stand_in_would_see_it_otherwise() -> None:
    assert {token.kind for text in HOSTILE for token in tokens(text)} >= {
        "user", "role", "everyone", "channel", "command", "guide", "link", "masked", "quiet", "timestamp", "custom", "emoji",
        "heading", "subtext", "quote", "list", "spoiler", "bold", "underline", "strike", "italic", "code", "block",
    }  # fmt: skip


@given(texts, st.integers(3, 300), st.integers(3, 300))
def test_told_keeps_both_limits(text: str, limit: int, room: int) -> None:
    text = clean(text)
    written = told(text, limit, room)
    assert size(written) <= room and size(plain(written)) <= limit
    assert written == escape(text) or plain(written).endswith("…")


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("short", 5, "short"), ("disk is nearly full", 12, "disk is…"), ("disk is nearly full", 16, "disk is nearly…"),
        ("x" * 20, 10, "x" * 9 + "…"), ("🔥🔥🔥", 5, "🔥🔥…"), ("🔥🔥🔥", 4, "🔥…"),
    ],
)  # fmt: skip
def test_cut_is_at_a_word(text: str, limit: int, shown: str) -> None:
    assert cut(text, limit) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb\u2066c", "abc"), ("zero\u200bwidth\ufeff\u200d\u2060", "zerowidth"), ("\x00\x1b\x7f", "␀␛␡"),
        ("half \ud83d", "half \ufffd"), ("two\r\nlines\u2028three", "two\nlines\nthree"),
        ("Köln 漢字 🔥 *x*", "Köln 漢字 🔥 *x*"),
    ],
)  # fmt: skip
def test_clean_leaves_what_can_be_seen(text: str, shown: str) -> None:
    assert clean(text) == shown
    assert one_line(f"  {text}\n\n") == " ".join(shown.split())


@given(texts)
def test_the_words_of_a_link_are_words(text: str) -> None:
    words = label(text)
    assert words and size(words) <= 40 and not set(words) & set("[]()<>*_~`|\\:@#\n")
    assert link(URL, words) == f"[{words}]({URL})"
    [token] = tokens(link(URL, words))
    assert (token.kind, token.target, token.label) == ("masked", URL, words)


@pytest.mark.parametrize(
    "url",
    [
        "", "javascript:alert(1)", "ftp://a.example/", "https://", "https:///x", "https://user:pw@a.example/", "//a.example",
        "https://a.example/ b", "https://a.example/\nb", 'https://a.example/"x', "https://a.example/<x>", "https://a\u202e.example",
        "https://a.example\\@b.example", "https://[::1", "https://a.example:x/", "https://a.example/" + "x" * 2000,
    ],
)  # fmt: skip
def test_an_address_that_hides_something_is_none(url: str) -> None:
    assert safe_url(url) == "" and link(url, "words") == ""


def test_an_address_cannot_end_its_link() -> None:
    written = link("https://a.example/x)(y|z*?q=[a](b)", "words")
    [token] = tokens(written)
    assert (token.raw, token.target) == (written, "https://a.example/x%29%28y%7Cz%2A?q=[a]%28b%29")


@pytest.mark.parametrize(
    ("at", "written"), [(NOW, "<t:1767668400:f>"), (-5.0, "<t:0:f>"), (float("nan"), "<t:0:f>"), (1e30, "<t:253402300799:f>")]
)
def test_a_moment_is_one_that_discord_can_show(at: float, written: str) -> None:
    assert moment(at) == written
