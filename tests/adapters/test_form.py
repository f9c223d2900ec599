"""Bodies however a sender's template made them: JSON that calls itself something else, forms, broken JSON."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from adapters.body import MOST_INSIDE
from adapters.form import load_fields
from adapters.source import Rejected, Request

FORM, TEXT = "application/x-www-form-urlencoded", "text/plain; charset=utf-8"
PART = 'multipart/form-data; boundary="b"'


def load(body: bytes | str, kind: str = "", query: dict[str, str] | None = None) -> tuple[Any, str]:
    data = body if isinstance(body, bytes) else body.encode()
    return load_fields(Request("POST", "", {"content-type": kind} if kind else {}, data, "", query or {}))


@pytest.mark.parametrize(
    ("body", "kind", "found"),
    [
        ('{"a": 1}', "", {"a": 1}),
        ('{"a": 1}', TEXT, {"a": 1}),
        ('{"a": "b=c&d"}', FORM, {"a": "b=c&d"}),  # curl calls everything a form
        ('  [{"a": 1}]\n', FORM, [{"a": 1}]),
        ("\ufeff".encode() + b'{"a": 1}', "application/json", None),
        ("a=1&b=x+y%26&c=", FORM, {"a": "1", "b": "x y&", "c": ""}),
        ("a=1&b=%C3%A4", "", {"a": "1", "b": "ä"}),
        ("a=1&b=2", TEXT, {"a": "1", "b": "2"}),
        ("payload=%7B%22a%22%3A+1%7D", FORM, {"a": 1}),
        ("x=1&data=%5B%7B%22a%22%3A+1%7D%5D", FORM, [{"a": 1}]),
        ("payload=none&a=1", FORM, {"payload": "none", "a": "1"}),
        ('--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n', PART, {"a": "1"}),
        ('--b\r\nContent-Disposition: form-data; name="payload"; filename="x.json"\r\n\r\n{"a": 1}\r\n--b--\r\n', PART, {"a": 1}),
    ],
)  # fmt: skip
def test_sound_bodies(body: bytes | str, kind: str, found: Any) -> None:
    if found is None:
        with pytest.raises(Rejected):
            load(body, kind)
    else:
        assert load(body, kind) == (found, "")


def test_a_query_counts_where_there_is_no_body() -> None:
    assert load("", query={"a": "1"}) == ({"a": "1"}, "")
    assert load(" ", query={"payload": '{"a": 1}'}) == ({"a": 1}, "")
    assert load('{"a": 2}', query={"a": "1"}) == ({"a": 2}, "")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('{"a": "a "quoted" word", "b": 1}', {"a": 'a "quoted" word', "b": 1}),
        ('{"a": "C:\\Windows", "b": 1}', {"a": "C:\\Windows", "b": 1}),
        ('{"a": "100% \\d", "b": 1}', {"a": "100% \\d", "b": 1}),
        ('{"a": 1, "b": 2,}', {"a": 1, "b": 2}),
        ('{"a": , "b": 2}', {"a": "", "b": 2}),
        ("{'a': 'x', 'b': 2}", {"a": "x", "b": 2}),
        ('[{"a": "x "y" z"}]', [{"a": 'x "y" z'}]),
    ],
)
def test_json_that_a_template_broke_is_mended_and_that_is_told(body: str, found: Any) -> None:
    mended, why = load(body)
    assert mended == found
    assert why.startswith("the body is not JSON: ") and "line 1" in why


def test_a_byte_that_is_no_text_costs_only_itself() -> None:
    assert load(b'{"a": "db\xff7"}') == ({"a": "db\ufffd7"}, "the body is not UTF-8: byte 9 cannot be read")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("", "the body is empty"),
        ('{"a": 1, "b": "cut o', "the body is not JSON"),
        ('[{"a": 1}, {"a"', "the body is not JSON"),
        ('{"a": [1, 2', "the body is not JSON"),
        ('{"alerts": [{"a": 1}, {"a": 2}', "the body is not JSON"),  # it ends like a whole one
        ("Disk is full", "the body is not JSON"),
        ("{" * 300 + "}", "the body is nested more than 200 deep"),
        ("{not json at all" * 201 + "}", "the body is nested more than 200 deep"),
        ('{"a": NaN, "a": 1', "NaN is no number"),
        ("{}}", "the body is not JSON"),
    ],
)
def test_what_was_cut_off_or_never_was_json_is_refused(body: bytes | str, told: str) -> None:
    with pytest.raises(Rejected, match=told) as refused:
        load(body)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        ("&&", FORM, "the form has no field"),
        ("&".join(f"a{n}=1" for n in range(1001)), FORM, "the form has more than 1000 fields"),
        ("--b--", PART, "the multipart form has no field that can be read"),
        ('--b\r\nContent-Disposition: form-data\r\n\r\n{"a": 1}\r\n--b--\r\n', PART, "the multipart form has no field"),
        ("a=1", "multipart/form-data", "the multipart form has no field"),
        (b"a=\xff", FORM, "the body is not UTF-8"),
    ],
)
def test_forms_without_anything(body: bytes | str, kind: str, told: str) -> None:
    with pytest.raises(Rejected, match=told) as refused:
        load(body, kind)
    assert refused.value.status == 400


def test_a_huge_broken_one_is_not_tried() -> None:
    broken = '{"a": "a "quoted" word", "b": "' + "x" * MOST_INSIDE + '"}'
    begun = time.process_time()
    with pytest.raises(Rejected, match="the body is not JSON"):
        load(broken)
    assert time.process_time() - begun < 0.5
    assert load(json.dumps({"b": "x" * MOST_INSIDE})) == ({"b": "x" * MOST_INSIDE}, "")


def test_a_hostile_multipart_form_is_refused_at_once() -> None:
    head = {"content-type": "multipart/form-data; boundary=b"}
    for body in (b"--b\r\n\r\n" * 700_000, b"--b\r\nContent-Disposition: form-data; name*\r\n=x\r\n\r\n1\r\n--b--"):
        begun = time.process_time()
        with pytest.raises(Rejected, match="no field that can be read"):
            load_fields(Request("POST", "", head, body, ""))
        assert time.process_time() - begun < 5
