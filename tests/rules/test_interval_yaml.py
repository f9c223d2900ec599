"""What YAML may say of an interval, and what it is told when it may not."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from rules.interval import TimeInterval, TimeIntervalSpec, contains


def interval(*specs: str) -> Sequence[TimeIntervalSpec]:
    return TypeAdapter(TimeInterval).validate_python([yaml.safe_load(spec) for spec in specs])


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ("{times: [{start_time: '22:00', end_time: '06:00'}]}",
         "22:00 to 06:00 runs over midnight: write two ranges, 22:00 to 24:00 and 00:00 to 06:00"),
        ("{times: [{start_time: '09:00', end_time: '09:00'}]}", "09:00 to 09:00 is an empty range of times"),
        ("{times: [{start_time: '12:30', end_time: '24:01'}]}", "'24:01' is not a time of day: write hours and minutes"),
        ("{times: [{start_time: '9:00', end_time: '17:00'}]}", "'9:00' is not a time of day"),
        ("{times: [{start_time: 9, end_time: '17:00'}]}", "9 is not a time of day"),
        ("{times: [{start_time: '09:00\\n', end_time: '17:00'}]}", "is not a time of day"),
        ("{times: [{start_time: 12:30:15, end_time: '17:00'}]}", "45015 is not a time of day"),
        ("{times: [{start_time: true, end_time: '17:00'}]}", "True is not a time of day"),
        ("{times: [{start_time: '14:03'}]}", "Field required"),
        ("{times: []}", "an empty list holds at no time: leave the key out to mean always"),
        ("{weekdays: ['friday:monday']}", 'friday:monday runs over the end of the week (saturday): write two ranges, '
         '"friday:saturday" and "sunday:monday"'),
        ("{weekdays: ['mon:fri']}", "'mon' is not a weekday: did you mean \"monday\"?"),
        ("{weekdays: [firday]}", "'firday' is not a weekday: did you mean \"friday\"?"),
        ("{weekdays: ['1:3']}", "'1' is not a weekday: write a name such as \"sunday\""),
        ("{weekdays: ['']}", "'' is not a weekday"),
        ("{weekdays: [{monday: friday}]}", "{'monday': 'friday'} is not a range: write a text such as"),
        ("{days_of_month: ['0']}", "0 is not a day of the month: the first is 1, the last is -1"),
        ("{days_of_month: ['1:32']}", "'32' is not a day of the month: write a number from -31 to 31"),
        ("{days_of_month: ['-32:-1']}", "'-32' is not a day of the month"),
        ("{days_of_month: ['-15:5']}", "-15:5 begins with a negative day, so it must end with one"),
        ("{days_of_month: ['10:-25']}", "10:-25 ends before it begins, in every month"),
        ("{days_of_month: [5:1]}", "5:1 ends before it begins, in every month"),
        ("{days_of_month: ['-1:-3']}", "-1:-3 ends before it begins"),
        ("{days_of_month: ['1:2:3']}", "'2:3' is not a day of the month"),
        ("{months: ['november:february']}", 'write two ranges, "november:december" and "january:february"'),
        ("{months: [11:2]}", "november:february runs over the end of the year"),
        ("{months: ['martius']}", "'martius' is not a month: write a name such as \"january\""),
        ("{months: [13]}", "'13' is not a month: write a number from 1 to 12"),
        ("{months: [true]}", "True is not a range"),
        ("{years: ['2028:2026']}", "2028:2026 ends before it begins"),
        ("{years: [next]}", "'next' is not a year"),
        ("{location: Europe/Berln}", "'Europe/Berln' is not a known time zone: did you mean \"Europe/Berlin\"?"),
        ("{location: europe/berlin2}", 'did you mean "Europe/Berlin"?'),
        ("{location: zzz}", "'zzz' is not a known time zone: write a name such as \"Europe/Berlin\""),
        ("{location: ../../etc/passwd}", "is not a known time zone"),
        ("{location: Europe}", "'Europe' is not a known time zone"),
        ("{location: ''}", "'' is not a known time zone"),
        ("{location: 5}", "5 is not a known time zone"),
        ("{wekdays: [monday]}", "Extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_a_mistake_says_what_and_how_to_mend_it(spec: str, error: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(error)):
        interval(spec)


def test_an_interval_needs_a_spec() -> None:
    with pytest.raises(ValidationError, match="an empty list holds at no time"):
        interval()


def test_what_yaml_makes_of_unquoted_colons_is_understood() -> None:
    quoted = "{times: [{start_time: '09:00', end_time: '17:30'}], days_of_month: ['1:5', '10:31'], months: ['1:3', '12']}"
    assert interval(quoted.replace("'", "")) == interval(quoted)
    assert interval("{times: [{start_time: 10:00, end_time: 24:00}]}") == interval(
        "{times: [{start_time: '10:00', end_time: '24:00'}]}"
    )


@given(
    st.sampled_from(["times", "weekdays", "days_of_month", "months", "years", "location"]), st.text() | st.integers() | st.none()
)
@example("location", "\0")
@example("location", "x" * 10_000)
def test_any_value_is_valid_or_a_validation_error(field: str, written: object) -> None:
    spec = {field: [{"start_time": written, "end_time": "24:00"}] if field == "times" else [written]}
    for value in (spec, {field: written}):
        try:
            contains([TimeIntervalSpec.model_validate(value)], 0.0)
        except ValidationError as error:
            assert error.error_count() >= 1


class Config(BaseModel):
    time_intervals: dict[str, TimeInterval] = {}


def test_the_schema_describes_every_field() -> None:
    schema = Config.model_json_schema()
    for model in ("TimeRange", "TimeIntervalSpec"):
        fields = schema["$defs"][model]["properties"]
        assert all(field.get("description") for field in fields.values()), fields
        assert schema["$defs"][model]["additionalProperties"] is False
    weekdays = schema["$defs"]["TimeIntervalSpec"]["properties"]["weekdays"]["items"]
    assert all(re.search(weekdays["pattern"], text) for text in weekdays["examples"])
    assert schema["$defs"]["TimeIntervalSpec"]["properties"]["location"]["type"] == "string"
    assert interval("{}")[0].location == ZoneInfo("UTC")


# --- beside Debian's amtool 0.25

AMTOOL = "/usr/bin/amtool"
BOTH_TAKE = [
    "{times: [{start_time: '00:00', end_time: '24:00'}]}", "{times: [{start_time: '09:35', end_time: '09:39'}]}",
    "{times: [{start_time: 10:00, end_time: 17:00}]}", "{weekdays: ['monday:friday', Sunday]}", "{weekdays: ['sunday:saturday']}",
    "{days_of_month: ['1', '10', '20:-1']}", "{days_of_month: ['-7:-1']}", "{days_of_month: ['1:-1']}", "{days_of_month: [1:5]}",
    "{months: ['January:december', '12', '1:3']}", "{months: [12]}", "{years: ['2020:2025', 2030]}", "{location: Europe/Berlin}",
    "{location: UTC}",
]  # fmt: skip
BOTH_REFUSE = [
    "{times: [{start_time: '17:31', end_time: '17:31'}]}", "{times: [{start_time: '12:30', end_time: '24:01'}]}",
    "{times: [{start_time: '22:00', end_time: '06:00'}]}", "{times: [{start_time: '9:00', end_time: '17:00'}]}",
    "{times: [{start_time: '14:03'}]}", "{weekdays: ['friday:monday']}", "{weekdays: ['1:3']}", "{weekdays: [mon]}",
    "{days_of_month: ['0']}", "{days_of_month: ['1:50']}", "{days_of_month: ['-50:-20']}", "{days_of_month: ['-15:5']}",
    "{days_of_month: ['10:-25']}", "{months: ['martius:june']}", "{months: ['december:january']}", "{years: ['2022:2020']}",
    "{location: Europe/Berln}", "{wekdays: [monday]}",
]  # fmt: skip
WE_TAKE = ["{days_of_month: ['28:-1']}", "{days_of_month: ['20:-10']}", "{times: [{start_time: 9:00, end_time: 17:00}]}"]
"""It takes -1 for the 27th when it compares, so refuses ranges that have days; an unquoted 9:00 is the number 540 to us."""
WE_REFUSE = ["{months: ['13']}", "{years: ['0']}", "{location: ''}"]
"""Months and years that never come, and a zone that is left empty."""


def takes(spec: str) -> bool:
    try:
        interval(spec)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("specs", "amtool", "ours"),
    [
        pytest.param(BOTH_TAKE, True, True, id="both take"),
        pytest.param(BOTH_REFUSE, False, False, id="both refuse"),
        pytest.param(WE_TAKE, False, True, id="only we take"),
        pytest.param(WE_REFUSE, True, False, id="only we refuse"),
    ],
)
@pytest.mark.real
@pytest.mark.skipif(not shutil.which(AMTOOL), reason="amtool (package prometheus-alertmanager) is not installed")
def test_amtool_takes_the_same_intervals(specs: list[str], amtool: bool, ours: bool, tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.yml" for i in range(len(specs))]
    for path, spec in zip(paths, specs, strict=True):
        named = f"{{name: a, time_intervals: [{spec}]}}"
        path.write_text(f"route: {{receiver: none}}\nreceivers: [{{name: none}}]\ntime_intervals: [{named}]\n")
    done = subprocess.run([AMTOOL, "check-config", *map(str, paths)], capture_output=True, text=True, timeout=60, check=False)
    verdicts = dict(re.findall(r"^Checking '(.*)'  (SUCCESS|FAILED)", done.stdout, re.MULTILINE))
    theirs = {spec: verdicts[str(path)] == "SUCCESS" for path, spec in zip(paths, specs, strict=True)}
    assert theirs == dict.fromkeys(specs, amtool)
    assert {spec: takes(spec) for spec in specs} == dict.fromkeys(specs, ours)
