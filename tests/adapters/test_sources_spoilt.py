"""No body whatever it holds may do harm: each is refused in words or makes sound alerts, in time, and no secret is repeated."""

import json
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import registry
from adapters.source import Rejected, Request
from adapters.sources._sender import Sender
from tests.adapters.bodies import BODIES, NOW, build, each_source, reasons, request_of, source_of

CANARY = "canary-7f3a"
AUTHS: list[Any] = [
    {"bearer": CANARY},
    {"basic": {"user": CANARY, "password": CANARY}},
    {"hmac": CANARY},
    {"header": {"name": "X-Token", "value": CANARY}},
]
twice = settings(max_examples=2 * settings().max_examples)
each_json = pytest.mark.parametrize("path", [p for p in BODIES if p.suffix == ".json"], ids=lambda p: f"{p.parent.name}/{p.stem}")
OWN_PARSER = [
    *(kind for kind in sorted(registry.SOURCES) if not issubclass(registry.load(registry.SOURCES[kind]), Sender)),
    "splunk",
]
"""The sources that take a body apart by themselves; the others leave that to Sender, of which one is tried at full size."""

def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) inside a JSON value."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 1e300, "", "null", "$HOST", "{EVENT.ID}", "{{ x }}", "\ud800", "\x00", "NaN", "critical",
    "0001-01-01T00:00:00Z", "2026-02-30 25:61:00", "1772452683", 1772452683000000000, [], {}, [[]], [None], {"": ""}, "resolved",
    "x" * 5000, "9" * 400, "[" * 300, '{"a": 1}', "a:b,c:,:d,", "https://u:p@x/",
)  # fmt: skip
"""What senders and their templates leave where something else should stand."""


def strange(random: Random, depth: int = 0) -> Any:
    """Something odd, or a few such things in a list or an object."""
    kind = random.random()
    if depth > 2 or kind < 0.5:
        return random.choice(ODD)
    if kind < 0.6:
        return "".join(chr(random.randrange(0x110000)) for _ in range(random.randrange(20)))  # half surrogates among them
    if kind < 0.7:
        return random.uniform(-1e18, 1e18) if kind < 0.65 else random.randint(-(2**70), 2**70)
    parts = [strange(random, depth + 1) for _ in range(random.randrange(4))]
    return parts if kind < 0.85 else {random.choice(("", "name", "value", "key", "ü", "a.b", "0")): part for part in parts}


def mutate(random: Random, value: Any) -> Any:
    """The value with some places replaced or removed."""
    box = [deepcopy(value)]
    for _ in range(random.randint(1, 3)):
        container, key = random.choice(list(places(box)) or [(box, 0)])
        if isinstance(container, dict) and random.random() < 0.4:
            del container[key]
        elif container:
            container[key] = deepcopy(strange(random))
    return box[0] if box else None


