import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.alert import Severity
from rules.card import card
from rules.command import BLANK, MOST_NUMBERS, MOST_TEXT, Command, parse, render
from rules.duration import parse_duration
from rules.grammar import VERBS, Arg, Usage, Verb, help_text
from rules.incident import Incident, State
from rules.matcher import Matcher

DB = Matcher("team", "=", "db")
MILD = Matcher("severity", "=~", "warning|low")
HOUR = 3600.0
HELP = Command("help")


def ack(*numbers: int, duration: float | None = None, text: str = "") -> Command:
    return Command("ack", numbers=numbers, duration=duration, text=text)


def silence(*matchers: Matcher, duration: float = 2 * HOUR, text: str = "") -> Command:
    return Command("silence", matchers=matchers, duration=duration, text=text)


def wrong(what: str, verb: str) -> str:
    return f"{what}\nUsage: {VERBS[verb].usage}\nExample: {VERBS[verb].examples[-1]}"


def why(duration: str) -> str:
    """What rules/duration.py finds wrong."""
    with pytest.raises(ValueError, match="is not a duration") as refused:
        parse_duration(duration)
    return f"{refused.value}."


NOT_EMPTY = "These matchers also mute alerts that have none of the labels. Add one that needs a label to be there."
DASHES = "Put -- before a text that begins like this."


