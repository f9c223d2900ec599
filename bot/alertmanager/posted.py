"""A silence as tools post it, checked as Alertmanager checks it, in the same order and mostly in its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from adapters.fields import parse_time
from adapters.source import Rejected
from bot.imposing import Wanted
from rules.matcher import Matcher, Op

REQUIRED, TOO_FEW, WRONG_TYPE = 602, 612, 601
"""The codes of go-openapi, whose answers tools know."""


class Coded(Rejected):
    """Answered with a code and a message, as Alertmanager's own framework refuses what does not fit the schema."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(status, message)
        self.code = code


def wanted_of(body: bytes, now: float) -> tuple[str, Wanted]:
    """The id that was posted, as it was, and the silence, whose own `id` is yet to be found. Raises Rejected: 400, 422."""
    said = _decoded(body)
    for name in ("comment", "createdBy", "endsAt", "matchers", "startsAt"):
        if said.get(name) is None:
            raise Coded(422, REQUIRED, f"{name} in body is required")
    _check_matchers(said["matchers"])
    texts = {name: _text(said, name) for name in ("id", "comment", "createdBy", "startsAt", "endsAt")}
    starts_at, ends_at = _time(texts["startsAt"]), _time(texts["endsAt"])
    if starts_at >= ends_at:
        raise Rejected(400, "Failed to create silence: start time must be before end time")
    if ends_at <= now:
        raise Rejected(400, "Failed to create silence: end time can't be in the past")
    matchers = tuple(_matcher(place, one) for place, one in enumerate(said["matchers"]))
    if all(matcher.matches({}) for matcher in matchers):
        raise Rejected(400, "silence invalid: at least one matcher must not match the empty string")
    return texts["id"], Wanted("", matchers, starts_at, ends_at, texts["createdBy"].strip(), texts["comment"].strip())


def _decoded(body: bytes) -> Mapping[str, Any]:
    if not body.strip():
        raise Coded(422, REQUIRED, "silence in body is required")
    try:
        said = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError) as problem:
        raise _unreadable(str(problem)) from problem
    if said is not None and not isinstance(said, dict):
        raise _unreadable("it is no JSON object")
    return said or {}


def _unreadable(why: str) -> Coded:
    return Coded(400, 400, f'parsing silence body from "" failed, because {why}')


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name) or ""
    if not isinstance(value, str):
        raise _unreadable(f"{name} must be a text")
    return value


def _time(text: str) -> float:
    """An empty one is the year 1, as it is to Alertmanager."""
    try:
        return parse_time(text or "0001-01-01T00:00:00Z")
    except ValueError as problem:
        raise _unreadable(f'"{text[:60]}" {problem}') from problem


def _check_matchers(written: object) -> None:
    if not isinstance(written, list) or not all(isinstance(one, dict) for one in written):
        raise _unreadable("matchers must be a list of JSON objects")
    if not written:
        raise Coded(422, TOO_FEW, "matchers in body should have at least 1 items")
    for place, one in enumerate(written):
        for name in ("isRegex", "name", "value"):
            if one.get(name) is None:
                raise Coded(422, REQUIRED, f"matchers.{place}.{name} in body is required")


def _matcher(place: int, one: Mapping[str, Any]) -> Matcher:
    """`isEqual` may be left out, by tools from before there was one."""
    equal = one.get("isEqual")
    flags = (one["isRegex"], True if equal is None else equal)
    name, value = _text(one, "name"), _text(one, "value")
    if not all(isinstance(flag, bool) for flag in flags):
        raise _unreadable("isRegex and isEqual must be true or false")
    try:
        return Matcher(name, OPS[flags], value)
    except ValueError as problem:
        raise Rejected(400, f"silence invalid: invalid label matcher {place}: {problem}") from problem


OPS: Mapping[tuple[bool, bool], Op] = {(False, True): "=", (False, False): "!=", (True, True): "=~", (True, False): "!~"}
"""By isRegex and isEqual."""
