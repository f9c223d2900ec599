import re
import time

import msgspec
import pytest
import re2  # type: ignore[import-untyped, unused-ignore]  # google-re2 ships no types
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from rules.matcher import Matcher, Matchers, Op, match_all, parse_matcher, parse_matchers

OPS: tuple[Op, ...] = ("=", "!=", "=~", "!~")
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
values = st.text(st.characters(codec="utf-8"), max_size=20)
literals = st.lists(st.text(st.sampled_from("ab|-_ é\n/:"), max_size=6), min_size=1, max_size=4).map("|".join)


@st.composite
def any_matcher(draw: st.DrawFn) -> Matcher:
    op = draw(st.sampled_from(OPS))
    value = draw(values)
    return Matcher(draw(names), op, str(re2.escape(value)) if "~" in op else value)


# --- syntax


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{a="b", c=~"d|e"}', [("a", "=", "b"), ("c", "=~", "d|e")]),
        ("a=b", [("a", "=", "b")]),
        ('a="b",c!=d', [("a", "=", "b"), ("c", "!=", "d")]),
        ('"quoted name"="x"', [("quoted name", "=", "x")]),
        ("{a=b,}", [("a", "=", "b")]),
        (" a = b , c !~ d , ", [("a", "=", "b"), ("c", "!~", "d")]),
        (r'a="say \"hi\", \\ and\nbye"', [("a", "=", 'say "hi", \\ and\nbye')]),
        (r'a=~"db\d+\.x"', [("a", "=~", r"db\d+\.x")]),
        (r"a=~db\d+", [("a", "=~", r"db\d+")]),
        ('größe=~"✓+"', [("größe", "=~", "✓+")]),
        ('"größe {m}"="✓"', [("größe {m}", "=", "✓")]),
        ("service.name!=api-1", [("service.name", "!=", "api-1")]),
        ('a="x\ny"', [("a", "=", "x\ny")]),
        ("a=two words", [("a", "=", "two words")]),
        ("a=,b!=", [("a", "=", ""), ("b", "!=", "")]),
        ('a="{b},{c}"', [("a", "=", "{b},{c}")]),
        ("", []), ("  ", []), ("{}", []), ("{ }", []),
    ],
)  # fmt: skip
def test_both_syntaxes_are_read(text: str, found: list[tuple[str, Op, str]]) -> None:
    assert parse_matchers(text) == tuple(Matcher(*parts) for parts in found)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("severity", 'expected one of = != =~ !~ after "severity" (column 9)'),
        ("severity critical", 'expected one of = != =~ !~ after "severity" (column 10)'),
        ("a=b, =c", 'expected a label name, found "=" (column 6)'),
        ("{,}", 'expected a label name, found "," (column 2)'),
        ("a=b,,c=d", 'expected a label name, found "," (column 5)'),
        ('a=b,""=c', "a matcher needs a label name (column 5)"),
        ("{a=b", 'expected "}" because the text starts with "{" (column 5)'),
        ("{", 'expected "}" because the text starts with "{" (column 2)'),
        ("a=b}", 'expected the end, found "}" (column 4)'),
        ("{a=b} c", 'expected the end, found "c" (column 7)'),
        ('é="b', "this double quote is never closed (column 3)"),
        ("a==b", 'unexpected "=" after the value of "a": put a comma between matchers, and double quotes around such a value'),
        ("a='b'", 'unexpected "\'" after the value of "a"'),
        ("a=b c=d", 'unexpected "=" after the value of "a"'),
        ("a=~x{2}", 'unexpected "{" after the value of "a"'),
        ('a="b"c', 'unexpected "c" after the value of "a"'),
        ('a=b, c=~"("', '"(" is not a valid regular expression: missing ): ('),
        ('c=~"(?=x)"', "invalid perl operator: (?= (RE2 has no look-around and no back-references) (column 1)"),
        ("a=\ud800", "a matcher must be valid Unicode text (column 1)"),
    ],
)
def test_a_mistake_says_what_and_where(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=re.escape(error)):
        parse_matchers(text)