# --- what is understood


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("ack 42", ack(42)),
        ("ack #42", ack(42)),
        ("ack#42", ack(42)),
        ("ack 042", ack(42)),
        ("ack 42 43 #44 for 1h on it", ack(42, 43, 44, duration=HOUR, text="on it")),
        ("ack 42, 43,#44: on it", ack(42, 43, 44, text="on it")),
        ("ack 42 43 42", ack(42, 43)),
        ("ack 42 2h on it", ack(42, duration=2 * HOUR, text="on it")),
        ("ack 42 FOR 1H30M, on it", ack(42, duration=1.5 * HOUR, text="on it")),
        ("ack 42 for the team", ack(42, text="for the team")),
        ("ack 42 for 1h for 2h", ack(42, duration=HOUR, text="for 2h")),
        ("ack 42 on it for 2h", ack(42, text="on it for 2h")),
        ("ack 42 10:30 it began", ack(42, text="10:30 it began")),
        ("ack 42 3rd time", ack(42, text="3rd time")),
        ("ack 42 -- 3 nodes", ack(42, text="3 nodes")),
        ("ack 42 — 2h is too long", ack(42, text="2h is too long")),
        ("ack 42 --force", ack(42, text="--force")),
        ("ack 42 --", ack(42)),
        ("ack 42 two\nlines\r\nor  three ", ack(42, text="two\nlines\nor  three")),
        ("ack 42 “on it” he said", ack(42, text="“on it” he said")),
        ("unack 42 43", Command("unack", numbers=(42, 43))),
        ("resolve 42 the disk is bigger", Command("resolve", numbers=(42,), text="the disk is bigger")),
        ("resolve 42 for good", Command("resolve", numbers=(42,), text="for good")),
        ("snooze 42", Command("snooze", numbers=(42,), duration=HOUR)),
        ("snooze 42 43 30m", Command("snooze", numbers=(42, 43), duration=HOUR / 2)),
        ("snooze 42 for 1h30m5s", Command("snooze", numbers=(42,), duration=1.5 * HOUR + 5)),
        ("assign 42 @ana", Command("assign", numbers=(42,), person="ana")),
        ("assign #42 ana", Command("assign", numbers=(42,), person="ana")),
        ("assign 42 <@U01ANA>", Command("assign", numbers=(42,), person="<@U01ANA>")),
        ("note 42 43 is broken too", Command("note", numbers=(42,), text="43 is broken too")),
        ("note 42, for 2h", Command("note", numbers=(42,), text="for 2h")),
        ("silences", Command("silences")),
        ("unsilence 3f9a", Command("unsilence", silence="3f9a")),
        ("incidents", Command("incidents", scope="open")),
        ("incidents MINE", Command("incidents", scope="mine")),
        ("incidents all team=db", Command("incidents", scope="all", matchers=(DB,))),
        ("incidents team=db severity=~warning|low", Command("incidents", scope="open", matchers=(DB, MILD))),
        ("incidents all=1", Command("incidents", scope="open", matchers=(Matcher("all", "=", "1"),))),
        ("incidents {}", Command("incidents", scope="open")),
        ("incident 42", Command("incident", numbers=(42,))),
        ("why #42", Command("why", numbers=(42,))),
        ("reveal 42 payments do not answer", Command("reveal", numbers=(42,), text="payments do not answer")),
        ("requests", Command("requests")),
        ("approve 7", Command("approve", request=7)),
        ("/approve #7", Command("approve", request=7)),
        ("deny 7", Command("deny", request=7)),
        ("deny 7 8 is the better one", Command("deny", request=7, text="8 is the better one")),
        ("whoami", Command("whoami")),
        ("help", HELP),
        ("help /Ack", Command("help", topic="ack")),
    ],
)
def test_a_line_is_understood(line: str, meant: Command) -> None:
    assert parse(line) == meant


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("silence #42", Command("silence", numbers=(42,), duration=2 * HOUR)),
        ("silence 42 1d disk swap", Command("silence", numbers=(42,), duration=24 * HOUR, text="disk swap")),
        ("silence #42 for the night", Command("silence", numbers=(42,), duration=2 * HOUR, text="for the night")),
        ("silence team=db", silence(DB)),
        ('silence team="db" 1h disk swap', silence(DB, duration=HOUR, text="disk swap")),
        ("silence team = db for 1h", silence(DB, duration=HOUR)),
        ("silence team=db -- 2h at most", silence(DB, text="2h at most")),
        ("silence team=db,severity=~warning|low 1h", silence(DB, MILD, duration=HOUR)),
        ("silence team=db, severity=~warning|low, 1h", silence(DB, MILD, duration=HOUR)),
        ("silence team=db severity=~warning|low 1h", silence(DB, MILD, duration=HOUR)),
        ('silence {team="db", severity=~"warning|low"} for 1h', silence(DB, MILD, duration=HOUR)),
        ('silence{team="db",}', silence(DB)),
        ('silence title="a }, for 1h" for 1h', silence(Matcher("title", "=", "a }, for 1h"), duration=HOUR)),
        ('silence {title="a }, \\" b"} why', silence(Matcher("title", "=", 'a }, " b'), text="why")),
        ('silence {"service.name"="x y"}', silence(Matcher("service.name", "=", "x y"))),
        ('silence "a b"=c service.name=d', silence(Matcher("a b", "=", "c"), Matcher("service.name", "=", "d"))),
        ('silence host=~"db[0-9]{2}"', silence(Matcher("host", "=~", "db[0-9]{2}"))),
        (
            "silence team=db 1h see https://wiki.example/?page=4",
            silence(DB, duration=HOUR, text="see https://wiki.example/?page=4"),
        ),
    ],
)
def test_a_silence_is_understood(line: str, meant: Command) -> None:
    assert parse(line) == meant


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("silence team=“db” 1h", silence(DB, duration=HOUR)),
        ("silence team=„db“ 1h", silence(DB, duration=HOUR)),
        ("silence {team = “db”, severity=~“warning|low”}", silence(DB, MILD)),
        ("silence title=“disk\u00a0full} , now”", silence(Matcher("title", "=", "disk full} , now"))),
        ("silence {title=“disk full} , now”}", silence(Matcher("title", "=", "disk full} , now"))),
        ('silence title="he said “no”"', silence(Matcher("title", "=", "he said “no”"))),
        ('silence title="hard\u00a0space"', silence(Matcher("title", "=", "hard\u00a0space"))),
        ("silence {team=\u200bdb\u200b}", silence(DB)),
        ("ack\u00a042\u202ffor\u00a01h\u2007on\u00a0it", ack(42, duration=HOUR, text="on\u00a0it")),
        ("\ufeff ack 42\u200b", ack(42)),
        ("ack 42 \u200fשלום\u200f", ack(42, text="שלום")),
        ("ack 42 👩\u200d🚒", ack(42, text="👩\u200d🚒")),
        ("ack 42 a\x00b\x1b[31m", ack(42, text="a b [31m")),
        ("ack 42 \ud83d", ack(42, text="\ufffd")),
    ],
)
def test_what_phones_and_pastes_make_of_it_is_understood(line: str, meant: Command) -> None:
    assert parse(line) == meant


