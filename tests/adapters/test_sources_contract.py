"""What every source must do. Runs over the registry, so that a new source is tested before anyone writes a test for it.

`tests/payloads/<source>/X.json` (or .txt) is a body, `X.expected.json` what must come of it. Beside them may stand
`X.request.json` (headers, path, query, method) and `X.config.json` (the source's config). `X_firing` and `X_resolved` tell of the
same first alert and share `X.config.json`. The samples that `tocsin send --as` sends, adapters/samples/<source>/firing and
resolved, are bodies, too; what must come of them stands in tests/payloads. After a wanted change, write the new expectations
with `python -m tests.adapters.test_sources_contract [source …]`, and read the diff.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters import registry, samples
from adapters.fields import parse_time
from adapters.source import Rejected, Request, Source
from adapters.source_config import SourceConfig
from adapters.sources._sender import Sender
from rules.alert import Alert, BadAlert, Report, Verdict, merge

PAYLOADS = Path(__file__).parent.parent / "payloads"


def resolved_of(firing: Path) -> Path:
    return firing.with_stem(firing.stem.removesuffix("firing") + "resolved")


SAMPLES = Path(samples.__path__[0])
BODIES = [
    path
    for folder in (PAYLOADS, SAMPLES)
    for path in sorted(folder.glob("*/*"))
    if path.suffix in (".json", ".txt") and len(path.suffixes) == 1 and path.name not in ("request.json", "config.json")
]
FIRING = [path for path in BODIES if path.stem.split("_")[-1] == "firing" and resolved_of(path).exists()]
NOW = parse_time("2026-03-02T12:00:00Z")
CANARY = "canary-7f3a"
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
AUTHS: list[Any] = [
    {"bearer": CANARY},
    {"basic": {"user": CANARY, "password": CANARY}},
    {"hmac": CANARY},
    {"header": {"name": "X-Token", "value": CANARY}},
]
twice = settings(max_examples=2 * settings().max_examples)
each_body = pytest.mark.parametrize("path", BODIES, ids=lambda path: f"{path.parent.name}/{path.stem}")
each_json = pytest.mark.parametrize("path", [p for p in BODIES if p.suffix == ".json"], ids=lambda p: f"{p.parent.name}/{p.stem}")
OWN_PARSER = [
    *(kind for kind in sorted(registry.SOURCES) if not issubclass(registry.load(registry.SOURCES[kind]), Sender)),
    "splunk",
]
"""The sources that take a body apart by themselves; the others leave that to Sender, of which one is tried at full size."""
each_source = pytest.mark.parametrize("kind", sorted(registry.SOURCES))


def beside(path: Path, what: str) -> Any:
    """The content of `X.what.json`, or nothing."""
    names = (path.stem, path.stem.removesuffix("_firing").removesuffix("_resolved"))
    found = [PAYLOADS / path.parent.name / f"{name}.{what}.json" for name in names]
    if path.parent.parent == SAMPLES:
        found += [path.with_name(f"{path.stem}.{what}.json"), path.with_name(f"{what}.json")]
    return next((json.loads(file.read_text()) for file in found if file.exists()), {})


def build(kind: str, config: Mapping[str, Any]) -> Source:
    cls = registry.load(registry.SOURCES[kind])
    source: Source = cls("src", cls.config_model.model_validate({"type": kind, "auth": "none", **config}))
    return source


@cache
def source_of(path: Path) -> Source:
    return build(path.parent.name, beside(path, "config"))


def request_of(path: Path, body: bytes | None = None) -> Request:
    more = beside(path, "request")
    data = path.read_bytes() if body is None else body
    headers = {name.lower(): value for name, value in more.get("headers", {}).items()}
    return Request(more.get("method", "POST"), more.get("path", ""), headers, data, "192.0.2.7", more.get("query", {}))


def reports_of(path: Path, now: float = NOW) -> list[Report]:
    source, request = source_of(path), request_of(path)
    source.verify(request, now)
    return source.parse(request, now).reports


def opened(source: Source, request: Request) -> tuple[list[Alert], list[BadAlert]]:
    batch = source.parse(request, NOW)
    alerts, bad = [], list(batch.bad)
    for report in batch.reports:
        try:
            alert = report.open()
        except BadAlert as error:
            bad.append(error)
        else:
            assert (report.firing, report.ends_at) == (alert.firing, alert.ends_at)
            alerts.append(alert)
    return alerts, bad


def readable(alert: Alert) -> dict[str, Any]:
    def iso(seconds: float) -> str:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z") if seconds else ""

    found = msgspec.structs.asdict(alert)
    links = {link.name: link.url for link in alert.links}
    times = {"starts_at": iso(alert.starts_at), "ends_at": iso(alert.ends_at)}
    return {**found, "severity": alert.severity.name, **times, "links": links}


def outcome(path: Path) -> dict[str, Any]:
    alerts, bad = opened(source_of(path), request_of(path))
    batch = source_of(path).parse(request_of(path), NOW)
    more = {"acts": [msgspec.structs.asdict(act) for act in batch.acts], "odd": batch.odd}
    found = {"alerts": [readable(alert) for alert in alerts], "bad": [str(error) for error in bad]}
    return found | {name: what for name, what in more.items() if what}


def reasons(source: Source, request: Request) -> list[str]:
    """What a sender is told of any body at all; every alert that came of it is fit to be stored and shown."""
    try:
        alerts, bad = opened(source, request)
        answer = source.reply(len(alerts), bad)
    except Rejected as error:
        assert error.status in (400, 413, 415, 422)
        return [error.reason]
    assert answer.status in ((200, 201, 202, 204) if alerts or not bad else (400, 422))
    for alert in alerts:
        check_alert(alert)
    return [*map(str, bad), answer.body.decode()]


def check_alert(alert: Alert) -> None:
    msgspec.json.encode(alert)  # no half surrogates
    assert alert.labels and all(alert.labels) and all(alert.labels.values())
    texts = [*alert.labels, *alert.labels.values(), *alert.annotations, *alert.annotations.values()]
    assert not any(CONTROLS.search(text) for text in texts)
    assert all(link.url.lower().startswith(("http://", "https://")) for link in alert.links)
    assert 0 <= alert.starts_at <= NOW + 3600
    assert alert.fingerprint and alert.source == "src"


@each_source
def test_its_config_is_explained_and_asks_for_auth(kind: str) -> None:
    model = registry.load(registry.SOURCES[kind]).config_model
    assert issubclass(model, SourceConfig)
    fields = {name: field for name, field in model.model_fields.items() if name != "type"}
    assert [name for name, field in fields.items() if not field.description] == []
    with pytest.raises(ValidationError, match="auth\n  Field required"):
        model.model_validate({"type": kind})


@each_source
def test_it_has_samples(kind: str) -> None:
    assert [path for path in BODIES if path.parent.name == kind]


@each_source
def test_its_alerts_end(kind: str) -> None:
    """Either its samples show how it says so, or they end by themselves."""
    never_resolves = registry.load(registry.SOURCES[kind]).config_model.model_fields.get("close_after")
    shown = [path for path in FIRING if path.parent.name == kind]
    assert shown or (never_resolves and never_resolves.default)


@each_body
def test_golden(path: Path) -> None:
    assert outcome(path) == beside(path, "expected")


@each_body
def test_the_same_again_is_known_by_key_and_content(path: Path) -> None:
    first, again = reports_of(path), reports_of(path, NOW + 60)
    assert [(r.key, r.content, r.firing) for r in first] == [(r.key, r.content, r.firing) for r in again]
    assert len({r.key for r in first}) == len(first)


@pytest.mark.parametrize("path", FIRING, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_firing_and_resolved_are_the_same_alert(path: Path) -> None:
    fires, resolves = reports_of(path)[0], reports_of(resolved_of(path))[0]
    assert (fires.firing, resolves.firing) == (True, False)
    assert fires.key == resolves.key
    fire, end = fires.open(), resolves.open()
    assert fire.fingerprint == end.fingerprint
    assert fire.starts_at or not end.ends_at, "an end by the sender's clock, of a start by ours, may lie before it"
    known, verdict = merge(merge(None, fire, NOW)[0], end, NOW + 3600)
    assert (known.firing, verdict) == (False, Verdict.resolved)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),  # surrogates, too
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


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


def mutate(random: Random, planted: Any, value: Any) -> Any:
    """The value with some places replaced or removed."""
    box = [deepcopy(value)]
    for _ in range(random.randint(1, 3)):
        container, key = random.choice(list(places(box)) or [(box, 0)])
        if isinstance(container, dict) and random.random() < 0.4:
            del container[key]
        elif container:
            container[key] = deepcopy(random.choice((planted, random.choice(ODD))))
    return box[0] if box else None


@pytest.mark.parametrize("kind", OWN_PARSER)
@twice
@given(body=st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(kind: str, body: bytes) -> None:
    reasons(build(kind, {}), Request("POST", "", {}, body, ""))


def spoilt(random: Random, planted: Any, path: Path) -> bytes:
    """The body with a few values changed, and perhaps a few bytes."""
    body = path.read_bytes()
    if path.suffix == ".json":
        body = json.dumps(mutate(random, planted, json.loads(body))).encode()
    if path.suffix != ".json" or random.random() < 0.4:
        at = random.randint(0, len(body))
        body = body[:at] + random.randbytes(random.randint(0, 3)) + body[at + random.randint(0, 5) :]
    return body


@each_source
@settings(max_examples=max(500, settings().max_examples))
@given(seed=st.integers(0, 2**32 - 1), planted=JSON)
def test_spoilt_bodies_are_refused_in_words(kind: str, seed: int, planted: Any) -> None:
    random = Random(seed)
    path = random.choice([path for path in BODIES if path.parent.name == kind])
    reasons(source_of(path), request_of(path, spoilt(random, planted, path)))


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


if __name__ == "__main__":
    for sample in BODIES:
        if not sys.argv[1:] or sample.parent.name in sys.argv[1:]:
            text = json.dumps(outcome(sample), indent=2, ensure_ascii=False)
            (PAYLOADS / sample.parent.name / f"{sample.stem}.expected.json").write_text(text + "\n")