@pytest.mark.parametrize("text", ["", "{}", "a=b,c=d"])
def test_parse_matcher_wants_exactly_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected one matcher such as .*, found [02]"):
        parse_matcher(text)


def test_a_bad_regular_expression_is_one_short_line_and_no_noise(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="not a valid regular expression") as raised:
        Matcher("a", "=~", "(\n" * 5000)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300
    assert capfd.readouterr() == ("", "")


@given(any_matcher())
@example(Matcher("a", "=", 'x"\\\n'))
@example(Matcher('n"\\', "=~", r"\n\\"))
@example(Matcher("\x1f", "=", " x\x85"))
def test_a_matcher_reads_its_own_text(matcher: Matcher) -> None:
    assert parse_matcher(str(matcher)) == matcher
    assert "\n" not in str(matcher)


@given(st.lists(any_matcher(), max_size=4))
def test_lists_read_their_own_text(matchers: list[Matcher]) -> None:
    text = ",".join(str(matcher) for matcher in matchers)
    assert parse_matchers(text) == parse_matchers(f"{{ {text} }}") == tuple(matchers)


@given(st.text() | st.text(st.sampled_from("ab{}=!~,\\\"'` (\n")))
def test_any_text_gives_matchers_or_a_value_error(text: str) -> None:
    try:
        parse_matchers(text)
    except ValueError as error:
        assert re.search(r"\(column \d+\)$", str(error))


# --- meaning


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ("a=b", {"a": "b"}, True), ("a=b", {"a": "B"}, False), ("a=b", {}, False),
        ("a!=b", {"a": "c"}, True), ("a!=b", {}, True),
        ('a=""', {}, True), ('a=""', {"a": ""}, True), ('a!=""', {}, False), ('a=~".+"', {}, False), ('a=~".*"', {}, True),
        ('a=~"b"', {"a": "abc"}, False), ('a=~"b.*"', {"a": "bcd"}, True), ('a=~"b|cd.?"', {"a": "cde"}, True),
        ('a=~"b|c.?"', {"a": "xb"}, False), ('a!~"b.*"', {"a": "ab"}, True), ('a!~"b.*"', {"a": "b"}, False),
        ('a=~"(b|c)"', {"a": "c"}, True), ('a=~"(b|c)"', {"a": "(b"}, False), ('a=~"b|"', {}, True), ('a!~"b|"', {}, False),
        ('a=~"b."', {"a": "b\n"}, False), ('a=~"(?i)DB"', {"a": "db"}, True), ('a=~"é."', {"a": "é✓"}, True),
    ],
)  # fmt: skip
def test_matching(text: str, labels: dict[str, str], matches: bool) -> None:
    assert parse_matcher(text).matches(labels) is matches


def test_match_all_wants_every_one() -> None:
    matchers = parse_matchers('team="db",severity=~"critical|high"')
    assert match_all(matchers, {"team": "db", "severity": "high", "x": "y"})
    assert not match_all(matchers, {"team": "db"})
    assert not match_all(matchers, {"severity": "high"})
    assert match_all((), {"team": "db"})


@given(names, values, values)
def test_not_equal_is_the_negation_of_equal(name: str, value: str, other: str) -> None:
    for labels in ({name: value}, {name: other}, {}):
        assert Matcher(name, "=", value).matches(labels) is not Matcher(name, "!=", value).matches(labels)


@given(literals, values)
def test_no_match_is_the_negation_of_match(pattern: str, value: str) -> None:
    for labels in ({"a": value}, {"a": pattern}, {}):
        assert Matcher("a", "=~", pattern).matches(labels) is not Matcher("a", "!~", pattern).matches(labels)


@given(values, st.text(min_size=1, max_size=3))
def test_regular_expressions_are_anchored_at_both_ends(value: str, more: str) -> None:
    whole = Matcher("a", "=~", f"(?:{re2.escape(value)})")  # a group, so that it takes RE2's road
    assert whole.matches({"a": value})
    assert not whole.matches({"a": value + more})
    assert not whole.matches({"a": more + value})