@pytest.mark.parametrize("lead", ["", " ", "/", "/tocsin ", "tocsin ", "Tocsin\u00a0", "/tocsin /", "\n"])
@pytest.mark.parametrize("verb", ["ack", "ACK", "Ack"])
def test_what_stands_before_the_verb_does_not_matter(lead: str, verb: str) -> None:
    assert parse(f"{lead}{verb} 42") == ack(42)


@pytest.mark.parametrize("line", ["", " \n", "/", "/tocsin", "tocsin ", "\u200b"])
def test_an_empty_line_asks_for_help(line: str) -> None:
    assert parse(line) == HELP


def test_every_button_of_a_card_sends_a_line_that_is_understood() -> None:
    for state in State:
        incident = Incident(42, "root", {}, "PgDown", {}, (), "internal", 0.0, state, Severity.critical)
        for button in card(incident, (), {}, "", 0.0).buttons:
            line = button.command if button.verb != "note" else f"{button.command} what the dialog asked for"
            assert (parse(line).verb, parse(line).numbers) == (button.verb, (42,))


# --- what is refused


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("akc 42", 'I do not know "akc". Did you mean ack? Try: ack 42'),
        ("acknowledge 42", 'I do not know "acknowledge". Did you mean ack? Try: ack 42'),
        ("/tocsin slience", 'I do not know "slience". Did you mean silence? Try: silence #42'),
        ("unsil 3f", 'I do not know "unsil". Did you mean unsilence? Try: unsilence 3f9a'),
        ("help akc", 'I do not know "akc". Did you mean ack? Try: ack 42'),
        ("zzz", 'I do not know "zzz". Try: help'),
        ("#42", 'I do not know "#42". Try: help'),
        ("z" * 50, f'I do not know "{"z" * 40}…". Try: help'),
        ("ack", wrong("ack needs the number of an incident.", "ack")),
        ("ack it", wrong('"it" is not the number of an incident.', "ack")),
        ("ack -42", wrong('"-42" is not the number of an incident.', "ack")),
        ("ack ４２", wrong('"４２" is not the number of an incident.', "ack")),
        ("ack 0", wrong("There is no incident #0.", "ack")),
        ("ack 42 20260101120000 began", wrong("There is no incident #20260101120000.", "ack")),
        ("ack " + "9" * 60, wrong(f"There is no incident #{'9' * 40}….", "ack")),
        ("ack 42 for 0s", wrong("A duration must be longer than 0.", "ack")),
        ("ack 42 for 3 nodes", wrong(f"{why('3')} {DASHES}", "ack")),
        ("unack 42 sorry", wrong('I do not understand "sorry" here.', "unack")),
        ("snooze 42 1.5h", wrong(why("1.5h"), "snooze")),
        ("snooze 42 a while", wrong('I do not understand "a" here.', "snooze")),
        ("snooze 42 1h lunch", wrong('I do not understand "lunch" here.', "snooze")),
        ("assign 42", wrong("assign needs a person.", "assign")),
        ("assign 42 @", wrong('"@" is not a person.', "assign")),
        ("assign ana 42", wrong('"ana" is not the number of an incident.', "assign")),
        ("assign 42 @ana please", wrong('I do not understand "please" here.', "assign")),
        ("note 42", wrong("note needs the text of the note.", "note")),
        ("note 42 --", wrong("note needs the text of the note.", "note")),
        ("unsilence", wrong("unsilence needs the id of a silence (to see them: silences).", "unsilence")),
        ("unsilence %", wrong('"%" is not the id of a silence (to see them: silences).', "unsilence")),
        ("incidents closed", wrong('I do not understand "closed" here.', "incidents")),
        ("incidents all team=", wrong('I cannot read the matchers from "team=" on.', "incidents")),
        ("incident 42 43", wrong('I do not understand "43" here.', "incident")),
        ("why", wrong("why needs the number of an incident.", "why")),
        ("whoami 42", wrong('I do not understand "42" here.', "whoami")),
        ("silences db", wrong('I do not understand "db" here.', "silences")),
        ("x" * (MOST_TEXT + 1), "That is 4001 characters; a command may have 4000. Please say it shorter."),
    ],
)
def test_a_wrong_line_is_told_how_to_write_it(line: str, told: str) -> None:
    with pytest.raises(Usage) as refused:
        parse(line)
    assert str(refused.value) == told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("silence", "What should be silenced? Name an incident or write matchers."),
        ("silence 2h", "What should be silenced? Name an incident or write matchers."),
        ("silence {} 2h", "What should be silenced? Name an incident or write matchers."),
        ("silence the database", "What should be silenced? Name an incident or write matchers."),
        ("silence #42 team=db", "silence takes an incident or matchers, not both."),
        ('silence #42 {team="db"}', "silence takes an incident or matchers, not both."),
        # Each of these, read as "matchers, then a reason", would mute more than was meant.
        ('silence team=db host="x 2h', 'I cannot read the matchers from "host="x 2h" on.'),
        ("silence team=db host~=x", 'I cannot read the matchers from "host~=x" on.'),
        ("silence team=db host == x", 'I cannot read the matchers team=db, host ==: unexpected "=" after the value of "host": '
            "put a comma between matchers, and double quotes around such a value (column 16)."),
        ("silence team=db,,host=x", 'I cannot read the matchers from ",host=x" on.'),
        ("silence team=db,,2h", 'I cannot read the matchers from ",2h" on.'),
        ("silence team=db host ~= x", 'I cannot read the matchers from "host ~= x" on.'),
        ("silence {team=db", 'I cannot read the matchers from "{team=db" on.'),
        ("silence {team=db} {host=x}", 'I cannot read the matchers from "{host=x}" on.'),
        ("silence {team=db} host=x", 'I cannot read the matchers from "host=x" on.'),
        ("silence {team=“db}", 'I cannot read the matchers from "{team=“db}" on.'),
        ("silence {team}", 'I cannot read the matchers {team}: expected one of = != =~ !~ after "team" (column 6).'),
        ('silence team=~"("', 'I cannot read the matchers team=~"(": "(" is not a valid regular expression: missing ): ( '
            "(RE2 has no look-around and no back-references) (column 1)."),
        ("silence team!=db", NOT_EMPTY),
        ("silence team=~.*", NOT_EMPTY),
        ("silence team=db 3 nodes", f"{why('3')} {DASHES}"),
    ],
)  # fmt: skip
def test_a_wrong_silence_is_never_taken_for_a_wider_one(line: str, told: str) -> None:
    with pytest.raises(Usage) as refused:
        parse(line)
    assert str(refused.value) == wrong(told, "silence")