@pytest.mark.parametrize("kind", OWN_PARSER)
@twice
@given(body=st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(kind: str, body: bytes) -> None:
    reasons(build(kind, {}), Request("POST", "", {}, body, ""))


def spoilt(random: Random, path: Path) -> bytes:
    """The body with a few values changed, and perhaps a few bytes."""
    body = path.read_bytes()
    if path.suffix == ".json":
        body = json.dumps(mutate(random, json.loads(body))).encode()
    if path.suffix != ".json" or random.random() < 0.4:
        at = random.randint(0, len(body))
        body = body[:at] + random.randbytes(random.randint(0, 3)) + body[at + random.randint(0, 5) :]
    return body


@each_source
@settings(max_examples=max(500, settings().max_examples))
@given(seed=st.integers(0, 2**32 - 1))
def test_spoilt_bodies_are_refused_in_words(kind: str, seed: int) -> None:
    random = Random(seed)
    path = random.choice([path for path in BODIES if path.parent.name == kind])
    reasons(source_of(path), request_of(path, spoilt(random, path)))


@each_json
def test_no_reason_repeats_what_was_sent(path: Path) -> None:
    """The canary takes the place of each text, alone and in wrong company, one at a time."""
    sent, source = json.loads(path.read_bytes()), source_of(path)
    for container, key in list(places(sent)):
        kept = container[key]
        for planted in (CANARY, [CANARY], {"x": CANARY}, f"{CANARY}\ud800", f"http://{CANARY}@x", f"{CANARY}Z"):
            container[key] = planted
            body = json.dumps(sent).encode()
            for cut in (body, body[:-1], body + b"x") if planted == CANARY else (body,):
                assert not [reason for reason in reasons(source, request_of(path, cut)) if CANARY in reason]
        container[key] = kept


PROVING = sorted({cls.verify: kind for kind in registry.SOURCES for cls in [registry.load(registry.SOURCES[kind])]}.values())
"""One source for each way of proof; what is alike for all of them need not be tried with each."""


@pytest.mark.parametrize("kind", PROVING)
@pytest.mark.parametrize("auth", AUTHS, ids=lambda auth: next(iter(auth)))
@given(value=st.text(max_size=30))
def test_no_refusal_repeats_a_secret(kind: str, auth: Any, value: str) -> None:
    names = ("authorization", "x-token", "x-hub-signature-256")
    for sent in (value, f"Bearer {value}", f"Basic {value}", f"Bearer {CANARY}x", f"sha256={value}{CANARY}"):
        request = Request("POST", "", dict.fromkeys(names, sent), b"{}", "192.0.2.7")
        with pytest.raises(Rejected) as refused:
            build(kind, {"auth": auth}).verify(request, NOW)
        assert refused.value.status == 401
        assert CANARY not in refused.value.reason


HUGE: dict[str, Callable[[bytes], bytes]] = {
    "brackets": lambda _: b"[" * 5_000_000,
    "deep": lambda _: b'[{"labels":' + b"[" * 10_000 + b"]" * 10_000 + b"}]",
    "deep objects": lambda _: b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "quotes": lambda _: b'["' + b'\\"' * 2_000_000,
    "backslashes": lambda _: b'{"title":"' + b"\\" * 5_000_000,
    "escapes": lambda _: b'{"title":"\\ud800' + b"\\n" * 2_400_000 + b'"}',
    "half surrogates": lambda _: b'{"title":"' + b"\\ud800" * 800_000 + b'"}',
    "digits": lambda _: b'{"title":' + b"9" * 5_000_000 + b"}",
    "one long text": lambda _: b'{"title":"' + b"x" * 5_000_000 + b'"}',
    "many elements": lambda _: b"[" + b"{}," * 1_500_000 + b"{}]",
    "many bad elements": lambda _: b"[" + b"1," * 2_400_000 + b"1]",
    "many keys": lambda _: b"{" + b",".join(b'"%d":1' % i for i in range(400_000)) + b"}",
    "spaces": lambda _: b" " * 5_000_000,
    "the sample, over and over": lambda body: b"[" + b",".join([body] * (4_000_000 // len(body))) + b"]",
}


@pytest.mark.parametrize("what", HUGE)
@pytest.mark.parametrize("kind", OWN_PARSER)
def test_huge_and_deep_bodies_are_answered_in_time(kind: str, what: str) -> None:
    sample = next(path for path in BODIES if path.parent.name == kind)
    begun = time.process_time()
    reasons(build(kind, {}), Request("POST", "", {}, HUGE[what](sample.read_bytes()), ""))
    assert time.process_time() - begun < 5


@each_source
def test_a_huge_alert_is_answered_in_time(kind: str) -> None:
    """Each text of the sample 20,000 characters long, and each list and object with 500 more."""
    sample = next(path for path in BODIES if path.parent.name == kind)
    source, request = source_of(sample), request_of(sample)
    begun = time.process_time()
    body = json.dumps(blown(json.loads(sample.read_bytes()))).encode() if sample.suffix == ".json" else request.body * 1000
    reasons(source, request_of(sample, body[: 5 * 1024 * 1024]))
    reasons(source, request_of(sample, body[: 4 * 1024 * 1024 - 1]))
    assert time.process_time() - begun < 5


def blown(value: Any) -> Any:
    if isinstance(value, str):
        return f"{value} {'word, ' * 3000}" if " " in value else value + "x" * 20_000
    if isinstance(value, list):
        return [*map(blown, value), *(value * 500)[:500]]
    if isinstance(value, dict):
        return {**{name: blown(one) for name, one in value.items()}, **{f"k{i}": i for i in range(500)}}
    return value
