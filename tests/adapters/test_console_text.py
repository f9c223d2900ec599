"""G8 in the console: whatever an alert holds, the card has the elements, attributes and links of its template and no other."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.chats.console.static import Static
from adapters.chats.console.text import clean, cut, safe_url
from adapters.chats.console.view import Views
from adapters.chats.console.when import span
from rules.alert import Link, Severity
from rules.card import Card, Line
from rules.incident import State
from tests.adapters.console_site import make_card

VIEWS = Views(Static())
HOSTILE = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '" onmouseover="alert(1)', "' autofocus onfocus='x",
    "</article>",
    "</details><h1>", "<!--", "]]>", "&lt;b&gt;", "{{7*7}}", "{% raw %}", "javascript:alert(1)", "\u202egnp.exe", "\x00\x1b[31m",
    "\ud800", "https://ok.example/", "[x](https://evil.example)", "@everyone", "\u2028", "w" * 500, "word " * 200, "Ω" * 9000,
)  # fmt: skip
TEXT = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20)), max_size=4).map("".join)
URL = st.one_of(TEXT, st.sampled_from(["https://ok.example/?q=1", "HTTP://OK.example", "https://a@evil.example"]))


class Skeleton(HTMLParser):
    """Elements with the names of their attributes, and every address."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "formaction") and tag != "use"]

    def handle_comment(self, data: str) -> None:
        self.elements.append(("comment", ()))

    def handle_decl(self, decl: str) -> None:
        self.elements.append(("declaration", ()))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@st.composite
def cards(draw: st.DrawFn) -> Card:
    return make_card(
        7, draw(TEXT), draw(st.sampled_from(State)), severity=draw(st.sampled_from(Severity)), summary=draw(TEXT), total=9,
        fields=tuple(draw(st.lists(st.tuples(TEXT, TEXT), max_size=3))), owner=draw(TEXT), note=draw(TEXT), silenced=draw(TEXT),
        lines=tuple(Line(text, draw(st.booleans()), Severity.low, 5.0) for text in draw(st.lists(TEXT, max_size=3))),
        links=tuple(Link(draw(TEXT), url) for url in draw(st.lists(URL, max_size=3))), resolved_by=draw(TEXT), more=3,
        started_at=draw(st.floats(allow_nan=False, allow_infinity=False)),
    )  # fmt: skip


def harmless(card: Card) -> Card:
    """The same card with every text replaced by letters: what the template alone makes of it."""
    def plain(text: str) -> str:
        return "a" * len(text)

    return replace(
        card, title=plain(card.title), summary=plain(card.summary), owner=plain(card.owner), note=plain(card.note),
        silenced=plain(card.silenced), resolved_by=plain(card.resolved_by),
        fields=tuple((plain(name), plain(value)) for name, value in card.fields),
        lines=tuple(replace(line, text=plain(line.text)) for line in card.lines),
        links=tuple(Link(plain(link.name), "https://x.example" if safe_url(link.url) else "x") for link in card.links),
    )  # fmt: skip


def drawn(card: Card) -> str:
    return str(VIEWS.card(1, "ops", card, 1e9)["html"])


@given(cards())
def test_no_text_becomes_markup_or_a_link(card: Card) -> None:
    html = drawn(card)
    found = Skeleton(html)
    assert found.elements == Skeleton(drawn(harmless(card))).elements
    ours = re.compile(r"#card-1|/\?channel=ops&ask=(note|silence)&card=1|/console/thread/1")
    for link in found.links:
        assert ours.fullmatch(link) or link in [other.url for other in card.links if safe_url(other.url)]
    html.encode()  # no half characters
    assert not [c for c in html if (category(c) in ("Cc", "Cs") and c not in "\t\n") or c in "\u202e\u2066\u200f\u200b"]


@given(cards())
def test_a_card_stays_small_whatever_it_holds(card: Card) -> None:
    endless = "s <b> " * 20_000
    huge = replace(card, title=endless, summary=endless, note="n" * 100_000, fields=((endless, "v" * 100_000),))
    assert len(drawn(huge)) < 160_000


def test_hostile_text_is_shown_as_it_is() -> None:
    found = Skeleton(drawn(make_card(title='<b>"x" & \u202ey\x07')))
    assert '<b>"x" & y␇' in found.texts


@pytest.mark.parametrize("url", [
    "javascript:alert(1)", "data:text/html,x", "//evil.example", "https:evil", "https://", "http://[", "https://a@b.example",
    "https://x.example/\n", " https://x.example", "https://x.example/\u202e", "https://x.example/\\y",
    "https://x.example/" + "y" * 2000,
    "", "ftp://x.example",
])  # fmt: skip
def test_only_plain_web_addresses_are_links(url: str) -> None:
    assert safe_url(url) == ""


@pytest.mark.parametrize("url", ["https://x.example", "http://localhost:9090/graph?g0.expr=up%7B%7D#a", "https://[::1]/x"])
def test_plain_web_addresses_are_links(url: str) -> None:
    assert safe_url(url) == url


@given(TEXT, st.integers(10, 300))
def test_a_cut_is_a_start_of_the_text_and_no_longer_than_asked(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert len(short) <= limit + 1
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))


def test_a_cut_spares_words() -> None:
    assert cut("one two three", 9) == "one two…"
    assert cut("onetwothree", 5) == "onetw…"


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_spans_in_words() -> None:
    spans = {0: "0s", 59.9: "59s", 60: "1m", 3599: "59m", 3600: "1h", 11100: "3h 5m", 86400: "1d", 187200: "2d 4h", -5: "0s"}
    assert {seconds: span(seconds) for seconds in spans} == spans


@pytest.mark.parametrize("at", [float("nan"), float("inf"), -1e300, 1e300])
def test_no_moment_breaks_a_card(at: float) -> None:
    line = Line("x", True, Severity.low, at)
    assert "<article" in drawn(make_card(started_at=at, snoozed_until=at, acked_until=at, lines=(line,)))