def test_a_silence_may_leave_a_label_out_if_another_must_be_there() -> None:
    assert parse('silence team="db" env!="test"').matchers == (DB, Matcher("env", "!=", "test"))


def test_the_number_of_incidents_is_bounded() -> None:
    most = " ".join(map(str, range(1, MOST_NUMBERS + 1)))
    assert len(parse(f"resolve {most}").numbers) == MOST_NUMBERS
    with pytest.raises(Usage, match="That is 51 incidents; resolve takes 50 at once"):
        parse(f"resolve {most} 51")


# --- render, and properties


@pytest.mark.parametrize(
    ("line", "canonical"),
    [
        ("/tocsin ACK #42,43 3h", "ack 42 43 for 3h"),
        ("snooze 42 90m", "snooze 42 for 1h30m"),
        ("snooze 42 5405s", "snooze 42 for 1h30m5s"),
        ("snooze 42 1w1d", "snooze 42 for 8d"),
        ("ack 42 -- 3 nodes", "ack 42 -- 3 nodes"),
        ("ack 42 -- for 3h", "ack 42 -- for 3h"),
        ("assign 42 ana", "assign 42 @ana"),
        ("silence team=db severity=~“warning|low” swap", 'silence {team="db", severity=~"warning|low"} for 2h swap'),
        ("incidents team=db", 'incidents open {team="db"}'),
        ("unsilence 3f", "unsilence 3f"),
        ("help ACK", "help ack"),
    ],
)
def test_a_command_has_one_canonical_line(line: str, canonical: str) -> None:
    assert render(parse(line)) == canonical


