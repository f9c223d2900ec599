import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from rules.duration import LONGEST, Duration, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("0s", 0), ("10s", 10), ("500ms", 0.5), ("1m", 60), ("90m", 5400), ("4h", 14400), ("1h30m", 5400),
        ("2d", 172800), ("1w", 604800), ("1y", 31536000), ("1y2w3d4h5m6s7ms", 31536000 + 1209600 + 273906.007), ("1d0h1s", 86401),
    ],
)  # fmt: skip
def test_prometheus_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "an empty text is not a duration: write a number and a unit; for example 10s, 4h or 1h30m"),
        ("10", "'10' is not a duration: the unit is missing (y, w, d, h, m, s, ms); for example 10s, 4h or 1h30m"),
        ("1.5h", "'1.5h' is not a duration: use a smaller unit instead of a fraction; for example 10s, 4h or 1h30m"),
        ("-5m", "'-5m' is not a duration: it cannot be negative; for example 10s, 4h or 1h30m"),
        ("1h 30m", "'1h 30m' is not a duration: write it without spaces; for example 10s, 4h or 1h30m"),
        ("30m1h", "each unit once, the largest first"),
        ("1h1h", "each unit once"),
        ("4hours", "each with a unit (y, w, d, h, m, s, ms)"),
        ("h", "each with a unit"),
        ("5M", "each with a unit"),
        ("٣s", "write whole numbers"),
        ("1s\n", "write whole numbers"),
        ("293y", "293y is out of range: a duration is between 0 and 292 years"),
        ("9" * 5000 + "s", "9…' is not a duration"),
    ],
)
def test_a_wrong_duration_says_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)) as raised:
        parse_duration(text)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (0.0004, "0s"), (0.5, "500ms"), (1.5, "1s500ms"), (45, "45s"), (59.9999, "1m"), (60, "1m"), (90, "1m30s"),
        (5400, "1h30m"), (5415, "1h30m"), (14400, "4h"), (86405, "1d"), (90000, "1d1h"), (172800, "2d"), (864000, "10d"),
        (-90, "-1m30s"),
    ],
)  # fmt: skip
def test_durations_are_shown_short(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.floats(0, LONGEST))
def test_what_is_shown_can_be_read_again(seconds: float) -> None:
    again = parse_duration(format_duration(seconds))
    assert again <= seconds + 0.0005
    assert again == pytest.approx(seconds, rel=0.05, abs=0.0005)


@given(st.text())
@example("0x")
@example("1e5s")
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        assert 0 <= parse_duration(text) <= LONGEST
    except ValueError as error:
        assert "for example 10s" in str(error)


class Waits(BaseModel):
    wait: Duration = 10.0
    maybe: Duration | None = None


@pytest.mark.parametrize(("written", "seconds"), [("1h30m", 5400.0), (30, 30.0), (0.25, 0.25), (0, 0.0)])
def test_a_model_takes_text_or_seconds(written: object, seconds: float) -> None:
    waits = Waits.model_validate({"wait": written, "maybe": written})
    assert (waits.wait, waits.maybe) == (seconds, seconds)
    assert type(waits.wait) is float


@pytest.mark.parametrize("written", [-1, float("nan"), float("inf"), 1e300, 10**400, True, None, [], {}, "soon", "5"])
def test_a_model_refuses_what_is_no_duration(written: object) -> None:
    with pytest.raises(ValidationError, match="for example 10s, 4h or 1h30m"):
        Waits.model_validate({"wait": written})


def test_the_schema_tells_editors_the_syntax() -> None:
    schema = TypeAdapter(Duration).json_schema()
    pattern = schema["anyOf"][0]["pattern"]
    assert all(re.search(pattern, text) for text in ["0", "0s", "1h30m", *schema["examples"]])
    assert not any(re.search(pattern, text) for text in ["", "5", "30m1h", "1.5h"])
    assert Waits.model_json_schema()["properties"]["wait"]["default"] == 10.0
