import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.command import MOST_TEXT, parse
from rules.grammar import VERBS, Usage
from rules.suggestion import MOST, suggest

INCIDENTS = [(42, "firing", "PgDown on db1"), (431, "firing", "Replica lag"), (7, "acknowledged", "Disk full")]
PEOPLE = ["ana", "bob"]
SILENCES = [("3f9a", 'team="db"'), ("40cc", 'host="x"')]


def lines(text: str) -> list[str]:
    return [line for line, _ in suggest(text, INCIDENTS, PEOPLE, SILENCES)]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("un", ["unack ", "unsilence "]),
        ("/A", ["/ack ", "/assign ", "/approve "]),
        ("tocsin who", ["tocsin whoami"]),
        ("silences", ["silences"]),
        ("ack", ["ack ", "ack 42", "ack 431", "ack 7"]),
        ("ack ", ["ack 42", "ack 431", "ack 7"]),
        ("ACK 4", ["ACK 42", "ACK 431"]),
        ("ack #4", ["ack #42", "ack #431"]),
        ("ack pgd", ["ack 42"]),
        ("ack 42 f", [f"ack 42 for {duration}" for duration in ("30m", "1h", "2h", "4h", "1d")]),
        ("ack 42 for ", [f"ack 42 for {duration}" for duration in ("30m", "1h", "2h", "4h", "1d")]),
        ("ack 42 for 1", ["ack 42 for 1h", "ack 42 for 1d"]),
        ("ack 42 for 1h ", []),
        ("ack 42 on it ", []),
        ("ack 42 on it 4", []),
        ("ack 42 43 7 4", ["ack 42 43 7 431", "ack 42 43 7 4h"]),
        ("snooze 42 2", ["snooze 42 2h"]),
        ("note 4", ["note 42 ", "note 431 "]),
        ("note 42 ", []),
        ("assign d", ["assign 42 ", "assign 7 "]),
        ("assign 42 ", ["assign 42 @ana", "assign 42 @bob"]),
        ("assign 42 B", ["assign 42 @bob"]),
        ("assign 42 @a", ["assign 42 @ana"]),
        ("silence #7", ["silence #7"]),
        ("silence team=“db” for 3", ["silence team=“db” for 30m"]),
        ("unsilence 4", ["unsilence 40cc"]),
        ("incidents", ["incidents", "incidents open", "incidents mine", "incidents all"]),
        ("incidents m", ["incidents mine"]),
        ("help wh", ["help why", "help whoami"]),
        ("why 42 ", []),
        ("whoami ", []),
        ("zzz ", []),
        ("x" * (MOST_TEXT + 1), []),
    ],
)
def test_a_line_goes_on(typed: str, offered: list[str]) -> None:
    assert lines(typed) == offered


@pytest.mark.parametrize(("typed", "lead"), [("", ""), ("/", "/"), ("/tocsin", "/tocsin "), ("tocsin ", "tocsin ")])
def test_it_begins_with_verbs(typed: str, lead: str) -> None:
    assert [line.rstrip() for line in lines(typed)] == [lead + name for name in list(VERBS)[:MOST]]


def test_hints_say_what_it_is() -> None:
    found = dict(suggest("ack 42 ", [*INCIDENTS, (9, "firing", "x" * 99)], PEOPLE, SILENCES))
    assert found["ack 42 431"] == "firing: Replica lag"
    assert found["ack 42 9"] == "firing: " + "x" * 40 + "…"
    assert found["ack 42 for 4h"] == "four hours"
    assert dict(suggest("wh", [], [], [])) == {
        "why ": "why an incident came where it did",
        "whoami": "who you are here, what you may do",
    }
    assert suggest("unsilence 3", [], [], SILENCES) == [("unsilence 3f9a", 'team="db"')]


def test_many_incidents_leave_room_for_durations() -> None:
    many = [(number, "firing", "PgDown") for number in range(1, 2000)]
    found = [line for line, _ in suggest("ack 42 ", many, [], [])]
    assert found[:4] == ["ack 42 1", "ack 42 2", "ack 42 3", "ack 42 for 30m"]
    assert len(found) == MOST


PIECES = [
    *VERBS, "/tocsin", "42", "#7,", "4", "for", "2h", "2", "f", "@a", "--", "m", "{",
    'team="db', 'team="db"', "disk", "x", "0", "\u00a0",
]  # fmt: skip
glued = st.lists(st.sampled_from(PIECES), max_size=6).map(" ".join)
typed_lines = st.one_of(st.text(max_size=40), st.builds(str.__add__, glued, st.sampled_from(["", " ", "\u00a0"])))
short = st.text(max_size=9)


@given(
    typed_lines,
    st.lists(st.tuples(st.integers(-5, 10**10), short, short), max_size=12).map(lambda some: some + INCIDENTS),
    st.lists(short).map(lambda some: some + PEOPLE),
    st.lists(st.tuples(short, short)).map(lambda some: some + SILENCES),
)
@example("silence", [(0, "", "")], ["a b", "@"], [("a b", "")])
@example("assign 42 ", INCIDENTS, ["a b", "@", ""], [])
def test_what_is_offered_is_a_command_or_the_beginning_of_one(
    typed: str, incidents: list[tuple[int, str, str]], people: list[str], silences: list[tuple[str, str]]
) -> None:
    found = suggest(typed, incidents, people, silences)
    assert len(found) <= MOST
    assert len({line for line, _ in found}) == len(found)
    for line, _ in found:
        if line.endswith(" "):
            assert any(_is_command(line + more) for more in ("42", "42 x", "3f9a", "x", "team=db")), line
        else:
            parse(line)


def _is_command(line: str) -> bool:
    try:
        parse(line)
    except Usage:
        return False
    return True