PIECES = [
    *VERBS, "tocsin", "/", "#", "42", "43,", "0", "for", "2h", "1h30m", "5ms", "3", "@ana", "--", "—", "open", "mine", "{", "}",
    ",", 'team="db"', "team=db", "a=~b|c", 'x!="y z"', '"a b"=c', "=", "=~", '"', "“", "”", "„", "\\",
    '\\"', "\n", "\u00a0", "\u200b",
    "\u202e", "\ud800", "\x00", "на смене", "👩\u200d🚒",
]  # fmt: skip
glued = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from([" ", "", "\u00a0"])), max_size=12)
lines = st.one_of(
    st.text(),
    glued.map(lambda pieces: "".join(piece + gap for piece, gap in pieces)),
    st.builds("{} {}".format, st.sampled_from(list(VERBS)), st.text(st.characters())),
    st.builds("{} 42 {}".format, st.sampled_from(list(VERBS)), st.text(st.characters())),
    st.builds("silence {}={} {}".format, st.text(), st.text(), st.text()),
)


@given(lines)
@example('silence {"“a”"=b}')
@example('silence {"a\u200bb"=c}')
@example("ack 42 -- --")
@example("ack 42 -- #4")
@example("snooze 42 292y")
@example("help tocsin")
def test_any_text_is_a_command_or_a_usage_error(line: str) -> None:
    try:
        command = parse(line)
    except Usage as refused:
        assert str(refused)
        return
    canonical = render(command)
    canonical.encode()
    assert parse(canonical) == command
    assert render(parse(canonical)) == canonical


numbers = st.integers(1, 10**9 - 1)
durations = st.integers(1, 10**11).map(lambda ms: round(ms / 1000, 3))
plain = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)
notes = plain.map(lambda text: re.sub(rf"^[{BLANK}]+|[{BLANK}]+$", "", text))
labels = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
needed = st.builds(Matcher, labels, st.just("="), plain.filter(bool))
matchers = st.tuples(needed, st.builds(Matcher, labels, st.just("!="), plain))
KINDS: dict[str, st.SearchStrategy[object]] = {
    "incident": st.tuples(numbers),
    "incidents": st.lists(numbers, min_size=1, max_size=5, unique=True).map(tuple),
    "duration": durations,
    "text": notes.filter(bool),
    "matchers": matchers,
    "person": notes.map(lambda text: re.sub(rf"[{BLANK}]", "", text)).filter(bool),
    "choice": st.sampled_from(["open", "mine", "all"]),
    "silence": st.from_regex(r"[a-z0-9-]{1,36}", fullmatch=True),
    "verb": st.sampled_from(list(VERBS)),
    "request": numbers,
}
FIELDS = {"incident": "numbers", "incidents": "numbers", "choice": "scope", "verb": "topic"}


@st.composite
def commands(draw: st.DrawFn) -> Command:
    """Any command of any verb, built from what its arguments say they are."""
    verb = draw(st.sampled_from(list(VERBS.values())))
    said: dict[str, object] = {}
    for arg in verb.args:
        field = FIELDS.get(arg.kind, arg.kind)
        clash = arg.kind == "matchers" and "numbers" in said
        if not clash and (arg.required or arg.default or draw(st.booleans())):
            said[field] = draw(KINDS[arg.kind])
    if verb.name == "silence" and "numbers" not in said:
        said["matchers"] = draw(matchers)
    return Command(verb.name, **said)  # type: ignore[arg-type]  # each value is of its field's kind


