"""What a sender's template made of a body: JSON, broken JSON, a form, a query."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import json_repair

from adapters.body import DEEPEST, MOST_INSIDE, check_text, decoded, load_json
from adapters.source import Rejected, Request

MOST_FIELDS = 1000
MOST_HEAD = 2000
_BOUNDARY = re.compile(r'boundary="?([^";,\s]{1,70})', re.IGNORECASE)
_NAME = re.compile(rb';\s*name="?([^";\r\n]{1,200})', re.IGNORECASE)
_FORM = re.compile(rb"[A-Za-z][A-Za-z0-9_.*-]{0,60}=")


def load_fields(request: Request) -> tuple[Any, str]:
    """What was sent, however it was sent, and how it had to be mended; an empty text when it was sound. Raises Rejected.

    JSON, whatever its content type says, also in the field `payload` or `data` of a form; a form's fields; a query's. JSON that
    somebody's template broke inside a text (a quote, a backslash, a line end) is mended; what was cut off is not.
    """
    if not request.body.strip() and request.query:
        return _unfolded(request.query), ""
    kind = request.headers.get("content-type", "").lower()
    if kind.startswith("multipart/form-data"):
        return _unfolded(_multipart(request)), ""
    if _is_form(request.body, kind):
        return _unfolded(_form(request.body)), ""
    try:
        return load_json(request), ""
    except Rejected as refusal:
        found = _mended_json(request.body)
        if found is None:
            raise
        return found, refusal.reason


def _is_form(body: bytes, kind: str) -> bool:
    """Many call JSON a form, and curl calls everything one."""
    if body.lstrip()[:1] in (b"{", b"["):
        return False
    return kind.startswith("application/x-www-form-urlencoded") or _FORM.match(body) is not None


def _form(body: bytes) -> dict[str, str]:
    check_text(body)
    try:
        fields = parse_qsl(body.decode().strip(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Rejected(400, f"the form has more than {MOST_FIELDS} fields") from None
    if not fields:
        raise Rejected(400, "the form has no field")
    return dict(fields)


def _multipart(request: Request) -> dict[str, str]:
    """By hand, in one go: the library's parser takes a minute for 5 MB of empty parts, and fails on odd names."""
    found = _BOUNDARY.search(request.headers["content-type"])
    parts = request.body.split(b"--" + found[1].encode("ascii", "replace"), MOST_FIELDS) if found else []
    fields: dict[str, str] = {}
    for part in parts[1:]:
        head, _, data = part.partition(b"\r\n\r\n")
        if name := _NAME.search(head[:MOST_HEAD]):
            fields[name[1].decode(errors="replace")] = data.removesuffix(b"\r\n").decode(errors="replace")
    if not fields:
        raise Rejected(400, "Content-Type: the multipart form has no field that can be read")
    return fields


def _unfolded(fields: Mapping[str, str]) -> Any:
    """The fields, or the JSON that one of them brings alone."""
    for name in ("payload", "data"):
        if name in fields and (inner := decoded(fields[name])) is not None:
            return inner
    return dict(fields)


def _mended_json(body: bytes) -> Any:
    """What JSON was meant, where only a text in it is broken; None when that cannot be told."""
    text = body.decode(errors="replace").strip()
    if len(text) > MOST_INSIDE or text[:1] + text[-1:] not in ("{}", "[]") or body.count(b"{") + body.count(b"[") > DEEPEST:
        return None
    if _is_cut_off(text):
        return None
    try:
        found = json_repair.loads(text, skip_json_loads=True)
    except (RecursionError, ValueError):
        return None
    return found if isinstance(found, dict | list) and found else None


def _is_cut_off(text: str) -> bool:
    """Whether it is sound JSON up to its end, where more must come: a part of a batch is not taken for the batch."""
    try:
        json.loads(text, strict=False)
    except ValueError as error:
        return isinstance(error, json.JSONDecodeError) and error.pos >= len(text)
    return False
