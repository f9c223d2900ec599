"""How the stand-in Discord reads texts: what is drawn, what mentions, what links."""

from __future__ import annotations

import pytest

from tests.standins.discord_markdown import plain, tokens


@pytest.mark.parametrize(
    ("text", "kinds", "seen"),
    [
        ("plain text, 2 * 3 * 4", [], "plain text, 2 * 3 * 4"),
        ("**bold** and *it*", ["bold", "italic"], "bold and it"),
        (r"\*\*not\*\* \<@5> \[a](http\://b.example)", [], "**not** <@5> [a](http://b.example)"),
        ("some_name_here and _it_", ["slant"], "some_name_here and it"),
        ("<@5> <@!5> <@&6> <#7> @everyone", ["user", "user", "role", "channel", "everyone"], "@unknown-user @unknown-user "
         "@deleted-role #unknown @everyone"),
        ("[click](https://evil.example/x 'tip')", ["masked"], "click"),
        ("see https://evil.example/x.", ["link"], "see https://evil.example/x."),
        ("<https://evil.example/x>", ["quiet"], "https://evil.example/x"),
        ("# big\n-# small\n> said\n- one\n1. two", ["heading", "subtext", "quote", "list", "list"],
         "big\nsmall\nsaid\n• one\n• two"),
        ("||secret **x**||", ["spoiler", "bold"], "secret x"),
        ("`<@5>` ```\n@here\n```", ["code", "block"], "<@5> @here"),
        ("<t:0:R> <:evil:5> </ack:7> <id:browse> :fire: 12:30:45",
         ["timestamp", "custom", "command", "guide", "emoji"], "1970-01-01 00:00:00 :evil: /ack <id:browse> :fire: 12:30:45"),
        ("~~gone~~ __under__", ["strike", "underline"], "gone under"),
    ],
)  # fmt: skip
def test_texts_are_read_as_the_client_reads_them(text: str, kinds: list[str], seen: str) -> None:
    found = [token.kind for token in tokens(text)]
    assert ["italic" if kind == "slant" else kind for kind in kinds] == found
    assert plain(text) == seen


def test_a_link_tells_where_it_leads() -> None:
    found = tokens("[**good**](https://evil.example)")
    assert [(one.kind, one.target, one.label) for one in found] == [("masked", "https://evil.example", "good"), ("bold", "", "")]