@given(commands())
@example(ack(42, text="for 2h"))
@example(ack(42, text="2h"))
@example(ack(42, text="43 too"))
@example(ack(42, text="#43"))
@example(ack(42, text="-- --"))
@example(ack(42, text="— so"))
@example(Command("note", numbers=(42,), text="--"))
@example(silence(Matcher("“a”", "=", "“b”")))
@example(silence(Matcher("a\u200bb", "=", "c\u200bd")))
def test_parse_reads_what_render_wrote(command: Command) -> None:
    assert parse(render(command)) == command


# --- the registry and its help


@pytest.mark.parametrize("verb", VERBS.values(), ids=list(VERBS))
def test_every_verb_is_whole(verb: Verb) -> None:
    assert verb.examples
    assert verb.usage.split()[0] == verb.name
    for line in verb.examples:
        assert parse(line).verb == verb.name
    for arg in verb.args:
        assert arg.label in verb.usage
        assert (f"[{arg.label}]" in verb.usage) <= (not arg.required)
    required = [arg.required for arg in verb.args]
    assert required == sorted(required, reverse=True), "typed options want the required ones first"


def test_what_a_verb_needs_to_be_allowed() -> None:
    """Reading needs clearance only; taking back is part of doing."""
    assert {name: verb.permission for name, verb in VERBS.items()} == {
        "ack": "ack", "unack": "ack", "resolve": "resolve", "snooze": "snooze", "assign": "assign", "note": "note",
        "silence": "silence", "silences": None, "unsilence": "silence", "incidents": None, "incident": None, "why": None,
        "reveal": None, "requests": None, "approve": None, "deny": None, "whoami": None, "help": None,
    }  # fmt: skip


def test_which_verbs_take_an_incident() -> None:
    taking = {name for name, verb in VERBS.items() if verb.takes_incident}
    assert taking == {"ack", "unack", "resolve", "snooze", "assign", "note", "silence", "incident", "why", "reveal"}


@pytest.mark.parametrize("verb", [verb for verb in VERBS.values() if any(arg.default for arg in verb.args)])
def test_the_default_that_help_tells_is_the_one_that_is_taken(verb: Verb) -> None:
    arg = next(arg for arg in verb.args if arg.default)
    command = parse(verb.examples[0])
    said: dict[str, object] = {"duration": command.duration, "choice": command.scope}
    assert said[arg.kind] == {"1h": HOUR, "2h": 2 * HOUR}.get(arg.default, arg.default)
    assert f"; else {arg.default}" in help_text(verb.name)


def test_help_lists_every_verb_on_one_narrow_line() -> None:
    first, *_ = lines = help_text().splitlines()
    assert first == "ack        take incidents on"
    assert [line.split()[0] for line in lines[: len(VERBS)]] == list(VERBS)
    assert lines[-1] == "More on one: help ack"
    assert max(map(len, lines)) <= 46


def test_help_on_one_verb() -> None:
    assert help_text("Snooze") == (
        "snooze NUMBER… [[for] DURATION]\n"
        "no reminders for a while\n"
        "\n"
        "  NUMBER…   one or more, 42 or #42\n"
        "  DURATION  how long, such as 30m, 2h or 1d; else 1h\n"
        "\n"
        "Examples:\n"
        "  snooze 42\n"
        "  snooze 42 43 for 2h"
    )
    assert help_text("whoami").splitlines() == ["whoami", "who you are here, what you may do", "", "Examples:", "  whoami"]


def test_help_on_something_else_is_refused() -> None:
    with pytest.raises(Usage, match=re.escape('I do not know "akc". Did you mean ack? Try: ack 42')):
        help_text("akc")


def test_labels_in_usage() -> None:
    assert Arg("scope", "choice", False, "", ("a", "b")).label == "a|b"
    assert Arg("reason", "text", False, "").label == "REASON"