@given(literals, st.text(max_size=6) | st.sampled_from(["", "a", "b", "a|b", "(a", "a)"]))
@example("", "\ud800")
def test_the_short_cut_for_plain_alternations_agrees_with_re2(pattern: str, value: str) -> None:
    assume(not re.search(r"[\\.+*?()\[\]{}^$]", pattern))
    for text in (pattern, f"({pattern})"):
        for candidate in (value, *pattern.split("|")):
            expected = re2.fullmatch(text, candidate.encode(errors="replace")) is not None
            assert Matcher("a", "=~", text).matches({"a": candidate}) is expected


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+b", "(.*a){20}", "a?" * 300 + "a" * 300])
def test_no_pattern_hangs(pattern: str) -> None:
    started = time.monotonic()
    assert Matcher("a", "=~", pattern).matches({"a": "a" * 100_000 + "!"}) is False
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("text", ['a="' + "\\" * 200_000, "a=" + "b " * 200_000 + "=", "{" * 200_000, 'a="b",' * 20_000 + "="])
def test_parsing_takes_linear_time(text: str) -> None:
    started = time.monotonic()
    with pytest.raises(ValueError, match="column"):
        parse_matchers(text)
    assert time.monotonic() - started < 2


def test_broken_unicode_in_a_label_never_raises() -> None:
    assert Matcher("a", "=~", "x.*").matches({"a": "x\ud800"})
    assert not Matcher("a", "=~", "b|c").matches({"a": "\ud800"})


def test_a_matcher_is_a_value_that_msgspec_stores() -> None:
    matcher = parse_matcher("a=~b.*")
    again = msgspec.json.decode(msgspec.json.encode(matcher), type=Matcher)
    assert again == matcher
    assert hash(again) == hash(matcher)
    assert again.matches({"a": "bc"})
    with pytest.raises(msgspec.ValidationError, match="not a valid regular expression"):
        msgspec.json.decode(b'{"name": "a", "op": "=~", "value": "("}', type=Matcher)
    with pytest.raises(AttributeError):
        matcher.name = "b"  # type: ignore[misc]  # frozen, which is what this line is for


# --- YAML


class Rule(BaseModel):
    match: Matchers = Field((), description="All must hold.")


@pytest.mark.parametrize(
    "written", [["a=b", "c!=d"], 'a="b",c!="d"', ["{a=b,c!=d}"], (Matcher("a", "=", "b"), Matcher("c", "!=", "d"))]
)
def test_a_model_takes_a_list_or_one_text(written: object) -> None:
    rule = Rule.model_validate({"match": written})
    assert rule.match == (Matcher("a", "=", "b"), Matcher("c", "!=", "d"))
    assert Rule.model_validate_json(rule.model_dump_json()) == rule


@pytest.mark.parametrize(
    ("written", "place", "error"),
    [
        (["a=b", "severity"], ("match", 1), 'expected one of = != =~ !~ after "severity" (column 9)'),
        (["a=~("], ("match", 0), "not a valid regular expression"),
        ([""], ("match", 0), "expected a matcher such as 'severity=~\"critical|high\"', found none"),
        (yaml.safe_load('[{team="db"}]'), ("match", 0), "put single quotes around the whole matcher"),
        ({"team": "db"}, ("match",), "expected a list of matchers such as"),
        (None, ("match",), "expected a list of matchers such as"),
        (5, ("match",), "expected a list of matchers such as"),
    ],
)
def test_a_model_names_the_wrong_item(written: object, place: tuple[object, ...], error: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Rule.model_validate({"match": written})
    (mistake,) = raised.value.errors()
    assert mistake["loc"] == place
    assert error in mistake["msg"]


def test_every_wrong_item_is_named_at_once() -> None:
    with pytest.raises(ValidationError) as raised:
        Rule.model_validate({"match": ["a", "b=c", "d"]})
    assert [mistake["loc"] for mistake in raised.value.errors()] == [("match", 0), ("match", 2)]


def test_the_schema_is_a_list_of_texts() -> None:
    schema = Rule.model_json_schema()["properties"]["match"]
    assert (schema["type"], schema["items"]["type"], schema["default"]) == ("array", "string", [])
