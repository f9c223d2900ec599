"""JSON out of a request's body: strict about what is broken, patient with what is merely unusual inside a text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, NoReturn
from urllib.parse import parse_qs

from adapters.source import Rejected, Request

DEEPEST = 200
"""Nesting that no real sender reaches and every Python reads without running out of stack."""

LONGEST_NUMBER = 300
MOST_INSIDE = 64 * 1024
"""Characters of JSON that are looked for inside a text."""

MOST_ALERTS = 20_000
"""In one request. Prometheus sends 256 at most, and what is parsed here keeps everybody else waiting."""

_CONTROLS = bytes(range(0x20))
_SPACES = bytes.maketrans(_CONTROLS, b" " * 0x20)
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_ESCAPE = re.compile(rb"(?:\\[^u])++|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u([dD][89a-fA-F][0-9a-fA-F]{2})|\\u", re.DOTALL)
_STRING_OR_BRACKET = re.compile(_STRING.pattern + rb"|[\[{\]}]", re.DOTALL)
_STEP = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}
_HALF_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def check_text(body: bytes) -> None:
    """Raises Rejected (400) for a body that is empty, or not UTF-8."""
    if not body.strip():
        raise Rejected(400, "the body is empty; send JSON")
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise Rejected(400, f"the body is not UTF-8: byte {error.start} cannot be read") from None


def check_count(alerts: Sequence[object]) -> None:
    """Raises Rejected (413) for more alerts than one request may bring."""
    if len(alerts) > MOST_ALERTS:
        raise Rejected(413, f"the body holds {len(alerts)} alerts; {MOST_ALERTS} at most in one request")


def mended(body: bytes) -> bytes:
    """The body with what JSON forbids inside texts replaced, byte for byte: half surrogates and bare control characters.

    Everything else stays where it was, so that the byte an error names is right.
    """
    return _STRING.sub(_mend_string, body)


def _mend_string(match: re.Match[bytes]) -> bytes:
    text = match[0].translate(_SPACES)
    return _ESCAPE.sub(_mend_escape, text) if _HALF_SURROGATE.search(text) else text


def _mend_escape(match: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if match[1] else match[0]


def check_depth(body: bytes) -> None:
    """Raises Rejected (400) at the bracket that opens one level too many."""
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(body):
        depth += _STEP.get(match[0], 0)
        if depth > DEEPEST:
            raise Rejected(400, f"the body is nested more than {DEEPEST} deep, at byte {match.start()}")


def load_json(request: Request) -> Any:
    """The JSON of a body, whatever its content type says; also of a form's field `payload`. Raises Rejected (400, 415).

    Stricter than `json`: no NaN or infinity, no key twice in one object, no bottomless nesting.
    """
    body = _json_part(request)
    check_text(body)
    check_depth(body)
    try:
        return _DECODER.decode(body.decode())
    except json.JSONDecodeError as error:
        raise Rejected(400, f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except _Unsound as error:
        raise Rejected(400, f"the body is not sound JSON: {error}, at byte {_place(error.token, body)}") from None


def decoded(text: str) -> Any:
    """The JSON that a field holds as a text; None if it is none."""
    if len(text) > MOST_INSIDE or text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        check_depth(text.encode(errors="replace"))
        return _DECODER.decode(text)
    except (json.JSONDecodeError, _Unsound, Rejected):
        return None


def _json_part(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").lower()
    if kind.startswith("multipart/"):
        raise Rejected(415, "Content-Type: multipart is not understood; send JSON, or a form with the field payload")
    if not (kind.startswith("application/x-www-form-urlencoded") or request.body.startswith(b"payload=")):
        return request.body
    if request.body.lstrip()[:1] in (b"{", b"["):  # curl calls everything a form
        return request.body
    try:  # bytes that are no UTF-8 pass through, for check_text to see
        fields = parse_qs(request.body.decode(errors="surrogateescape"), errors="surrogateescape", max_num_fields=1000)
    except ValueError:
        raise Rejected(400, "the form has more than 1000 fields") from None
    if "payload" not in fields:
        raise Rejected(400, "the form has no field payload; put the JSON there")
    return fields["payload"][0].encode(errors="surrogateescape")


class _Unsound(Exception):
    """What `json` would let in. `token`: what of the body it is about."""

    def __init__(self, reason: str, token: str) -> None:
        super().__init__(reason)
        self.token = token


def _place(token: str, body: bytes) -> int:
    """The byte where a token stands first, outside of texts."""
    pattern = re.compile(_STRING.pattern + b"|(" + re.escape(token.encode()) + b")", re.DOTALL)
    return next((match.start() for match in pattern.finditer(body) if match[1]), 0)


def _no_number(word: str) -> NoReturn:
    raise _Unsound(f"{word} is no number", word)


def _finite(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise _Unsound("a number is out of range", digits[:LONGEST_NUMBER])
    return number


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise _Unsound("a number is out of range", digits[:LONGEST_NUMBER])
    return int(digits)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise Rejected(400, f"the body is not sound JSON: the key {twice[:60]!a} stands twice in one object")
    return found


_DECODER = json.JSONDecoder(
    strict=False,  # bare control characters in texts are let in like half surrogates: `text_of` cleans both
    parse_constant=_no_number,
    parse_float=_finite,
    parse_int=_whole,
    object_pairs_hook=_once,
)
