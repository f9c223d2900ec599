"""Time intervals such as "office hours": Alertmanager's `time_intervals`, and when they next begin or end."""

from __future__ import annotations

import calendar
import difflib
import math
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Self, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from rules.access import Strict

T = TypeVar("T")
Range = tuple[int, int]
"""First and last, both included."""

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
DAY = 24 * 60  # minutes


def _read_time(written: Any) -> int:
    """Minutes since midnight of `09:00`. YAML 1.1 reads an unquoted 17:00 as 17 * 60 + 0, which is just that number."""
    if isinstance(written, int) and 60 <= written <= DAY:
        return int(written)
    if not isinstance(written, str) or not re.fullmatch(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00", written):
        raise ValueError(f'{written!r} is not a time of day: write hours and minutes in quotes, from "00:00" to "24:00"')
    hours, minutes = written.split(":")
    return int(hours) * 60 + int(minutes)


def _show_time(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _read_range(written: Any, read_one: Callable[[str], int]) -> Range:
    if isinstance(written, int) and not isinstance(written, bool):
        # YAML 1.1 reads an unquoted 1:5 as 1 * 60 + 5. No day or month is that large, and no year that small.
        written = f"{written // 60}:{written % 60}" if 60 <= written < 1900 else str(written)
    if not isinstance(written, str):
        raise ValueError(f'{written!r} is not a range: write a text such as "1:5" or "1"')
    first, colon, last = (part.strip() for part in written.lower().partition(":"))
    begin = read_one(first)
    return begin, read_one(last) if colon else begin


def _read_name(text: str, names: Sequence[str], what: str) -> int:
    if text in names:
        return names.index(text)
    near = [name for name in names if text and name.startswith(text)] or difflib.get_close_matches(text, names, n=1)
    hint = f'did you mean "{near[0]}"?' if near else f'write a name such as "{names[0]}"'
    raise ValueError(f"{text!r} is not a {what}: {hint}")


def _read_number(text: str, least: int, most: int, what: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,4}", text) or not least <= int(text) <= most:
        raise ValueError(f"{text!r} is not a {what}: write a number from {least} to {most}")
    return int(text)


def _read_weekdays(written: Any) -> Range:
    begin, end = _read_range(written, lambda text: _read_name(text, WEEKDAYS, "weekday"))
    if begin > end:
        two = f'"{WEEKDAYS[begin]}:saturday" and "sunday:{WEEKDAYS[end]}"'
        raise ValueError(f"{WEEKDAYS[begin]}:{WEEKDAYS[end]} runs over the end of the week (saturday): write two ranges, {two}")
    return begin, end


def _read_month(text: str) -> int:
    return _read_number(text, 1, 12, "month") if re.match("[-0-9]", text) else _read_name(text, MONTHS, "month") + 1


def _read_months(written: Any) -> Range:
    begin, end = _read_range(written, _read_month)
    if begin > end:
        two = f'"{MONTHS[begin - 1]}:december" and "january:{MONTHS[end - 1]}"'
        raise ValueError(f"{MONTHS[begin - 1]}:{MONTHS[end - 1]} runs over the end of the year: write two ranges, {two}")
    return begin, end


def _read_years(written: Any) -> Range:
    begin, end = _read_range(written, lambda text: _read_number(text, 1, 9999, "year"))
    if begin > end:
        raise ValueError(f"{begin}:{end} ends before it begins")
    return begin, end


def _read_day(text: str) -> int:
    day = _read_number(text, -31, 31, "day of the month")
    if day == 0:
        raise ValueError("0 is not a day of the month: the first is 1, the last is -1")
    return day


def _read_days(written: Any) -> Range:
    begin, end = _read_range(written, _read_day)
    if begin < 0 < end:
        raise ValueError(f"{begin}:{end} begins with a negative day, so it must end with one: the last day of the month is -1")
    if _day_number(begin, 31) > _day_number(end, 31):
        raise ValueError(f"{begin}:{end} ends before it begins, in every month")
    return begin, end


def _day_number(day: int, month_length: int) -> int:
    return day if day > 0 else month_length + 1 + day


def _read_location(written: Any) -> ZoneInfo:
    if isinstance(written, ZoneInfo):
        return written
    try:
        return ZoneInfo(written)
    except (KeyError, ValueError, TypeError, OSError):  # all that ZoneInfo says of a name it does not know
        names = {name.lower(): name for name in available_timezones()}
        near = difflib.get_close_matches(str(written).lower(), names, n=1)
        hint = f'did you mean "{names[near[0]]}"?' if near else 'write a name such as "Europe/Berlin"'
        raise ValueError(f"{written!r} is not a known time zone: {hint}") from None


def _text(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


TimeOfDay = Annotated[int, BeforeValidator(_read_time), _text("^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", "09:00", "24:00")]
Weekdays = Annotated[Range, BeforeValidator(_read_weekdays), _text("^[A-Za-z]+(:[A-Za-z]+)?$", "monday:friday", "saturday")]
Days = Annotated[Range, BeforeValidator(_read_days), _text("^-?[0-9]+(:-?[0-9]+)?$", "1:5", "-3:-1")]
Months = Annotated[Range, BeforeValidator(_read_months), _text("^[A-Za-z0-9]+(:[A-Za-z0-9]+)?$", "january:march", "12")]
Years = Annotated[Range, BeforeValidator(_read_years), _text("^[0-9]+(:[0-9]+)?$", "2026:2028", "2030")]
Location = Annotated[ZoneInfo, BeforeValidator(_read_location), WithJsonSchema({"type": "string", "examples": ["Europe/Berlin"]})]


def _not_empty(values: tuple[T, ...]) -> tuple[T, ...]:
    if not values:
        raise ValueError("an empty list holds at no time: leave the key out to mean always")
    return values


# Field(min_length=1) would add a second error to every item that is refused.
Some = Annotated[tuple[T, ...], AfterValidator(_not_empty), Field(json_schema_extra={"minItems": 1})]


class TimeRange(Strict):
    """A part of a day, in minutes since midnight."""

    start_time: TimeOfDay = Field(description="The first minute of the range, such as `09:00`.")
    end_time: TimeOfDay = Field(description="The first minute after the range, such as `17:00`; `24:00` is the end of the day.")

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        start, end = _show_time(self.start_time), _show_time(self.end_time)
        if self.start_time == self.end_time:
            raise ValueError(f"{start} to {end} is an empty range of times")
        if self.start_time > self.end_time:
            raise ValueError(f"{start} to {end} runs over midnight: write two ranges, {start} to 24:00 and 00:00 to {end}")
        return self


class TimeIntervalSpec(Strict):
    """Times at which every field that is given holds. Wall-clock time of `location`."""

    times: Some[TimeRange] = Field((), description="Times of day, any of them.")
    weekdays: Some[Weekdays] = Field((), description="Weekdays or ranges of them; the week starts on sunday.")
    days_of_month: Some[Days] = Field((), description="Days or ranges; -1 is the last day of the month.")
    months: Some[Months] = Field((), description="Months or ranges, by name or number.")
    years: Some[Years] = Field((), description="Years or ranges.")
    location: Location = Field(ZoneInfo("UTC"), description="Time zone whose wall clock counts, such as `Europe/Berlin`.")

    def in_month(self, day: date) -> bool:
        return _within(self.years, day.year) and _within(self.months, day.month)

    def on_day(self, day: date) -> bool:
        length = calendar.monthrange(day.year, day.month)[1]
        days = [(_day_number(begin, length), _day_number(end, length)) for begin, end in self.days_of_month]
        return self.in_month(day) and _within(self.weekdays, day.isoweekday() % 7) and _within(days, day.day)

    def holds(self, local: datetime) -> bool:
        minute = local.hour * 60 + local.minute
        return self.on_day(local) and (not self.times or any(r.start_time <= minute < r.end_time for r in self.times))


TimeInterval = Annotated[Some[TimeIntervalSpec], Field(description="Holds while any of its parts does.")]
"""A named interval of the config: a list of specs, any of which suffices."""


def _within(ranges: Sequence[Range], value: int) -> bool:
    return not ranges or any(begin <= value <= end for begin, end in ranges)


def contains(interval: Sequence[TimeIntervalSpec], at: float) -> bool:
    """Whether any spec holds at `at`, in seconds since the epoch."""
    return any(spec.holds(_local(spec, at)) for spec in interval)


def next_change(interval: Sequence[TimeIntervalSpec], at: float, horizon_days: int = 366 * 5) -> float | None:
    """The first moment after `at` at which `contains` differs, in seconds since the epoch; None if not within the horizon."""
    before = contains(interval, at)
    moment = math.floor(at)
    while interval and moment <= at + horizon_days * 86400:
        holding = [spec for spec in interval if spec.holds(_local(spec, moment))]
        if bool(holding) is not before:
            return float(moment)
        # What holds keeps the interval going until the last of it may end; else nothing starts before the first may.
        moment = (
            max(_steady_until(spec, moment) for spec in holding) if holding else min(_steady_until(s, moment) for s in interval)
        )
    return None


def _local(spec: TimeIntervalSpec, at: float) -> datetime:
    return datetime.fromtimestamp(math.floor(at), spec.location)  # unfloored, it would round up into the next minute


def _steady_until(spec: TimeIntervalSpec, at: int) -> int:
    """A moment after `at` before which the spec cannot change: the wall clock neither reaches an edge nor is it changed."""
    local = _local(spec, at)
    until = at + _seconds_to_edge(spec, local)
    if _local(spec, until).utcoffset() == local.utcoffset():
        return until
    while until - at > 1:  # the clock changes on the way: find out when
        middle = (at + until) // 2
        if _local(spec, middle).utcoffset() == local.utcoffset():
            at = middle
        else:
            until = middle
    return until


def _seconds_to_edge(spec: TimeIntervalSpec, local: datetime) -> int:
    """From `local` to the next wall-clock time at which the spec may change. At most a month."""
    passed = (local.hour * 60 + local.minute) * 60 + local.second
    if not spec.in_month(local) or not (spec.times or spec.weekdays or spec.days_of_month):
        days_left = calendar.monthrange(local.year, local.month)[1] - local.day
        return (days_left + 1) * DAY * 60 - passed
    times = spec.times if spec.on_day(local) else ()
    edges = [edge * 60 for r in times for edge in (r.start_time, r.end_time)]
    return min((edge for edge in edges if edge > passed), default=DAY * 60) - passed
